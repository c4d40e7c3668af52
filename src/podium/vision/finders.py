"""What to write into a recipe: a learning rate, and a batch size that fits into memory.

Both are found by training for a few steps as the recipe would, and both are only told, never used by themselves: a
recipe that took its learning rate from a measurement, or its batch size from the machine it happens to run on, would
train another model on the next machine, and no digest would say so.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.memory import garbage_collection_cuda
from scipy.signal import savgol_filter

from podium.vision.batches import BatchPlan
from podium.vision.callbacks import EpochSeeds
from podium.vision.distillation import Teacher
from podium.vision.fit import FoldData, MemberPlan, load_batches, make_classifier
from podium.vision.freezing import PartFreezing
from podium.vision.hardware import Hardware
from podium.vision.memory_probe import DivideBatches
from podium.vision.micro_batches import is_out_of_memory
from podium.vision.recipe import FreezingConfig, ProgressiveConfig, Recipe
from podium.vision.samplers import count_draws
from podium.vision.seeds import derive_seed
from podium.vision.trainer import run_trainer

logger = logging.getLogger(__name__)

_SMOOTHED_STEPS = 11
_DIVERGED_TIMES = 4.0
_LEAST_FALL = 0.02
_SMALLEST_BATCH = 8
_TIMED_BATCHES = 2


@dataclass(frozen=True)
class Trial:
    """What is trained for a few steps.

    Attributes:
        plan: Recipe, input, augmentation, starting weights.
        data: Of the fold whose training part is used.
        teachers: Of the recipe's distillation.
    """

    plan: MemberPlan
    data: FoldData
    teachers: Sequence[Teacher] = ()


@dataclass(frozen=True)
class LrSuggestion:
    """Two usual readings of a learning-rate range test; both null where the loss never fell.

    Attributes:
        steepest: Learning rate at which the loss fell fastest: a good peak for a schedule that warms up and decays.
        tenth_of_lowest: A tenth of the one at which it was lowest: usually smaller, for weights that are to change
            little, or a schedule that stays at its peak.
    """

    steepest: float | None
    tenth_of_lowest: float | None


def trace_lr(trial: Trial, hardware: Hardware, min_lr: float, max_lr: float, n_steps: int) -> pd.DataFrame:
    """Run a learning-rate range test (Smith, 2017, section 3.3): the rate grows from step to step, and the loss tells.

    The recipe's own batches, loss, optimizer, gradient clipping, accumulation and frozen parts are used; layers keep
    the ratio of their rates. It trains as the recipe does once everything has begun: pictures at their full size, parts
    that thaw later thawed. It ends early when the loss diverges.

    Args:
        trial: What to train; nothing of it is kept.
        hardware: Device, precision, workers.
        min_lr: Learning rate of the first step, where the recipe's ``optimizer.lr`` is meant.
        max_lr: Of the last step.
        n_steps: Steps of the optimizer; rates between them grow by the same ratio.

    Returns:
        One row a step: step (int64, from 0), lr (float64), loss (float64; the last may not be finite).
    """
    rates = np.geomspace(min_lr, max_lr, n_steps)
    recipe = _begin_in_full(trial.plan.recipe)
    test = RateRangeTest(rates, recipe.optimizer.lr, recipe.optimizer.accumulate)
    n_batches = n_steps * recipe.optimizer.accumulate
    _train(replace(trial, plan=replace(trial.plan, recipe=recipe)), hardware, n_batches, test)
    n_done = len(test.losses)
    return pd.DataFrame({"step": np.arange(n_done), "lr": rates[:n_done], "loss": np.array(test.losses, np.float64)})


def suggest_lr(curve: pd.DataFrame) -> LrSuggestion:
    """Read a learning rate off a range test, smoothed by a quadratic through 11 steps (Savitzky and Golay, 1964).

    Args:
        curve: From :func:`trace_lr`.

    Returns:
        Two readings; null where the curve is too short, or the loss never fell by 2 %.
    """
    known = curve[np.isfinite(curve["loss"])]
    if len(known) < 2 * _SMOOTHED_STEPS:
        return LrSuggestion(None, None)
    rates, losses = known["lr"].to_numpy(), known["loss"].to_numpy()
    smooth = savgol_filter(losses, _SMOOTHED_STEPS, polyorder=2)
    lowest = int(smooth.argmin())
    highest_before = smooth[: lowest + 1].max()
    if highest_before - smooth[lowest] < _LEAST_FALL * abs(highest_before):
        return LrSuggestion(None, None)
    slope = savgol_filter(losses, _SMOOTHED_STEPS, polyorder=2, deriv=1)[: lowest + 1]
    return LrSuggestion(float(rates[slope.argmin()]), float(rates[lowest]) / 10)


def try_batch_sizes(trial: Trial, hardware: Hardware, max_batch_size: int) -> pd.DataFrame:
    """Double the batch size until memory runs out, and see how many images a second each is worth.

    Each size trains three batches, the last two of which are timed: from the batch being there to the end of its step,
    so the time to augment it does not count. A batch size fits when all of them came to their end.

    On a GPU, memory runs out when the driver says so. On a CPU there is no such answer: long before an allocation
    fails the machine swaps, or its kernel kills a process. There a size is not even tried when doubling is going to
    take more than is free at that moment, judged by what the sizes before took; and since memory is seldom what is
    short on a CPU, ``max_batch_size`` usually ends it. The limit of a container is not seen, and elsewhere than on
    Linux only ``max_batch_size`` counts.

    Args:
        trial: What to train; nothing of it is kept.
        hardware: Device, precision.
        max_batch_size: No larger one is tried.

    Returns:
        One row a size: batch_size (int64), outcome (``fits``, ``out of memory`` or ``not tried``), images_per_s
        (float64) and peak_memory_gib (float64: on a GPU of its memory, on a CPU of the whole process, where Linux
        tells it), both null where it did not fit.
    """
    trial = replace(trial, plan=replace(trial.plan, recipe=_begin_in_full(trial.plan.recipe)))
    hardware = replace(hardware, num_workers=0, micro_batch=None)  # three batches are not worth starting workers
    in_use = _read_memory("self/status", "VmRSS")
    rows: list[dict[str, Any]] = []
    batch_size = _SMALLEST_BATCH
    while batch_size <= max_batch_size and (not rows or rows[-1]["outcome"] == "fits"):
        if hardware.accelerator == "cpu" and rows and not _has_room_to_double(in_use):
            rows.append({"batch_size": batch_size, "outcome": "not tried"})
        else:
            rows.append(_try_batch_size(trial, hardware, batch_size))
        logger.info("batch size %d: %s", batch_size, _describe_row(rows[-1]))
        batch_size *= 2
    columns = {"batch_size": "int64", "outcome": "str", "images_per_s": "float64", "peak_memory_gib": "float64"}
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


class RateRangeTest(Callback):
    """Raise the learning rate with each step, and collect the losses until they diverge.

    Args:
        rates: One a step, float64, (n_steps,).
        peak_lr: The rate that the optimizer's groups were made for; groups with a smaller one keep their share.
        accumulate: Batches a step.

    Attributes:
        losses: Training loss of each step so far, the mean of its batches.
    """

    def __init__(self, rates: npt.NDArray[np.float64], peak_lr: float, accumulate: int):
        self._rates, self._peak_lr, self._accumulate = rates, peak_lr, accumulate
        self._loss = 0.0
        self.losses: list[float] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = group["initial_lr"] * self._rates[len(self.losses)] / self._peak_lr

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._loss += float(outputs["loss"])  # Lightning has divided it by the number of batches already
        if (batch_idx + 1) % self._accumulate == 0:
            self.losses.append(self._loss)
            self._loss = 0.0
            if has_diverged(self.losses):
                trainer.should_stop = True


def has_diverged(losses: Sequence[float]) -> bool:
    """Say whether the last loss is not finite, or the mean of the last five is four times the lowest such mean."""
    if losses and not math.isfinite(losses[-1]):
        return True
    means = pd.Series(losses, dtype=np.float64).rolling(5).mean().dropna()
    return len(means) > 0 and bool(means.iloc[-1] > _DIVERGED_TIMES * means.min() > 0)


class StepTimer(Callback):
    """Time every step, its batch being there already.

    Attributes:
        seconds: One a batch.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self.seconds: list[float] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._started = _read_clock(pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.seconds.append(_read_clock(pl_module.device) - self._started)


def _begin_in_full(recipe: Recipe) -> Recipe:
    """Switch off what holds only at the start: small pictures, and parts that are to thaw."""
    full_size = recipe.input.model_copy(update={"progressive": ProgressiveConfig()})
    freezing = recipe.freezing
    if freezing.name == "melting":
        freezing = FreezingConfig(norm_statistics=freezing.norm_statistics)
    return recipe.model_copy(update={"input": full_size, "freezing": freezing})


def _train(trial: Trial, hardware: Hardware, n_batches: int, callback: Callback) -> None:
    """Train a new network on so many batches, all in one epoch."""
    recipe, data, policy = trial.plan.recipe, trial.data, trial.plan.policy
    seed = derive_seed(recipe.seed, 0)
    n_draws = n_batches * recipe.batch_size
    rounds = -(-n_draws // count_draws(recipe.sampler, data.training_labels, data.n_variants))
    plan = BatchPlan(recipe.sampler, data.training_labels, rounds * data.n_variants, recipe.batch_size, seed)
    classifier = make_classifier(trial.plan, data, seed, n_batches, hardware, trial.teachers)
    division = DivideBatches(hardware.micro_batch)
    callbacks = [division, EpochSeeds(seed, classifier.ranks), PartFreezing(recipe.freezing), callback]
    run_trainer(
        classifier,
        load_batches(policy, data, plan, 2, hardware),
        replace(hardware, progress=False),
        callbacks,
        max_epochs=1,
        limit_train_batches=n_batches,
        limit_val_batches=1,  # the schedule wants a score at the end of an epoch
        enable_checkpointing=False,
    )


def _try_batch_size(trial: Trial, hardware: Hardware, batch_size: int) -> dict[str, Any]:
    recipe = trial.plan.recipe.model_copy(update={"batch_size": batch_size})
    timer = StepTimer()
    if hardware.accelerator == "gpu":
        torch.cuda.reset_peak_memory_stats()
    try:
        _train(replace(trial, plan=replace(trial.plan, recipe=recipe)), hardware, 1 + _TIMED_BATCHES, timer)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return {"batch_size": batch_size, "outcome": "out of memory"}
    finally:
        if hardware.accelerator == "gpu":
            garbage_collection_cuda()
    return {
        "batch_size": batch_size,
        "outcome": "fits",
        "images_per_s": _TIMED_BATCHES * batch_size / sum(timer.seconds[-_TIMED_BATCHES:]),
        "peak_memory_gib": _read_peak_memory(hardware) / 2**30,
    }


def _has_room_to_double(in_use: float) -> bool:
    """Say whether what training took so far, beyond ``in_use`` bytes before it, is free once more."""
    taken = _read_memory("self/status", "VmHWM") - in_use
    return not taken > _read_memory("meminfo", "MemAvailable")  # nan is no reason to stop


def _describe_row(row: dict[str, Any]) -> str:
    if row["outcome"] != "fits":
        return str(row["outcome"])
    return f"{row['images_per_s']:.0f} images/s, at most {row['peak_memory_gib']:.1f} GiB"


def _read_clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _read_peak_memory(hardware: Hardware) -> float:
    """Most bytes so far: of the GPU since it was last reset, else of this process since it began."""
    if hardware.accelerator == "gpu":
        return float(torch.cuda.max_memory_reserved())
    return _read_memory("self/status", "VmHWM")


def _read_memory(file: str, key: str) -> float:
    """Bytes of an entry of Linux's /proc; nan on other systems, which have none."""
    try:
        lines = (Path("/proc") / file).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return math.nan
    entries = dict(line.split(":", 1) for line in lines if ":" in line)
    return 1024.0 * int(entries[key].split()[0])
