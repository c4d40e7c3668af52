"""Train the folds of a recipe, one after another."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from podium.leaks import require_no_leak
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import identify_member as identify
from podium.tracking import log_epoch
from podium.vision.backbones import InputSpec
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)

OUTPUTS = ("weights", "oof", "test_probabilities", "history")


def identify_member(
    recipe: Recipe,
    policy: list[dict[str, Any]],
    input_spec: dict[str, Any],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    classes: pd.DataFrame,
    splitting: SplittingConfig,
) -> dict[str, Any]:
    """Name the member that this run trains, once the split is known to keep copies on one side.

    Returns:
        name, recipe, recipe_digest, split_digest, content_digest and folds (those to train); see
        :func:`podium.pipelines.training.member.identify_member`.

    Raises:
        InputError: A group, or copies of an image, stand in several folds; all are listed.
    """
    require_no_leak(images, folds, splitting.near_duplicate_max_bits)
    return {
        **identify(recipe, policy, input_spec, images, folds, targets, variants, len(classes)),
        "folds": splitting.held_out_folds,
    }


def train_folds(
    member: dict[str, Any],
    recipe: Recipe,
    policy: list[dict[str, Any]],
    input_spec: dict[str, Any],
    images: pd.DataFrame,
    classes: pd.DataFrame,
    image_store: dict[str, Any],
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    finished_folds: dict[str, pd.DataFrame],
    training: TrainingConfig,
) -> Iterator[dict[str, dict[str, Any]]]:
    """Train every fold that is not finished yet, each saved as soon as it ends.

    Writes checkpoints below ``training.checkpoint_dir`` while a fold trains, the one place that this node touches
    itself; an interrupted fold goes on from its last finished epoch.

    Args:
        member: name and folds to train.
        recipe: What to train.
        policy: Resolved augmentation.
        input_spec: Input of the backbone.
        images: image_id, subset, sha256.
        classes: One row a class.
        image_store: folder of the store.
        folds: image_id and fold.
        targets: image_id, label (true) and training_label.
        variants: image_id and n_variants.
        finished_folds: The history of each fold that was trained before, by ``<member>/fold_<k>``.
        training: Device, precision, workers.

    Yields:
        One mapping a fold: weights, oof, test_probabilities and history, each ``{"<member>/fold_<k>": data}``; empty
        for a fold that is finished.
    """
    from podium.pipelines.training.folds import choose_hardware, fit_and_describe  # torch only where it is needed

    train = folds.merge(targets, on="image_id").merge(variants, on="image_id")
    train = train.merge(images[["image_id", "sha256"]], on="image_id").sort_values("image_id")
    test = images[images["subset"] == "test"].sort_values("image_id")
    hardware = choose_hardware(training)
    spec = InputSpec(**input_spec)
    for fold in member["folds"]:
        partition = f"{member['name']}/fold_{fold}"
        checkpoint_dir = Path(training.checkpoint_dir) / partition / "checkpoints"
        if partition in finished_folds:
            logger.info("fold %d of %s was trained before", fold, member["name"])
            for row in finished_folds[partition].to_dict("records"):
                log_epoch(fold, row)
            shutil.rmtree(checkpoint_dir, ignore_errors=True)  # a kill may have come just after the last save
            yield {name: {} for name in OUTPUTS}
            continue
        logger.info("training fold %d of %s on %s, %s", fold, member["name"], hardware.accelerator, hardware.precision)
        results = fit_and_describe(
            recipe,
            spec,
            policy,
            image_store["folder"],
            train,
            test,
            len(classes),
            member,
            fold,
            hardware,
            checkpoint_dir,
        )
        yield {name: {partition: results[name]} for name in OUTPUTS}
        shutil.rmtree(checkpoint_dir)  # everything is saved by now: Kedro saves a yield before it asks for the next
