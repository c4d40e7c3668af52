"""The test images that a recipe is trained on too, under pseudo labels."""

import logging

import numpy as np
import pandas as pd

from podium.errors import InputError, raise_if_any
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.copies import find_copied_folds
from podium.pipelines.training.member import digest_present
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)


def choose_extra_images(
    recipe: Recipe,
    pseudo_labels: pd.DataFrame,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    copies: pd.DataFrame,
    splitting: SplittingConfig,
) -> pd.DataFrame:
    """Take the pseudo labels, once they are known to fit the present images and split and to leak nothing.

    Args:
        recipe: Says whether it takes them.
        pseudo_labels: image_id, fold, label, with the digests of split and images in its attributes; without columns
            where there never was such a table.
        images: image_id, subset, label, group_id, sha256.
        folds: The present split.
        copies: image_id and copy_set.
        splitting: Which folds are held out.

    Returns:
        image_id, fold and label (int64), sorted by fold and image_id; the model of a fold is trained on its own rows
        alone. No rows for a recipe that does without.

    Raises:
        InputError: There are no pseudo labels, or they were made for other images or another split, name something else
            than a test image of a held-out fold, or bring a copy of a held-out image into training.
    """
    if not recipe.pseudo_labels:
        return pd.DataFrame({"image_id": pd.Series(dtype=str), "fold": np.array([], int), "label": np.array([], int)})
    if pseudo_labels.empty:
        raise InputError(
            f"Recipe '{recipe.name}' is trained on pseudo labels, and there are none:",
            ["kedro run --pipeline pseudo_label makes them, with a lower pseudo_label.threshold if it kept none"],
        )
    present = digest_present(images, folds)
    raise_if_any(
        "The pseudo labels were made for other images or another split:",
        [
            f"{key}: {pseudo_labels.attrs.get(key)}, not {value}; kedro run --pipeline pseudo_label makes them anew"
            for key, value in present.items()
            if pseudo_labels.attrs.get(key) != value
        ],
    )
    raise_if_any("The pseudo labels are wrong:", _list_faults(pseudo_labels, images, folds, copies))
    for fold in sorted(set(splitting.held_out_folds) - set(pseudo_labels["fold"])):
        logger.warning("fold %d is trained without pseudo labels: none was kept for it", fold)
    n_folds = pseudo_labels["fold"].nunique()
    logger.info("training takes %.0f test images a fold under pseudo labels", len(pseudo_labels) / n_folds)
    return pseudo_labels[["image_id", "fold", "label"]].sort_values(["fold", "image_id"]).reset_index(drop=True)


def _list_faults(
    pseudo_labels: pd.DataFrame, images: pd.DataFrame, folds: pd.DataFrame, copies: pd.DataFrame
) -> list[str]:
    """List rows that no run of the pseudo_label pipeline would have written."""
    known = images.loc[images["subset"] == "test", "image_id"]
    n_classes = int(images["label"].max()) + 1
    cases = []
    for row in pseudo_labels[~pseudo_labels["image_id"].isin(known)].itertuples():
        cases.append(f"{row.image_id}: is no test image")
    for row in pseudo_labels[pseudo_labels.duplicated(["image_id", "fold"])].itertuples():
        cases.append(f"{row.image_id}: stands twice in fold {row.fold}")
    for row in pseudo_labels[~pseudo_labels["label"].between(0, n_classes - 1)].itertuples():
        cases.append(f"{row.image_id}: label {row.label} is no class, 0 to {n_classes - 1}")
    copied = find_copied_folds(images, folds, copies)
    for row in pseudo_labels.merge(copied, on=["image_id", "fold"]).itertuples():
        cases.append(f"{row.image_id}: shows the same as an image of fold {row.fold}, whose model must not see it")
    return cases
