"""Train one fold, start to end; runs without Kedro, on a CPU or a GPU."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from podium.threads import count_compute_threads
from podium.vision.allocator import keep_large_buffers
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
from podium.vision.image_store import ImageStore
from podium.vision.input_spec import InputSpec
from podium.vision.losses import make_loss
from podium.vision.network import ClassValues, adjust_to_prior, build_network
from podium.vision.predict import Probabilities, predict_probabilities
from podium.vision.recipe import Recipe
from podium.vision.seeds import derive_seed

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
class Hardware:
    """Where and how to compute; never what.

    Attributes:
        accelerator: ``cpu`` or ``gpu``.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        num_workers: Processes that augment.
        channels_last: Whether pictures and weights lie with channels last in memory, which convolutions like.
        compile: Whether ``torch.compile`` makes kernels for the network first.
        progress: Whether to draw a progress bar.
    """

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    num_workers: int
    channels_last: bool = True
    compile: bool = False
    progress: bool = False

    @property
    def device(self) -> torch.device:
        """The torch device of the accelerator."""
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of forward passes outside the trainer."""
        return {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.precision, torch.float32)


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
    loaders = _load_batches(plan.policy, data, batches, hardware)
    _run_trainer(recipe, hardware, checkpoint_dir, classifier, history, seed, loaders)
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


def _load_batches(policy: Sequence[Step], data: FoldData, plan: BatchPlan, hardware: Hardware) -> tuple[Any, Any]:
    pin_memory = hardware.accelerator == "gpu"
    augmented = AugmentedBatches(data.store, data.train_rows, data.training_labels, policy)
    stored = StoredBatches(data.store, data.validation_rows, data.validation_labels, 128)
    return (
        load_training_batches(augmented, plan, hardware.num_workers, pin_memory),
        load_stored_batches(stored, pin_memory),
    )


def _run_trainer(
    recipe: Recipe,
    hardware: Hardware,
    checkpoint_dir: Path,
    classifier: Classifier,
    history: EpochHistory,
    seed: int,
    batches: tuple[Any, Any],
) -> None:
    """Run Lightning's loop from the last checkpoint on, and turn its exit on Ctrl-C back into an interruption."""
    last = checkpoint_dir / "last.ckpt"
    if last.exists():
        logger.info("fold was interrupted before: going on from its last finished epoch")
    if hardware.accelerator == "cpu":
        keep_large_buffers()
        torch.set_num_threads(count_compute_threads())
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they turn their own voice up on import
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*The number of training batches.*")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        trainer = pl.Trainer(
            accelerator=hardware.accelerator,
            devices=1,
            precision=hardware.precision,
            max_epochs=recipe.epochs,
            gradient_clip_val=recipe.optimizer.clip_norm,
            accumulate_grad_batches=recipe.optimizer.accumulate,
            callbacks=make_callbacks(recipe, seed, checkpoint_dir, history, hardware.progress),
            enable_progress_bar=hardware.progress,
            enable_model_summary=False,
            logger=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            deterministic="warn",
        )
        try:
            trainer.fit(classifier, *batches, ckpt_path=last if last.exists() else None, weights_only=True)
        except SystemExit as stop:  # Lightning leaves this way on Ctrl-C
            raise KeyboardInterrupt from stop
