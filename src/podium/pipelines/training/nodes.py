"""Train the folds of a recipe, one after another."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from podium.datasets.finished_folds import FinishedFold
from podium.digests import digest_table
from podium.disk.identity import note_identity
from podium.disk.removal import remove_path
from podium.pipelines.leaks.config import LeaksConfig
from podium.pipelines.leaks.nodes import digest_proven
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import identify_member as identify
from podium.tracking import log_epoch, tell_tags
from podium.vision.input_spec import InputSpec
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
    starting_weights: dict[str, Any],
    sources: list[str],
    extra_images: pd.DataFrame,
    leak_proof: dict[str, Any],
    leaks: LeaksConfig,
    splitting: SplittingConfig,
) -> dict[str, Any]:
    """Name the member that this run trains, once the split is proven to keep copies on one side.

    Returns:
        name, recipe, recipe_digest, attribute, sources, split_digest, content_digest and folds (those to train); see
        :func:`podium.pipelines.training.member.identify_member`.

    Raises:
        InputError: There is no proof that the present split does not leak, or it found leaks; all are listed.
    """
    from podium.copies.proof import require_proof

    require_proof(leak_proof, digest_proven(images, folds, leaks))
    made_of: dict[str, Any] = {
        "starting_weights": starting_weights["sha256"],
        "sources": sources,
        "class_values": digest_table(classes.drop(columns="class_name", errors="ignore")),
    }
    if recipe.pseudo_labels:
        made_of["pseudo_labels"] = digest_table(extra_images)
    return {
        **identify(recipe, policy, input_spec, images, folds, targets, variants, len(classes), made_of),
        "folds": splitting.held_out_folds,
    }


def train_folds(
    member: dict[str, Any],
    recipe: Recipe,
    policy: list[dict[str, Any]],
    input_spec: dict[str, Any],
    starting_weights: dict[str, Any],
    images: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
    image_store: dict[str, Any],
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    finished_folds: dict[str, FinishedFold],
    extra_images: pd.DataFrame,
    training: TrainingConfig,
) -> Iterator[dict[str, dict[str, Any]]]:
    """Train every fold that is not finished yet, each saved as soon as it ends.

    Writes checkpoints below ``training.checkpoint_dir`` while a fold trains, the one place that this node touches
    itself; an interrupted fold goes on from its last finished epoch. A recipe that joins or averages others trains
    nothing.

    Args:
        member: name, sources and folds to train.
        recipe: What to train.
        policy: Resolved augmentation.
        input_spec: Input of the backbone.
        starting_weights: path of the file, or None.
        images: image_id, subset, sha256.
        classes: One row a class.
        attributes: Values of each attribute, in order.
        image_store: folder of the store.
        folds: image_id and fold.
        targets: image_id, label (true) and training_label.
        variants: image_id and n_variants.
        finished_folds: Each fold that was trained before, by ``<member>/fold_<k>``.
        extra_images: image_id, fold and label of the test images that each fold is trained on too.
        training: Device, precision, workers.

    Yields:
        One mapping a fold: weights, oof, test_probabilities and history, each ``{"<member>/fold_<k>": data}``; empty
        for a fold that is finished.
    """
    from podium.pipelines.training.folds import (
        average_and_describe,
        fit_and_describe,
        join_and_describe,
        make_tables,
    )
    from podium.pipelines.training.hardware import choose_hardware
    from podium.vision.fit import MemberPlan

    tables = make_tables(images, classes, attributes, folds, targets, variants, member, extra_images)
    weights = starting_weights["path"]
    plan = MemberPlan(recipe, InputSpec.from_dict(input_spec), policy, None if weights is None else Path(weights))
    hardware = choose_hardware(training)
    for fold in member["folds"]:
        partition = f"{member['name']}/fold_{fold}"
        checkpoint_dir = Path(training.checkpoint_dir) / partition / "checkpoints"
        if partition in finished_folds:
            logger.info("fold %d of %s was trained before", fold, member["name"])
            for row in finished_folds[partition].history.to_dict("records"):
                log_epoch(fold, row)
            remove_path(checkpoint_dir)  # a kill may have come just after the last save
            yield {name: {} for name in OUTPUTS}
            continue
        sources = [finished_folds[f"{source}/fold_{fold}"] for source in member["sources"]]
        if recipe.join:
            logger.info("joining fold %d of %s", fold, ", ".join(member["sources"]))
            results = join_and_describe(recipe, tables, fold, sources)
        elif recipe.soup.recipes:
            logger.info("averaging fold %d of %s", fold, ", ".join(member["sources"]))
            results = average_and_describe(plan, image_store["folder"], tables, fold, hardware, sources)
        else:
            where = f"{hardware.accelerator}, {hardware.precision}, {hardware.group.describe()}"
            logger.info("training fold %d of %s on %s", fold, member["name"], where)
            tell_tags("training", hardware.describe())
            note_identity(checkpoint_dir, member, plan.spec.preparation)
            results = fit_and_describe(plan, image_store["folder"], tables, fold, hardware, checkpoint_dir, sources)
        yield {name: {partition: results[name]} for name in OUTPUTS}
        # Everything is saved by now: Kedro saves a yield before it asks for the next. A join has no checkpoints.
        remove_path(checkpoint_dir)
