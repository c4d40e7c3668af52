"""The learning rate as a factor of its peak, step by step."""

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Literal

from podium.vision.recipe import ScheduleConfig

Curve = Callable[[int], float]


class Schedule:
    """The factor of each step, which is a function of the step and, for ``plateau``, of the scores seen so far.

    Args:
        curve: Factor of each step, without scores.
        plateau: What to make of scores; None for schedules that do not look at them.
        lowest: Where scores stop lowering the factor.
    """

    def __init__(self, curve: Curve, plateau: "Plateau | None" = None, lowest: float = 0.0):
        self._curve = curve
        self._plateau = plateau
        self._lowest = lowest

    def __call__(self, step: int) -> float:
        """Return the factor, 0 to 1, for a step of the optimizer, counted from 0."""
        factor = self._curve(step)
        return factor if self._plateau is None else factor * max(self._plateau.factor, self._lowest)

    def observe(self, score: float) -> None:
        """Take in the criterion of an epoch, once at its end; only ``plateau`` makes something of it."""
        if self._plateau is not None:
            self._plateau.observe(score)

    def state_dict(self) -> dict[str, Any]:
        """Return what the scores have left behind, as plain values; empty where they leave nothing."""
        return {} if self._plateau is None else dict(vars(self._plateau))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned, in place of all scores seen so far."""
        if self._plateau is not None:
            vars(self._plateau).update(state)


class Plateau:
    """A factor that falls when scores stop improving.

    After more than ``patience`` epochs in a row without a better score than the best one the factor is multiplied by
    ``by``, and the count begins anew. Any improvement counts, however small; NaN is none.

    Attributes:
        factor: Product of all falls so far, 1 at first.
    """

    def __init__(self, by: float, patience: int, mode: Literal["min", "max"]):
        self.factor = 1.0
        self.by = by
        self.patience = patience
        self.sign = 1.0 if mode == "max" else -1.0
        self.best = -math.inf
        self.n_waited = 0

    def observe(self, score: float) -> None:
        """Take in the score of an epoch."""
        if self.sign * score > self.best:
            self.best, self.n_waited = self.sign * score, 0
            return
        self.n_waited += 1
        if self.n_waited > self.patience:
            self.factor, self.n_waited = self.factor * self.by, 0


def make_schedule(config: ScheduleConfig, steps_per_epoch: int, n_epochs: int, mode: Literal["min", "max"]) -> Schedule:
    """Make the schedule of a training of ``n_epochs * steps_per_epoch`` steps.

    With W steps of warm-up, step s < W has the factor (s + 1) / (W + 1), so that the first step already learns and step
    W is the first one at the peak. A warm-up that is longer than training, or than its cycle, is cut off on its way up.

    ``step`` and ``multistep`` count epochs from the start of training, so that they fall between two epochs; a fall
    within the warm-up lowers what it rises to. ``exponential``, ``cosine`` and ``cosine_restarts`` begin when the
    warm-up ends. ``one_cycle`` rises and falls along half cosines from and to ``final_lr_share``. No factor falls below
    ``final_lr_share``, but a warm-up begins below it. Cycles are whole numbers of steps, two at least. Beyond the end
    of training the factor stays where it ended.

    Args:
        config: Name and options.
        steps_per_epoch: Steps of the optimizer in an epoch, 1 or more.
        n_epochs: Epochs of training, 1 or more.
        mode: Whether a better score is a smaller or a larger one, for ``plateau``.
    """
    n_steps = n_epochs * steps_per_epoch
    n_warmup = round(config.warmup_epochs * steps_per_epoch)
    lowest = config.final_lr_share
    match config.name:
        case "one_cycle":
            return Schedule(_one_cycle(n_steps, config.rise_share, lowest))
        case "cyclic":
            return Schedule(_cyclic(_list_cycles(config, steps_per_epoch, n_steps), config.cycle_decay, lowest))
        case "cosine_restarts":
            cycles = _list_cycles(config, steps_per_epoch, n_steps)
            return Schedule(_cosine_restarts(cycles, n_warmup, config.cycle_decay, lowest))
        case "plateau":
            plateau = Plateau(config.factor, config.patience_epochs, mode)
            return Schedule(_warm_up(n_warmup, lambda step: 1.0), plateau, lowest)
    return Schedule(_warm_up(n_warmup, _fall(config, steps_per_epoch, n_steps, n_warmup)))


def _fall(config: ScheduleConfig, steps_per_epoch: int, n_steps: int, n_warmup: int) -> Curve:
    """Choose the curve of a schedule that never rises again."""
    factor, lowest = config.factor, config.final_lr_share
    match config.name:
        case "step":
            return lambda step: max(factor ** (step // steps_per_epoch // config.step_epochs), lowest)
        case "multistep":
            milestones = sorted(config.milestones)
            return lambda step: max(factor ** bisect_right(milestones, step // steps_per_epoch), lowest)
        case "exponential":
            return lambda step: max(factor ** (max(step - n_warmup, 0) / steps_per_epoch), lowest)
        case "cosine":
            return lambda step: _half_cosine(1.0, lowest, _progress(step, n_warmup, max(n_steps, n_warmup + 1)))
        case _:
            return lambda step: 1.0


def _warm_up(n_warmup: int, curve: Curve) -> Curve:
    """Rise evenly to ``curve`` within the first ``n_warmup`` steps."""
    return lambda step: min((step + 1) / (n_warmup + 1), 1.0) * curve(step)


def _one_cycle(n_steps: int, rise_share: float, lowest: float) -> Curve:
    """Rise and fall once (Smith, 2018), with half cosines for its straight lines as in torch's ``OneCycleLR``."""
    last = n_steps - 1
    peak = max(rise_share * n_steps - 1, 0.0)

    def factor(step: int) -> float:
        if step <= peak:
            return _half_cosine(lowest, 1.0, _progress(step, 0, peak))
        return _half_cosine(1.0, lowest, _progress(step, peak, last))

    return factor


def _cyclic(cycles: list[int], decay: float, lowest: float) -> Curve:
    """Rise and fall evenly in each cycle (Smith, 2017, "Cyclical Learning Rates for Training Neural Networks")."""

    def factor(step: int) -> float:
        cycle, progress, _ = _find_cycle(cycles, step)
        peak = max(decay**cycle, lowest)
        return lowest + (peak - lowest) * (1.0 - abs(2.0 * progress - 1.0))

    return factor


def _cosine_restarts(cycles: list[int], n_warmup: int, decay: float, lowest: float) -> Curve:
    """Warm up and fall along half a cosine in each cycle (Loshchilov and Hutter, 2017, equation 5)."""

    def factor(step: int) -> float:
        cycle, _, n_done = _find_cycle(cycles, step)
        peak = max(decay**cycle, lowest)
        if n_done < n_warmup:
            return peak * (n_done + 1) / (n_warmup + 1)
        length = cycles[cycle + 1] - cycles[cycle]
        return _half_cosine(peak, lowest, _progress(n_done, n_warmup, length))

    return factor


def _list_cycles(config: ScheduleConfig, steps_per_epoch: int, n_steps: int) -> list[int]:
    """List the first step of each cycle and, at the end, the first one after the last of them."""
    growth = config.cycle_growth if config.name == "cosine_restarts" else 1.0
    starts, length = [0], config.cycle_epochs * steps_per_epoch
    while starts[-1] < n_steps:
        starts.append(starts[-1] + max(round(length), 2))
        length *= growth
    return starts


def _find_cycle(cycles: list[int], step: int) -> tuple[int, float, int]:
    """Return the number of a step's cycle, the share of it that is done, and the steps that are done."""
    cycle = min(bisect_right(cycles, step), len(cycles) - 1) - 1
    start, end = cycles[cycle], cycles[cycle + 1]
    return cycle, _progress(step, start, end), min(step, end) - start


def _progress(step: float, start: float, end: float) -> float:
    """Return how much of the way from ``start`` to ``end`` is done, 0 to 1."""
    return 1.0 if step >= end else max(step - start, 0.0) / (end - start)


def _half_cosine(start: float, end: float, progress: float) -> float:
    """Go from ``start`` to ``end`` along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * progress))
