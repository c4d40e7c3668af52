"""Which images the page shows, and what is said of each."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.ensembling.criteria import log_losses
from podium.pipelines.report.members import Reported
from podium.safe_names import make_safe_names

Probabilities = npt.NDArray[np.float32]


def list_images(images: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """List all images of the competition: image_id (sorted), subset, label, fold, group_id, path, sha256.

    Args:
        images: As ingestion wrote it.
        folds: image_id and fold of the training images; others have none.
    """
    columns = ["image_id", "subset", "label", "group_id", "path", "sha256"]
    table = images[columns].merge(folds[["image_id", "fold"]], on="image_id", how="left")
    return table.astype({"fold": "Int64"}).sort_values("image_id", ignore_index=True)


def spread_over_images(reported: Reported, name: str, image_ids: pd.Series) -> Probabilities:
    """Lay what a speaker says over images, float32 (n_images, n_classes); NaN where it says nothing of an image."""
    said = np.concatenate([reported.get_oof(name), reported.get_test(name)])
    ids = pd.Index([*reported.members.images["image_id"], *reported.members.test_ids])
    rows = ids.get_indexer(pd.Index(image_ids))
    spread = np.full((len(image_ids), said.shape[1]), np.nan, np.float32)
    spread[rows >= 0] = said[rows[rows >= 0]]
    return spread


def choose_images(table: pd.DataFrame, said: Probabilities, suspects: set[str], max_images: int) -> pd.Series:
    """Choose the images that are worth a place on the page.

    First come the training images that are taken for another class or whose label is suspected, the largest loss first.
    What place is left is shared by the other training images and the test images in proportion to their numbers, the
    ones with the smallest lead of the most probable class first; images of which nothing is said come last.

    Args:
        table: image_id, subset and label; see :func:`list_images`.
        said: Of the main speaker, (n_images, n_classes); NaN where it says nothing.
        suspects: image_id of those whose label is suspected.
        max_images: How many.

    Returns:
        bool (n_images,): which are shown.
    """
    if len(table) <= max_images:
        return pd.Series(True, index=table.index)
    is_known = ~np.isnan(said[:, 0])
    labels = table["label"].fillna(-1).to_numpy(np.int64)
    is_judged = is_known & (labels >= 0)
    losses, leads = np.zeros(len(table)), np.full(len(table), np.inf)
    losses[is_judged] = log_losses(said[is_judged], labels[is_judged])
    top = np.partition(said[is_known], -2, axis=1)
    leads[is_known] = top[:, -1] - top[:, -2]
    is_wrong = is_judged & (np.nan_to_num(said).argmax(axis=1) != labels)
    is_other = ~(is_wrong | table["image_id"].isin(suspects).to_numpy(bool))
    order = table[["image_id", "subset"]].assign(is_other=is_other, rank=np.where(is_other, leads, -losses))
    order = order.sort_values(["is_other", "rank", "image_id"])
    # How far down its own subset an image stands, as a share: going by that, both subsets fill up evenly.
    subsets = order.groupby(["is_other", "subset"])["image_id"]
    order["turn"] = np.where(order["is_other"], (subsets.cumcount() + 1) / subsets.transform("size"), 0.0)
    chosen = order.sort_values(["is_other", "turn", "rank", "image_id"]).index[:max_images]
    return pd.Series(table.index.isin(chosen), index=table.index)


def find_original(page_dir: Path | None, root: Path, path: str) -> str:
    """Return the way from the page to the organisers' file, with forward slashes; ``''`` where there is none.

    From one drive of Windows to another there is none.

    Args:
        page_dir: The folder of the page; None where it is not known.
        root: The competition's folder.
        path: Of the file, below the root.
    """
    if page_dir is None:
        return ""
    try:
        return Path(os.path.relpath(root / path, page_dir)).as_posix()
    except ValueError:
        return ""


def name_folders(labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], names: list[str]) -> list[str]:
    """Name the folder of each image, ``<true>_as_<predicted>``; two pairs of classes never share one.

    A class may be called ``b_as_c``: then ``a`` taken for it and ``a_as_b`` taken for ``c`` read alike, and the later
    pair is numbered.

    Args:
        labels, predicted: int64 (n_images,).
        names: Of the classes, by label.
    """
    pairs = sorted(set(zip(labels.tolist(), predicted.tolist(), strict=True)))
    folders = dict(
        zip(pairs, make_safe_names([f"{names[true]}_as_{names[said]}" for true, said in pairs]), strict=True)
    )
    return [folders[pair] for pair in zip(labels.tolist(), predicted.tolist(), strict=True)]
