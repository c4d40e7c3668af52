"""Train one fold, start to end; runs without Kedro, on a CPU or a GPU."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from podium.errors import raise_if_any
from podium.vision.augmentation import Step
from podium.vision.batches import (
    AugmentedBatches,
    BatchPlan,
    DealtPlan,
    Rows,
    StoredBatches,
    load_stored_batches,
    load_training_batches,
)
from podium.vision.callbacks import EpochHistory, OnEpoch, make_callbacks
from podium.vision.classifier import Classifier
from podium.vision.dealt_batches import DealtBatches
from podium.vision.distillation import Teacher
from podium.vision.hardware import Hardware
from podium.vision.image_store import ImageStore
from podium.vision.input_spec import InputSpec
from podium.vision.losses import make_loss
from podium.vision.memory_probe import DivideBatches
from podium.vision.micro_batches import PREDICTED_AT_ONCE, Division, explaining_out_of_memory, log_division
from podium.vision.network import ClassValues, adjust_to_prior, build_network
from podium.vision.predict import Probabilities, predict_probabilities
from podium.vision.ranks import Ranks
from podium.vision.recipe import Recipe
from podium.vision.seeds import derive_seed
from podium.vision.synced_norms import synchronize_norms
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
class FoldTraining:
    """What is trained, whoever does it: this process, or the ranks that it starts.

    Attributes:
        plan: What the folds share.
        data: Images and labels of the fold.
        fold: Its number, mixed into the seed.
        checkpoint_dir: Holds ``best.ckpt`` and ``last.ckpt``.
        teachers: Of the recipe's distillation; trained without this fold.
    """

    plan: MemberPlan
    data: FoldData
    fold: int
    checkpoint_dir: Path
    teachers: Sequence[Teacher] = ()

    @property
    def seed(self) -> int:
        """The recipe's seed, mixed with the fold."""
        return derive_seed(self.plan.recipe.seed, self.fold)

    @property
    def batches(self) -> BatchPlan:
        """The plan of all batches."""
        recipe, data = self.plan.recipe, self.data
        return BatchPlan(recipe.sampler, data.training_labels, data.n_variants, recipe.batch_size, self.seed)


@dataclass(frozen=True)
class FittedFold:
    """What one fold leaves behind.

    Attributes:
        weights: Of the best epoch; of their average where the recipe wants one.
        history: One row an epoch: epoch, train_loss, val_loss, val_macro_f1, val_accuracy, lr, images_per_s,
            elapsed_s.
        oof: Probabilities of the validation images, float32 (n_validation, n_classes).
        test: Probabilities of the test images, float32 (n_test, n_classes).
        division: How each device worked off its share of a batch; None where nothing was asked for.
    """

    weights: dict[str, Tensor]
    history: pd.DataFrame
    oof: Probabilities
    test: Probabilities
    division: Division | None = None


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
        hardware: Device, precision, workers; how many devices and machines train together.
        checkpoint_dir: Holds ``best.ckpt`` and ``last.ckpt`` while training; the caller removes it afterwards.
        on_epoch: Called with each row of the history, always in this process and thread; on resuming, first with the
            rows of earlier epochs. What it raises ends the training at once.
        teachers: Of the recipe's distillation; trained without this fold.

    Raises:
        KeyboardInterrupt: On Ctrl-C, with the last finished epoch saved.
        InputError: The ranks have nothing to share: there are more of them than images in a batch, or to validate on.
            Or memory ran out; it says what to set.
        RuntimeError: Ranks were lost more often than they may be started again.
    """
    recipe, training = plan.recipe, FoldTraining(plan, data, fold, checkpoint_dir, teachers)
    if (checkpoint_dir / "last.ckpt").exists():
        logger.info("fold was interrupted before: going on from its last finished epoch")
    if hardware.group.n_ranks == 1:
        classifier, history = train_fold(training, hardware, on_epoch)
        division = classifier.division
    else:
        from podium.vision.rank_launch import train_in_ranks  # a laptop alone need not know of it

        require_parts(training, hardware)
        history, division = train_in_ranks(training, hardware, on_epoch)
        classifier = make_classifier(plan, data, training.seed, len(training.batches), hardware)
        classifier.division = division
    best = torch.load(checkpoint_dir / "best.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    classifier.load_state_dict(best)

    def predict(rows: Rows) -> Probabilities:
        return predict_probabilities(
            classifier, data.store, rows, recipe.test_time_views, data.n_classes,
            PREDICTED_AT_ONCE * recipe.batch_size, hardware.device, hardware.dtype,
        )  # fmt: skip

    with explaining_out_of_memory(recipe.name, lambda: _count_at_once(classifier)):
        oof, test = predict(data.validation_rows), predict(data.test_rows)
    weights = {name: value.cpu() for name, value in classifier.scored_network.state_dict().items()}
    return FittedFold(weights, history, oof, test, division)


def require_parts(training: FoldTraining, hardware: Hardware) -> None:
    """Refuse more ranks than there are images to share.

    Raises:
        InputError: There are fewer images in a batch, or to validate on, than ranks; both are listed.
    """
    n_ranks, recipe = hardware.group.n_ranks, training.plan.recipe
    n_validation = len(training.data.validation_rows)
    cases = []
    if recipe.batch_size < n_ranks:
        cases.append(
            f"recipes.{recipe.name}.batch_size: {recipe.batch_size} images, the batch of all together, are too few for "
            f"{n_ranks} processes; take a larger batch, or fewer training.devices"
        )
    if n_validation < n_ranks:
        cases.append(
            f"fold {training.fold}: {n_validation} images are too few for {n_ranks} processes to validate on; take "
            "fewer training.devices"
        )
    raise_if_any("A training cannot be shared as asked:", cases)


def train_fold(
    training: FoldTraining,
    hardware: Hardware,
    on_epoch: OnEpoch,
    ranks: Ranks | None = None,
    on_division: Callable[[Division], None] = log_division,
    **options: Any,
) -> tuple[Classifier, pd.DataFrame]:
    """Train in this process, alone or as one of several ranks.

    Args:
        training: What is trained; an earlier call that was interrupted goes on.
        hardware: Device, precision, workers of this process.
        on_epoch: Called with each row of the history; on resuming, first with the rows of earlier epochs.
        ranks: The place of this process among those that train together.
        on_division: Called with how batches are worked off, where the hardware says something of it.
        options: Further arguments of ``lightning.pytorch.Trainer``.

    Returns:
        What was trained, as its last epoch left it, and the history.

    Raises:
        InputError: Memory ran out.
    """
    recipe, seed, batches = training.plan.recipe, training.seed, training.batches
    classifier = make_classifier(training.plan, training.data, seed, len(batches), hardware, training.teachers)
    if ranks is not None:
        classifier.ranks = ranks
        synchronize_norms(classifier.network, ranks, hardware.accelerator)
    history = EpochHistory(on_epoch)
    n_predicted = PREDICTED_AT_ONCE * recipe.batch_size
    loaders = load_batches(training.plan.policy, training.data, batches, n_predicted, hardware, ranks)
    callbacks = [
        DivideBatches(hardware.micro_batch, on_division),
        *make_callbacks(recipe, seed, training.checkpoint_dir, history, hardware.progress, classifier.ranks),
    ]
    last = training.checkpoint_dir / "last.ckpt"
    resume_from = last if last.exists() else None
    with explaining_out_of_memory(recipe.name, lambda: _count_at_once(classifier)):
        run_trainer(classifier, loaders, hardware, callbacks, resume_from, max_epochs=recipe.epochs, **options)
    return classifier, history.table


def _count_at_once(classifier: Classifier) -> int:
    """Say how many images this device trains on at once."""
    whole = -(-classifier.recipe.batch_size // classifier.ranks.n_ranks)
    return whole if classifier.division is None else classifier.division.micro_batch


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
    policy: Sequence[Step],
    data: FoldData,
    plan: BatchPlan,
    validation_batch_size: int,
    hardware: Hardware,
    ranks: Ranks | None = None,
) -> Loaders:
    """Make the loaders of a fold's augmented training batches and of its validation batches.

    Of several ranks, each gets all training batches, of which it makes its own, and its part of the validation images.
    """
    pin_memory = hardware.accelerator == "gpu"
    augmented = AugmentedBatches(data.store, data.train_rows, data.training_labels, policy)
    if ranks is None:
        stored = StoredBatches(data.store, data.validation_rows, data.validation_labels, validation_batch_size)
        training = load_training_batches(augmented, plan, hardware.num_workers, pin_memory)
        return training, load_stored_batches(stored, pin_memory)
    part = ranks.find_part(len(data.validation_rows), ranks.rank)
    stored = StoredBatches(data.store, data.validation_rows[part], data.validation_labels[part], validation_batch_size)
    own = load_training_batches(augmented, DealtPlan(plan, ranks), hardware.num_workers, pin_memory)
    dealt = DealtBatches(own, plan, data.store.size_px, ranks, hardware.device)
    return dealt, load_stored_batches(stored, pin_memory)
