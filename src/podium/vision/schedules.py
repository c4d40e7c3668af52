"""The learning rate as a factor of its peak, step by step."""

import math
from collections.abc import Callable

from podium.vision.recipe import ScheduleConfig


def make_schedule(config: ScheduleConfig, steps_per_epoch: int, n_epochs: int) -> Callable[[int], float]:
    """Return the factor for each step, counted from 0.

    The factor rises linearly over the warm-up, then follows half a cosine from 1 to ``final_lr_share`` (Loshchilov and
    Hutter, 2017) or stays at 1.
    """
    warmup_steps = round(config.warmup_epochs * steps_per_epoch)
    rest = max(n_epochs * steps_per_epoch - warmup_steps, 1)

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        if config.name == "constant":
            return 1.0
        progress = min((step - warmup_steps) / rest, 1.0)
        return config.final_lr_share + (1.0 - config.final_lr_share) * 0.5 * (1.0 + math.cos(math.pi * progress))

    return factor
