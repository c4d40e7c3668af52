"""Sets of images that show the same picture, and of those that must stay on one side of a split."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from podium.errors import InputError

COLUMNS = {
    "image_id": "str", "subset": "str", "copy_set": "int64", "closest_id": "str", "kind": "str", "n_bits": "Int64",
    "similarity": "float64", "change": "str",
}  # fmt: skip


def join_groups(images: pd.DataFrame, copies: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number the sets of images that must stay on one side of a split.

    Two images belong together when they share a group or a set of copies; so do images that are joined by a chain of
    such pairs.

    Args:
        images: image_id and group_id (null for none), one row an image.
        copies: image_id and copy_set; it may name further images.

    Returns:
        int64, (n_images,): the number of each image's set, counted from 0 in order of first appearance.

    Raises:
        InputError: Nobody has looked for copies yet.
    """
    if "copy_set" not in copies:
        raise InputError("Nobody has looked for copies of images yet:", ["kedro run --pipeline copies does"])
    n = len(images)
    groups = pd.factorize(images["group_id"])[0]
    copied = pd.factorize(images["image_id"].map(copies.set_index("image_id")["copy_set"]))[0]
    starts = np.cumsum([0, n, groups.max(initial=-1) + 1, copied.max(initial=-1) + 1])
    left, right = [], []
    for numbers, start in ((groups, starts[1]), (copied, starts[2])):  # nodes: images, then groups, then sets of copies
        rows = np.flatnonzero(numbers >= 0)
        left.append(rows)
        right.append(numbers[rows] + start)
    return _number(np.concatenate(left), np.concatenate(right), int(starts[3]))[:n]


def collect_copies(images: pd.DataFrame, pairs: pd.DataFrame, not_copies: Iterable[Sequence[str]] = ()) -> pd.DataFrame:
    """List the images that have a copy: the same bytes, or a content that was found to show the same.

    Args:
        images: image_id, subset, sha256.
        pairs: Of contents, see :func:`podium.copies.search.search_pairs`.
        not_copies: Lists of image_id that a person says show different things.

    Returns:
        Sorted by image_id: image_id, subset, copy_set (int64, numbered in order of the first image_id), closest_id (of
        another image of the set), and how the two resemble each other: kind ("bytes", "look_alike", "edited"), n_bits
        (Int64), similarity, change.
    """
    table = images[["image_id", "subset", "sha256"]].sort_values("image_id", ignore_index=True)
    pairs = _leave_out(pairs, table, not_copies)
    contents = pd.Index(pd.unique(table["sha256"]))
    left, right = (contents.get_indexer(pairs[end]) for end in ("first", "second"))
    known = (left >= 0) & (right >= 0)  # a content may have been taken out of the competition since
    sets = pd.Series(_number(left[known], right[known], len(contents)), index=contents)
    table = table.assign(copy_set=table["sha256"].map(sets))
    table = table[table.duplicated("copy_set", keep=False)]
    table = table.assign(copy_set=pd.factorize(table["copy_set"])[0])
    closest = pd.concat([_list_equal(table), _list_similar(table, pairs[known])]).drop_duplicates("image_id")
    return table.merge(closest, on="image_id")[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def list_label_conflicts(copies: pd.DataFrame, images: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """List training images whose copies among the training images have another label.

    Args:
        copies: See :func:`collect_copies`.
        images: image_id and label, null in the test part.
        classes: label and class_name.

    Returns:
        copy_set, image_id, class_name, kind, closest_id, sorted by copy_set and image_id.
    """
    labels = images.set_index("image_id")["label"]
    rows = copies.assign(label=copies["image_id"].map(labels))
    rows = rows[rows["label"].notna().to_numpy(bool)].astype({"label": "int64"})
    rows = rows[(rows.groupby("copy_set")["label"].transform("nunique") > 1).to_numpy(bool)]
    named = rows.assign(class_name=rows["label"].map(classes.set_index("label")["class_name"]).astype("str"))
    columns = ["copy_set", "image_id", "class_name", "kind", "closest_id"]
    return named.sort_values(["copy_set", "image_id"])[columns].reset_index(drop=True)


def _number(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Number what is joined by edges, int64 (n,), in order of first appearance."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    sets = connected_components(graph, directed=False)[1]
    return np.asarray(pd.factorize(sets)[0], dtype=np.int64)


def _leave_out(pairs: pd.DataFrame, table: pd.DataFrame, not_copies: Iterable[Sequence[str]]) -> pd.DataFrame:
    """Drop the pairs of contents of which a person says that they differ."""
    contents = table.set_index("image_id")["sha256"]
    apart = {
        (min(one, other), max(one, other))
        for ids in not_copies
        for one, other in combinations(contents.reindex(list(ids)).dropna().tolist(), 2)
    }
    kept = [pair not in apart for pair in zip(pairs["first"], pairs["second"], strict=True)]
    return pairs[np.array(kept, dtype=bool)]


def _list_equal(table: pd.DataFrame) -> pd.DataFrame:
    """Name for each image of which another has the same bytes the first such."""
    equal = table[table.duplicated("sha256", keep=False)]
    of_content = equal.groupby("sha256")["image_id"]
    first, second = of_content.transform("first"), of_content.transform(lambda ids: ids.iloc[1])
    closest = first.where(equal["image_id"] != first, second)
    return pd.DataFrame(
        {"image_id": equal["image_id"], "closest_id": closest, "kind": "bytes", "n_bits": pd.NA,
         "similarity": np.nan, "change": "none"}
    )  # fmt: skip


def _list_similar(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Name for each image the most similar other content: the nearest hash, else the largest similarity."""
    first_id = table.drop_duplicates("sha256").set_index("sha256")["image_id"]
    turned = pairs.rename(columns={"first": "second", "second": "first"})
    ends = pd.concat([pairs, turned], ignore_index=True)
    ends = ends.assign(closest_id=ends["second"].map(first_id), is_edited=ends["kind"] == "edited")
    ends = ends.sort_values(
        ["first", "is_edited", "n_bits", "similarity", "closest_id"], ascending=[True, True, True, False, True]
    ).drop_duplicates("first")
    found = table[["image_id", "sha256"]].merge(ends, left_on="sha256", right_on="first")
    return found[["image_id", "closest_id", "kind", "n_bits", "similarity", "change"]]
