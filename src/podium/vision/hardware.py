"""Where and how to compute."""

from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Hardware:
    """Where and how to compute; never what.

    Attributes:
        accelerator: ``cpu`` or ``gpu``.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        num_workers: Processes that augment.
        num_threads: Threads of torch on a CPU; None leaves torch its own number.
        channels_last: Whether pictures and weights lie with channels last in memory, which convolutions like.
        compile: Whether ``torch.compile`` makes kernels for the network first.
        progress: Whether to draw a progress bar.
    """

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    num_workers: int
    num_threads: int | None = None
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
