"""Parameters of the training pipeline: how this machine trains, not what."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingConfig(BaseModel):
    """What the machine has.

    Attributes:
        device: ``auto`` takes a GPU when there is one.
        precision: ``auto`` takes bf16 on a GPU that has it, else 32 bits; ``fp16`` is for older GPUs.
        channels_last: Whether pictures and weights lie with channels last in memory, which convolutions like.
        compile: Whether ``torch.compile`` makes kernels first: minutes at the start, then faster steps on a GPU.
        num_workers: Processes that augment; null takes one a core but one. Results do not depend on it.
        num_threads: Threads of torch on a CPU; null takes torch's own number, one a core, or ``OMP_NUM_THREADS``. Sums
            in another order are other bytes, so the last digits of a result depend on it.
        progress: Whether to draw progress bars.
        checkpoint_dir: Where interrupted folds go on from.
    """

    model_config = ConfigDict(extra="forbid")

    device: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["auto", "bf16", "fp16", "32"] = "auto"
    channels_last: bool = True
    compile: bool = False
    num_workers: int | None = Field(None, ge=0)
    num_threads: int | None = Field(None, ge=1)
    progress: bool = True
    checkpoint_dir: Path

    def count_workers(self) -> int:
        """Resolve ``num_workers`` on this machine."""
        if self.num_workers is not None:
            return self.num_workers
        return (
            max(len(os.sched_getaffinity(0)) - 1, 0) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) - 1
        )
