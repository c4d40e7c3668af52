"""Where and how to compute."""

from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class RankGroup:
    """The processes that train one network together, each on a device of its own: its ranks.

    Attributes:
        n_devices: Ranks on each machine.
        n_nodes: Machines.
        node_rank: Number of this machine, from 0 to ``n_nodes`` - 1; the first one is where all meet.
        rendezvous: ``host:port`` of the first machine, as the others reach it; None on a single machine.
        max_restarts: How often lost ranks are started again before training gives up.
    """

    n_devices: int = 1
    n_nodes: int = 1
    node_rank: int = 0
    rendezvous: str | None = None
    max_restarts: int = 3

    @property
    def n_ranks(self) -> int:
        """Processes on all machines; one needs no others, and trains where it is called."""
        return self.n_devices * self.n_nodes

    def describe(self) -> str:
        """Say in words who trains, as in ``2 machines of 4 devices``."""
        devices = f"{self.n_devices} device{'s' * (self.n_devices > 1)}"
        return devices if self.n_nodes == 1 else f"{self.n_nodes} machines of {devices}"


@dataclass(frozen=True)
class Hardware:
    """Where and how to compute; never what.

    Attributes:
        accelerator: ``cpu`` or ``gpu``.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        num_workers: Processes that augment, for all ranks of this machine together.
        num_threads: Threads of torch on a CPU, in each rank; None leaves torch its own number.
        channels_last: Whether pictures and weights lie with channels last in memory, which convolutions like.
        micro_batch: Images of a batch that a device computes at once, at most; ``auto`` tries before training what a
            GPU bears, None computes all at once.
        compile: Whether ``torch.compile`` makes kernels for the network first.
        progress: Whether to draw a progress bar.
        group: How many devices and machines train one network.
    """

    accelerator: Literal["cpu", "gpu"]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    num_workers: int
    num_threads: int | None = None
    channels_last: bool = True
    micro_batch: Literal["auto"] | int | None = None
    compile: bool = False
    progress: bool = False
    group: RankGroup = RankGroup()

    def count_at_once(self, n_images: int) -> int:
        """Say how many of so many images a device computes at once, as far as that is known without trying."""
        return min(n_images, self.micro_batch) if isinstance(self.micro_batch, int) else n_images

    def describe(self) -> dict[str, str]:
        """Say in plain text by name what a result may be owed to."""
        return {
            "accelerator": self.accelerator,
            "precision": self.precision,
            "devices": str(self.group.n_devices),
            "nodes": str(self.group.n_nodes),
            "micro_batch": "whole batch" if self.micro_batch is None else str(self.micro_batch),
        }

    @property
    def device(self) -> torch.device:
        """The torch device of the accelerator."""
        return torch.device("cuda" if self.accelerator == "gpu" else "cpu")

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of forward passes outside the trainer."""
        return {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(self.precision, torch.float32)
