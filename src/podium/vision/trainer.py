"""Lightning's trainer, as every training here wants it."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader

from podium.vision.allocator import keep_large_buffers
from podium.vision.classifier import Classifier
from podium.vision.dealt_batches import DealtBatches
from podium.vision.hardware import Hardware

TrainingBatches = DataLoader[tuple[Tensor, Tensor]] | DealtBatches
Loaders = tuple[TrainingBatches, DataLoader[tuple[Tensor, Tensor]]]


def run_trainer(
    classifier: Classifier,
    loaders: Loaders,
    hardware: Hardware,
    callbacks: Sequence[Callback],
    resume_from: Path | None = None,
    **options: Any,
) -> None:
    """Let Lightning train, quietly and repeatably.

    Args:
        classifier: What to train; its recipe says how gradients are clipped and gathered.
        loaders: Of training and of validation batches.
        hardware: Device, precision, progress bar.
        callbacks: In the order in which they act.
        resume_from: Checkpoint to go on from.
        options: Further arguments of ``lightning.pytorch.Trainer``, such as ``max_epochs``; without any of them it
            trains on one device.

    Raises:
        KeyboardInterrupt: On Ctrl-C.
    """
    if hardware.accelerator == "cpu":
        keep_large_buffers()
    # Determinism comes with filling all fresh memory, for the sake of code that reads what it never wrote. Nothing here
    # does, and on a CPU that took about 6 % of a small network's step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if hardware.num_threads is not None:
        torch.set_num_threads(hardware.num_threads)
    optimizer = classifier.recipe.optimizer
    with _quiet_lightning():
        trainer = pl.Trainer(
            accelerator=hardware.accelerator,
            precision=hardware.precision,
            gradient_clip_val=optimizer.clip_norm,
            accumulate_grad_batches=optimizer.accumulate,
            callbacks=list(callbacks),
            enable_progress_bar=hardware.progress,
            enable_model_summary=False,
            logger=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            deterministic="warn",
            **{"devices": 1, **options},
        )
        try:
            trainer.fit(classifier, *loaders, ckpt_path=resume_from, weights_only=True)
        except SystemExit as stop:  # Lightning leaves this way on Ctrl-C
            raise KeyboardInterrupt from stop


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Leave out what is meant so: few workers, batches planned ahead, folders of checkpoints that go on, scores of the
    whole that every rank knows.
    """
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they turn their own voice up on import
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*The number of training batches.*")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*It is recommended to use `self.log.*sync_dist=True.*")
        yield
