"""The proof that a split does not leak: what stands on both sides of it."""

from typing import Any

import pandas as pd

from podium.copies.sets import join_groups
from podium.digests import digest_table
from podium.errors import raise_if_any

LEAK_COLUMNS = {
    "leak": "int64", "why": "str", "image_id": "str", "fold": "Int64", "subset": "str", "closest_id": "str",
}  # fmt: skip
NO_FOLD, NO_IMAGE, CHAIN, GROUP = "no_fold", "no_training_image", "chain", "group"
REMEDY = "kedro run --pipeline train makes folds and proof anew, and says what is wrong"


def list_leaks(images: pd.DataFrame, folds: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    """List the training images that stand in other folds than images they belong together with.

    Args:
        images: image_id, subset, group_id.
        folds: image_id and fold.
        copies: See :func:`podium.copies.sets.collect_copies`.

    Returns:
        One row an image, sorted by leak and image_id: leak (int64, numbers the sets that are torn apart), why ("group",
        "bytes", "look_alike", "edited", or "chain" where only others of the set say so; "no_fold" and
        "no_training_image" where images and folds do not fit), image_id, fold (Int64), subset (null of an unknown
        image), closest_id (of the nearest copy, null for none).
    """
    table = images[["image_id", "subset", "group_id"]].merge(
        folds[["image_id", "fold"]].astype({"fold": "Int64"}), on="image_id", how="outer"
    )
    is_train = (table["subset"] == "train").to_numpy(bool)
    has_fold = table["fold"].notna().to_numpy(bool)
    table["why"] = NO_FOLD
    table.loc[has_fold & ~is_train, "why"] = NO_IMAGE
    # Test images join training images that are copies of them, too.
    sets = pd.Series(join_groups(table.assign(group_id=table["group_id"].where(is_train)), copies), index=table.index)
    dealt = table[is_train & has_fold]
    torn = dealt[(dealt["fold"].groupby(sets).transform("nunique") > 1).to_numpy(bool)]
    alone = table[is_train != has_fold]
    rows = pd.concat([torn.assign(why=_say_why(torn, copies)), alone])
    numbers = pd.factorize(sets[rows.index].where(rows.index.isin(torn.index), -1 - rows.index))[0]
    closest = rows["image_id"].map(copies.set_index("image_id")["closest_id"])
    found = rows.assign(leak=numbers, closest_id=closest).sort_values(["leak", "image_id"])
    return found[list(LEAK_COLUMNS)].astype(LEAK_COLUMNS).reset_index(drop=True)


def describe_leaks(leaks: pd.DataFrame) -> list[str]:
    """Say of each leak in one line which images stand where, and why that is wrong."""
    lines = []
    for _, rows in leaks.groupby("leak"):
        first = rows.iloc[0]
        if first["why"] == NO_FOLD:
            lines.append(f"{first['image_id']}: has no fold")
        elif first["why"] == NO_IMAGE:
            lines.append(f"{first['image_id']}: has a fold, but is no training image")
        else:
            places = "; ".join(f"{row.image_id} in fold {int(row.fold)}" for row in rows.itertuples())
            reasons = [why for why in dict.fromkeys(rows["why"]) if why != CHAIN]
            lines.append(f"{places} ({', '.join(reasons)})")
    return lines


def count_sets(copies: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Count the sets of copies within the training part, across both parts, and within the test part, by kind.

    A set is of the kind that is hardest to see among its images: edited, look_alike, bytes.
    """
    order = ["bytes", "look_alike", "edited"]
    sets = copies.assign(rank=copies["kind"].map(order.index)).groupby("copy_set")
    kinds, n_parts, first = sets["rank"].max(), sets["subset"].nunique(), sets["subset"].first()
    places = {
        "n_sets_in_train": (n_parts == 1) & (first == "train"),
        "n_sets_across": n_parts > 1,
        "n_sets_in_test": (n_parts == 1) & (first == "test"),
    }
    return {name: {kind: int((kinds[chosen] == rank).sum()) for rank, kind in enumerate(order)}
            for name, chosen in places.items()}  # fmt: skip


def digest_groups(images: pd.DataFrame) -> str:
    """Digest which training images share a group."""
    train = images.loc[images["subset"] == "train", ["image_id", "group_id"]]
    return digest_table(train.sort_values("image_id"))


def require_proof(proof: dict[str, Any], present: dict[str, str]) -> None:
    """Refuse to train without a proof that the present split does not leak.

    Args:
        proof: Content of ``leak_proof``; empty where there is none.
        present: The digests that it has to carry.

    Raises:
        InputError: There is no proof, it is of something else, or it found leaks; all are listed.
    """
    raise_if_any("Nobody has proven that this split does not leak:", [] if proof else [REMEDY])
    raise_if_any(
        "The proof that the split does not leak is of something else:",
        [f"leak_proof.{key}: {proof.get(key)}, not {value}; {REMEDY}"
         for key, value in present.items() if proof.get(key) != value],
    )  # fmt: skip
    raise_if_any(
        "The split leaks: these images belong on one side (same group, same or nearly the same picture); "
        "08_reporting has them in leaks.csv and copies_sheet.png. Images that only look alike are named in "
        "leaks.not_copies:",
        proof["leaks"],
    )


def _say_why(torn: pd.DataFrame, copies: pd.DataFrame) -> pd.Series:
    """Say of each image what ties it to images of other folds: its group, else its copies, else others of its set."""
    by_id = copies.set_index("image_id")
    sets = torn["image_id"].map(by_id["copy_set"])
    has_far_group = torn.groupby("group_id")["fold"].transform("nunique") > 1
    has_far_copy = torn["fold"].groupby(sets).transform("nunique") > 1
    kinds = torn["image_id"].map(by_id["kind"]).where(has_far_copy.to_numpy(bool), CHAIN)
    return kinds.where(~has_far_group.to_numpy(bool), GROUP)
