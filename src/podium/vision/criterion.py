"""The one number that stopping, checkpoints, plateaus and reports look at."""

from typing import Literal

from podium.vision.recipe import Criterion

MONITORS: dict[Criterion, tuple[str, Literal["min", "max"]]] = {
    "macro_f1": ("val_macro_f1", "max"),
    "accuracy": ("val_accuracy", "max"),
    "loss": ("val_loss", "min"),
}
"""By criterion, its name in an epoch's scores, and which end of it is good."""
