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
from podium.vision.backbones import InputSpec
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
from podium.vision.image_store import ImageStore
from podium.vision.predict import Probabilities, predict_probabilities
from podium.vision.recipe import Recipe
from podium.vision.samplers import weigh_images
from podium.vision.seeds import derive_seed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldData:
    """One fold's images, as rows of the store.

    Attributes:
        train_rows, validation_rows, test_rows: int64, one an image.
        training_labels: After label shifting, int64, as long as ``train_rows``.
        validation_labels: True labels, int64.
        n_variants: How often an epoch draws each training image, int64.
        n_classes: Number of classes.
    """

    train_rows: Rows
    training_labels: npt.NDArray[np.int64]
    n_variants: Rows
    validation_rows: Rows
    validation_labels: npt.NDArray[np.int64]
    test_rows: Rows
    n_classes: int


@dataclass(frozen=True)
class Hardware:
    """Where and how to compute; never what.

    Attributes:
        accelerator: ``cpu`` or ``gpu``.
        precision: ``32-true`` or ``bf16-mixed``.
        num_workers: Processes that augment.
        progress: Whether to draw a progress bar.
    """

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["32-true", "bf16-mixed"]
    num_workers: int
    progress: bool

    @property
    def device(self) -> torch.device:
        """The torch device of the accelerator."""
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of forward passes outside the trainer."""
        return torch.bfloat16 if self.precision == "bf16-mixed" else torch.float32


@dataclass(frozen=True)
class FittedFold:
    """What one fold leaves behind.

    Attributes:
        weights: Of the best epoch.
        history: One row an epoch: epoch, train_loss, val_loss, val_macro_f1, val_accuracy, lr, images_per_s,
            elapsed_s.
        oof: Probabilities of the validation images, float32 (n_validation, n_classes).
        test: Probabilities of the test images, float32 (n_test, n_classes).
    """

    weights: dict[str, Tensor]
    history: pd.DataFrame
    oof: Probabilities
    test: Probabilities


def fit_fold(  # noqa: PLR0913
    recipe: Recipe,
    spec: InputSpec,
    policy: Sequence[Step],
    store: ImageStore,
    data: FoldData,
    fold: int,
    hardware: Hardware,
    checkpoint_dir: Path,
    on_epoch: OnEpoch,
) -> FittedFold:
    """Train on all but one fold, and predict that fold and the test part with the best epoch's weights.

    Goes on from ``checkpoint_dir`` when an earlier call was interrupted; the result is the same, byte for byte.

    Args:
        recipe: What to train.
        spec: Input of the backbone.
        policy: Resolved augmentation.
        store: Pixels at the input size.
        data: Rows and labels of this fold.
        fold: Number of the fold, mixed into the seed.
        hardware: Device, precision, workers.
        checkpoint_dir: Holds ``best.ckpt`` and ``last.ckpt`` while training; the caller removes it afterwards.
        on_epoch: Called with each row of the history; on resuming, first with the rows of earlier epochs.

    Raises:
        KeyboardInterrupt: On Ctrl-C, with the last finished epoch saved.
    """
    seed = derive_seed(recipe.seed, fold)
    plan = BatchPlan(data.n_variants, weigh_images(recipe.sampler, data.training_labels), recipe.batch_size, seed)
    torch.manual_seed(seed % 2**63)  # the head's first weights
    classifier = Classifier(recipe, spec, data.n_classes, len(plan))
    history = EpochHistory(on_epoch)
    _run_trainer(
        recipe, hardware, checkpoint_dir, classifier, history, seed, _load_batches(policy, store, data, plan, hardware)
    )
    best = torch.load(checkpoint_dir / "best.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    classifier.load_state_dict(best)

    def predict(rows: Rows) -> Probabilities:
        return predict_probabilities(
            classifier, store, rows, recipe.test_time_flips, data.n_classes, 4 * recipe.batch_size, hardware.device,
            hardware.dtype,
        )  # fmt: skip

    weights = {name.removeprefix("model."): value for name, value in best.items() if name.startswith("model.")}
    return FittedFold(weights, history.table, predict(data.validation_rows), predict(data.test_rows))


def _load_batches(
    policy: Sequence[Step], store: ImageStore, data: FoldData, plan: BatchPlan, hardware: Hardware
) -> tuple[Any, Any]:
    pin_memory = hardware.accelerator == "gpu"
    augmented = AugmentedBatches(store, data.train_rows, data.training_labels, policy)
    stored = StoredBatches(store, data.validation_rows, data.validation_labels, 128)
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
