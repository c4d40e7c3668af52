"""Parameters of the training pipeline: how this machine trains, not what."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainingConfig(BaseModel):
    """What the machine has.

    Attributes:
        device: ``auto`` takes a GPU when there is one.
        precision: ``auto`` takes bf16 on a GPU that has it, else 32 bits; ``fp16`` is for older GPUs.
        channels_last: Whether pictures and weights lie with channels last in memory, which convolutions like.
        micro_batch: Images of a recipe's batch that a device computes at once, at most; ``auto`` tries before training
            what a GPU bears. The batch stays the recipe's.
        compile: Whether ``torch.compile`` makes kernels first: minutes at the start, then faster steps on a GPU.
        num_workers: Processes that augment; null takes one a core but one. Results do not depend on it.
        num_threads: Threads of torch on a CPU; null takes torch's own number, one a core, or ``OMP_NUM_THREADS``. Sums
            in another order are other bytes, so the last digits of a result depend on it.
        devices: How many devices of this machine train one network together; ``auto`` takes all GPUs, on a CPU one
            process.
        nodes: How many machines do so, each with as many devices; all are given the same command.
        node_rank: Number of this machine, counted from 0. The first one tells MLflow.
        rendezvous: ``host:port`` of the first machine, where all meet; null on a single machine.
        max_restarts: How often processes that were lost are started again, a fold.
        progress: Whether to draw progress bars.
        checkpoint_dir: Where interrupted folds go on from.
    """

    model_config = ConfigDict(extra="forbid")

    device: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["auto", "bf16", "fp16", "32"] = "auto"
    channels_last: bool = True
    micro_batch: Literal["auto"] | Annotated[int, Field(ge=1, strict=True)] | None = None
    compile: bool = False
    num_workers: int | None = Field(None, ge=0)
    num_threads: int | None = Field(None, ge=1)
    devices: Literal["auto"] | Annotated[int, Field(ge=1)] = 1
    nodes: int = Field(1, ge=1)
    node_rank: int = Field(0, ge=0)
    rendezvous: str | None = None
    max_restarts: int = Field(3, ge=0)
    progress: bool = True
    checkpoint_dir: Path

    @model_validator(mode="after")
    def _require_meeting_place(self) -> "TrainingConfig":
        """Refuse several machines that could not find each other."""
        if self.node_rank >= self.nodes:
            raise ValueError(
                f"node_rank: machines are counted from 0 to nodes - 1 = {self.nodes - 1}, not {self.node_rank}"
            )
        host, _, port = (self.rendezvous or "").rpartition(":")
        if self.nodes > 1 and not (host and port.isdecimal() and 0 < int(port) < 2**16):
            raise ValueError(
                f"rendezvous: {self.nodes} machines meet at an address of the first, as in 'gpu-1:29500' "
                f"(got {self.rendezvous!r})"
            )
        return self

    def count_workers(self) -> int:
        """Resolve ``num_workers`` on this machine."""
        if self.num_workers is not None:
            return self.num_workers
        return (
            max(len(os.sched_getaffinity(0)) - 1, 0) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) - 1
        )
