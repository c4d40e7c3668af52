"""What every bench is told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Where the ingredients of a bench lie.

    Attributes:
        photos_dir: Photos that pictures are cut from; None takes those of scikit-learn.
        timm_scripts: Checkout of timm's repository; None leaves its training script out.
    """

    photos_dir: Path | None = None
    timm_scripts: Path | None = None
