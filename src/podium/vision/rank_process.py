"""What runs in a rank: it joins the others, trains with them, and tells the process that started it of each epoch."""

import os
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import torch
import torch.distributed
from lightning.pytorch.strategies import DDPStrategy

from podium.atomic_files import write_files_atomically
from podium.errors import InputError
from podium.vision.callbacks import HistoryRow
from podium.vision.fit import FoldTraining, train_fold
from podium.vision.hardware import Hardware
from podium.vision.micro_batches import Division
from podium.vision.ranks import Ranks, gather_numbers

PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others, as when the first one tells a slow server of its epoch."""


@dataclass(frozen=True)
class MeetingPlace:
    """Where ranks find each other.

    Attributes:
        folder: Of a file, on one machine: nothing listens to a network.
        rendezvous: ``host:port`` of a store that listens, on several machines; None on one.
        token: Of this start: ranks of an earlier one never meet those of this.
    """

    folder: str
    rendezvous: str | None
    token: str

    def open_store(self, n_ranks: int) -> torch.distributed.Store:
        """Open the store through which ranks learn of each other."""
        if self.rendezvous is None:
            return torch.distributed.FileStore(str(Path(self.folder) / self.token), n_ranks)
        host, _, port = self.rendezvous.rpartition(":")
        store = torch.distributed.TCPStore(host, int(port), is_master=False, timeout=PATIENCE)
        return torch.distributed.PrefixStore(self.token, store)


def train_as_rank(training: FoldTraining, hardware: Hardware, lines: list[Connection], place: MeetingPlace) -> None:
    """Train as one of several ranks; torch elastic calls this in a process of its own.

    The first rank of each machine leaves ``best.ckpt`` and ``last.ckpt`` in its machine's folder, and tells its line of
    each epoch. Any rank tells what no restart would mend.

    Args:
        training: What is trained.
        hardware: Device, precision and workers of this rank.
        lines: To the process that started the ranks, one for each rank of this machine.
        place: Where the ranks meet.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one decides
    _end_with_parent()
    warnings.filterwarnings("ignore", message=".*broadcast_buffers. is deprecated.*")  # its successor is too young
    write_files_atomically()
    line = lines[int(os.environ["LOCAL_RANK"])]
    try:
        with _join_ranks(hardware, place) as ranks:
            _train(training, hardware, line, ranks)
    except (InputError, torch.OutOfMemoryError) as error:
        line.send(error)
        raise


class RankStrategy(DDPStrategy):
    """Lightning's DDP, with checkpoints on every machine: each has all files, and any of them can be gone on from.

    All ranks hold the same weights and states, so whatever the first rank of a machine writes is what any would.

    Args:
        folder: Of checkpoints on this machine; Lightning itself knows that of the first machine alone.
        options: Of ``torch.nn.parallel.DistributedDataParallel``.
    """

    def __init__(self, folder: Path, **options: Any):
        super().__init__(**options)
        self._folder = folder

    def on_train_start(self) -> None:
        """Let a signal end this rank at once: Lightning would end the step first, which may wait for a lost rank."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint, once a machine."""
        if self.local_rank == 0:
            self.checkpoint_io.save_checkpoint(checkpoint, self._folder / Path(filepath).name, storage_options)

    def remove_checkpoint(self, filepath: str | Path) -> None:
        """Remove a checkpoint, once a machine."""
        if self.local_rank == 0:
            self.checkpoint_io.remove_checkpoint(self._folder / Path(filepath).name)


def share_newest_checkpoint(folder: Path, is_writer: bool, device: torch.device) -> None:
    """Bring the checkpoints of all machines to the newest of them.

    A machine may have been lost between two writes, or be a new one.

    Args:
        folder: Of this machine's checkpoints.
        is_writer: Whether this rank writes for its machine.
        device: Over which bytes travel.
    """
    epoch = _read_epoch(folder / "last.ckpt")
    epochs = [found for (found,) in gather_numbers([epoch], device)]
    newest = max(epochs)
    if all(found == newest for found in epochs):
        return
    for name in ("best.ckpt", "last.ckpt"):  # as they are written: whatever `last` knows of, is on disk
        content = _broadcast_file(folder / name, epochs.index(newest), device)
        if is_writer and epoch != newest:
            folder.mkdir(parents=True, exist_ok=True)
            with fsspec.filesystem("file").open(str(folder / name), "wb") as file:
                file.write(content)
    torch.distributed.barrier()


def _train(training: FoldTraining, hardware: Hardware, line: Connection, ranks: Ranks) -> None:
    group, is_first_here = hardware.group, int(os.environ["LOCAL_RANK"]) == 0
    if group.n_nodes > 1:
        share_newest_checkpoint(training.checkpoint_dir, is_first_here, hardware.device)

    def tell(row: HistoryRow) -> None:
        if is_first_here:
            line.send(row)
            line.recv()  # once it was told: what telling raises ends the training before the epoch is saved

    strategy = RankStrategy(
        training.checkpoint_dir,
        # Buffers are the same already. Parts that are frozen after the start have no gradient to wait for.
        broadcast_buffers=False,
        find_unused_parameters=training.plan.recipe.freezing.name != "none",
    )

    def tell_division(division: Division) -> None:
        if is_first_here:
            line.send(division)

    train_fold(
        training, hardware, tell, ranks, tell_division,
        strategy=strategy, devices=group.n_devices, num_nodes=group.n_nodes,
    )  # fmt: skip


@contextmanager
def _join_ranks(hardware: Hardware, place: MeetingPlace) -> Iterator[Ranks]:
    """Make this process one of the ranks, as torch elastic numbered them."""
    rank, n_ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if place.rendezvous is None:
        _stay_on_this_machine(os.environ)
    if hardware.accelerator == "gpu":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group(
        "nccl" if hardware.accelerator == "gpu" else "gloo",
        store=place.open_store(n_ranks), rank=rank, world_size=n_ranks, timeout=PATIENCE,
    )  # fmt: skip
    try:
        yield Ranks(rank, n_ranks)
    finally:
        torch.distributed.destroy_process_group()


def _stay_on_this_machine(environment: Any) -> None:
    """Let ranks of one machine talk over its loopback alone, unless it is told otherwise; Linux names it lo."""
    if Path("/sys/class/net/lo").exists():
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
        environment.setdefault("NCCL_SOCKET_IFNAME", "lo")


def _end_with_parent() -> None:
    """End as soon as the process that started this one has, however it ended: no rank stays behind."""
    parent = parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _read_epoch(path: Path) -> int:
    """Return the epoch that a checkpoint ends, -1 where there is none; its weights are not read."""
    if not path.exists():
        return -1
    checkpoint: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return int(checkpoint["epoch"])


def _broadcast_file(path: Path, source: int, device: torch.device) -> bytes:
    """Return the bytes of the file that the rank ``source`` has."""
    is_source = torch.distributed.get_rank() == source
    own = torch.from_numpy(np.fromfile(path, np.uint8)) if is_source else torch.empty(0, dtype=torch.uint8)
    n_bytes = gather_numbers([len(own)], device)[source][0]
    content = own.to(device) if is_source else torch.empty(n_bytes, dtype=torch.uint8, device=device)
    torch.distributed.broadcast(content, src=source)
    return content.cpu().numpy().tobytes()
