"""Deal training images into folds."""

import logging

import numpy as np
import pandas as pd

from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.splitting.dealing import deal_groups

logger = logging.getLogger(__name__)


def assign_folds(
    images: pd.DataFrame, classes: pd.DataFrame, copies: pd.DataFrame, splitting: SplittingConfig
) -> pd.DataFrame:
    """Give every training image a fold, balanced over the classes.

    Images of one group, and copies of one image, share a fold, also where it is a test image that both are copies of.
    The result depends on the images and the seed alone: not on the order of files, nor on the machine.

    Args:
        images: image_id, subset, label, group_id; one row an image.
        classes: label and class_name, for messages.
        copies: image_id and copy_set, see :func:`podium.copies.sets.collect_copies`.
        splitting: Number of folds and seed.

    Returns:
        image_id (str) and fold (int64, 0 to n_folds - 1) of every training image, sorted by image_id;
        ``attrs["split_digest"]`` names this split.

    Raises:
        InputError: There are fewer groups than folds, no class has an image a fold, or nobody has looked for copies.
    """
    from podium.copies.sets import join_groups

    train = images[images["subset"] == "train"].sort_values("image_id").reset_index(drop=True)
    groups = join_groups(train, copies)
    _report_joined(train, groups)
    _require_groups(groups, splitting.n_folds)
    labels = train["label"].to_numpy(np.int64)
    _require_a_large_class(labels, splitting.n_folds)
    _warn_of_small_classes(labels, groups, classes, splitting)
    fold = deal_groups(labels, groups, splitting.n_folds, splitting.seed)
    folds = pd.DataFrame({"image_id": train["image_id"], "fold": fold})
    folds.attrs["split_digest"] = digest_table(folds)
    counts = np.bincount(fold, minlength=splitting.n_folds).tolist()
    logger.info("dealt %d images into folds of %s, split %s", len(folds), counts, folds.attrs["split_digest"])
    return folds


def _report_joined(train: pd.DataFrame, groups: np.ndarray) -> None:
    n_before, n_after = train["group_id"].nunique(), len(np.unique(groups))
    if n_after < n_before:
        logger.info("%d groups became %d, since some hold copies of one image", n_before, n_after)


def _require_groups(groups: np.ndarray, n_folds: int) -> None:
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise InputError(
            "There are fewer groups than folds:",
            [f"splitting.n_folds: {n_folds} folds of {n_groups} groups (people, scans, copies); at most {n_groups}"],
        )


def _require_a_large_class(labels: np.ndarray, n_folds: int) -> None:
    """Ask for one class with an image a fold: without any, folds cannot be balanced at all."""
    largest = int(np.bincount(labels).max())
    if largest < n_folds:
        raise InputError(
            "Every class has fewer images than there are folds:",
            [f"splitting.n_folds: {n_folds} folds, the largest class has {largest} images; at most {largest}"],
        )


def _warn_of_small_classes(
    labels: np.ndarray, groups: np.ndarray, classes: pd.DataFrame, splitting: SplittingConfig
) -> None:
    """Say which classes some folds cannot hold, and what follows for their scores."""
    names = classes.set_index("label")["class_name"]
    n_groups = pd.Series(groups).groupby(labels).nunique()
    for label, count in n_groups[n_groups < splitting.n_folds].items():
        logger.warning(
            "class '%s' has images of %d group(s) for %d folds: some folds validate without it, and its F1 rests on "
            "%d image(s)",
            names[label], count, splitting.n_folds, int((labels == label).sum()),
        )  # fmt: skip
