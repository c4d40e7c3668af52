"""Train one fold, start to end; runs without Kedro, on a CPU or a GPU."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from podium.vision.augmentation import Step
from podium.vision.batches import (
    AugmentedBatches,
    BatchPlan,
    Rows,
    StoredBatches,
    load_stored_batches,
    load_training_batches,
)
from podium.vision.callbacks import EpochHistory, OnEpoch, make_callbacks
from podium.vision.classifier import Classifier
from podium.vision.distillation import Teacher
from podium.vision.hardware import Hardware
from podium.vision.image_store import ImageStore
from podium.vision.input_spec import InputSpec
from podium.vision.losses import make_loss
from podium.vision.network import ClassValues, adjust_to_prior, build_network
from podium.vision.predict import Probabilities, predict_probabilities
from podium.vision.recipe import Recipe
from podium.vision.seeds import derive_seed
from podium.vision.trainer import Loaders, run_trainer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MemberPlan:
    """What the folds of a member share.

    Attributes:
        recipe: What to train.
        spec: Input of the backbone.
        policy: Resolved augmentation.
        starting_weights: File of the backbone's weights; None starts from scratch.
    """

    recipe: Recipe
    spec: InputSpec
    policy: Sequence[Step]
    starting_weights: Path | None


@dataclass(frozen=True)
class FoldData:
    """One fold's images, as rows of the store.

    Attributes:
        store: Pixels at the input size.
        train_rows, validation_rows, test_rows: int64, one an image.
        training_labels: After label shifting, int64, as long as ``train_rows``.
        validation_labels: True labels, int64.
        n_variants: How often an epoch draws each training image, int64.
        n_classes: Number of classes.
        class_values: int64 (n_classes, n_attributes): the value of each attribute; None where there are none.
    """

    store: ImageStore
    train_rows: Rows
    training_labels: npt.NDArray[np.int64]
    n_variants: Rows
    validation_rows: Rows
    validation_labels: npt.NDArray[np.int64]
    test_rows: Rows
    n_classes: int
    class_values: ClassValues | None = None


@dataclass(frozen=True)
class FittedFold:
    """What one fold leaves behind.

    Attributes:
        weights: Of the best epoch; of their average where the recipe wants one.
        history: One row an epoch: epoch, train_loss, val_loss, val_macro_f1, val_accuracy, lr, images_per_s,
            elapsed_s.
        oof: Probabilities of the validation images, float32 (n_validation, n_classes).
        test: Probabilities of the test images, float32 (n_test, n_classes).
    """

    weights: dict[str, Tensor]
    history: pd.DataFrame
    oof: Probabilities
    test: Probabilities


def fit_fold(
    plan: MemberPlan,
    data: FoldData,
    fold: int,
    hardware: Hardware,
    checkpoint_dir: Path,
    on_epoch: OnEpoch,
    teachers: Sequence[Teacher] = (),
) -> FittedFold:
    """Train on all but one fold, and predict that fold and the test part with the best epoch's weights.

    Goes on from ``checkpoint_dir`` when an earlier call was interrupted; the result is the same, byte for byte.

    Args:
        plan: What to train.
        data: Images and labels of this fold.
        fold: Number of the fold, mixed into the seed.
        hardware: Device, precision, workers.
        checkpoint_dir: Holds ``best.ckpt`` and ``last.ckpt`` while training; the caller removes it afterwards.
        on_epoch: Called with each row of the history; on resuming, first with the rows of earlier epochs.
        teachers: Of the recipe's distillation; trained without this fold.

    Raises:
        KeyboardInterrupt: On Ctrl-C, with the last finished epoch saved.
    """
    recipe, seed = plan.recipe, derive_seed(plan.recipe.seed, fold)
    batches = BatchPlan(recipe.sampler, data.training_labels, data.n_variants, recipe.batch_size, seed)
    classifier = make_classifier(plan, data, seed, len(batches), hardware, teachers)
    history = EpochHistory(on_epoch)
    loaders = load_batches(plan.policy, data, batches, 4 * recipe.batch_size, hardware)
    callbacks = make_callbacks(recipe, seed, checkpoint_dir, history, hardware.progress)
    last = checkpoint_dir / "last.ckpt"
    if last.exists():
        logger.info("fold was interrupted before: going on from its last finished epoch")
    run_trainer(classifier, loaders, hardware, callbacks, last if last.exists() else None, max_epochs=recipe.epochs)
    best = torch.load(checkpoint_dir / "best.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    classifier.load_state_dict(best)

    def predict(rows: Rows) -> Probabilities:
        return predict_probabilities(
            classifier, data.store, rows, recipe.test_time_views, data.n_classes, 4 * recipe.batch_size,
            hardware.device, hardware.dtype,
        )  # fmt: skip

    oof, test = predict(data.validation_rows), predict(data.test_rows)
    weights = {name: value.cpu() for name, value in classifier.scored_network.state_dict().items()}
    return FittedFold(weights, history.table, oof, test)


def make_classifier(
    plan: MemberPlan,
    data: FoldData,
    seed: int,
    batches_per_epoch: int,
    hardware: Hardware,
    teachers: Sequence[Teacher] = (),
) -> Classifier:
    """Make what the trainer trains; what is new in the network is drawn from the seed."""
    recipe = plan.recipe
    torch.manual_seed(seed % 2**63)
    network = build_network(recipe, plan.spec, data.n_classes, data.class_values, plan.starting_weights)
    if hardware.channels_last:
        network = network.to(memory_format=torch.channels_last)
    class_counts = np.bincount(data.training_labels, minlength=data.n_classes)
    adjust_to_prior(network, recipe.prior_adjustment, class_counts)
    loss = make_loss(recipe.loss, class_counts)
    steps_per_epoch = -(-batches_per_epoch // recipe.optimizer.accumulate)
    classifier = Classifier(
        recipe, plan.spec, network, loss, steps_per_epoch, data.n_classes, teachers, hardware.channels_last
    )
    if hardware.compile:
        network.compile()
    return classifier


def load_batches(
    policy: Sequence[Step], data: FoldData, plan: BatchPlan, validation_batch_size: int, hardware: Hardware
) -> Loaders:
    """Make the loaders of a fold's augmented training batches and of its validation batches."""
    pin_memory = hardware.accelerator == "gpu"
    augmented = AugmentedBatches(data.store, data.train_rows, data.training_labels, policy)
    stored = StoredBatches(data.store, data.validation_rows, data.validation_labels, validation_batch_size)
    return (
        load_training_batches(augmented, plan, hardware.num_workers, pin_memory),
        load_stored_batches(stored, pin_memory),
    )
