"""Start the ranks that train one fold together, from inside the process that wants it trained.

torch elastic starts them, watches them, and starts all of them again when one is lost; they go on from the last
finished epoch. Its agent lives in this process, between whose checks the ranks' epochs are told: so what is told is
always told here, and what telling raises, ends the training here.
"""

import hashlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any
from unittest import mock
from uuid import uuid4

import pandas as pd
import torch
from torch.distributed import TCPStore
from torch.distributed.elastic.agent.server.api import RunResult, WorkerGroup, WorkerSpec
from torch.distributed.elastic.agent.server.local_elastic_agent import LocalElasticAgent
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousHandler, RendezvousParameters
from torch.distributed.elastic.rendezvous.api import RendezvousError
from torch.distributed.elastic.rendezvous.registry import get_rendezvous_handler

from podium.errors import InputError
from podium.vision.callbacks import HistoryRow, OnEpoch
from podium.vision.fit import FoldTraining
from podium.vision.hardware import Hardware, RankGroup
from podium.vision.micro_batches import Division, log_division
from podium.vision.rank_process import MeetingPlace, train_as_rank

logger = logging.getLogger(__name__)

JOIN_PATIENCE_S = 3600
"""How long a machine waits for the others: their tables may take a while to be made."""

CHECK_INTERVAL_S = 0.1

_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    *(getattr(signal, name) for name in ("SIGHUP", "SIGQUIT") if hasattr(signal, name)),
)

# Of this process, by address. It listens until the process ends, so that a machine that is early for the next fold
# finds it.
_stores: dict[str, TCPStore] = {}


def train_in_ranks(
    training: FoldTraining, hardware: Hardware, on_epoch: OnEpoch
) -> tuple[pd.DataFrame, Division | None]:
    """Train a fold in processes of their own, on as many devices and machines as the hardware says.

    ``best.ckpt`` and ``last.ckpt`` then lie in ``training.checkpoint_dir``, on each machine.

    Args:
        training: What is trained.
        hardware: Of this machine.
        on_epoch: Called in this thread with each row of the history, every epoch once.

    Returns:
        The history, and how each device worked off its share of a batch; None where nothing was asked for.

    Raises:
        InputError: A rank found something that a user has to mend.
        RuntimeError: Ranks were lost more often than they may be started again, or the other machines are gone.
    """
    history = _History(on_epoch)
    group = hardware.group
    with tempfile.TemporaryDirectory(prefix="podium-ranks-") as folder, _quiet_elastic():
        handler = _make_handler(training, group, folder)
        spec = WorkerSpec(
            role="rank", local_world_size=group.n_devices, rdzv_handler=handler, entrypoint=train_as_rank,
            max_restarts=group.max_restarts, monitor_interval=CHECK_INTERVAL_S,
        )  # fmt: skip
        agent = RankAgent(spec, DefaultLogsSpecs(log_dir=folder), training, _divide(hardware), history.tell, folder)
        try:
            result = agent.run()
        except RendezvousError as error:
            raise RuntimeError(
                f"the machines that train together lost each other ({' '.join(str(error).split())[:200]}); start the "
                "same command again on all of them: they go on from the last finished epoch"
            ) from error
        finally:
            handler.shutdown()
    _require_success(result, group)
    return history.table, agent.division


class RankAgent(LocalElasticAgent):
    """torch's own agent, which between its checks passes on what ranks have to say.

    Args:
        spec: Of the ranks; their arguments are set at each start.
        logs: Where torch puts what ranks print of themselves on failing.
        training: What is trained.
        hardware: Of each rank.
        tell: Called with each row of the history.
        folder: Where ranks of one machine meet.

    Attributes:
        division: How each rank works off its share of a batch, once that was told.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        logs: DefaultLogsSpecs,
        training: FoldTraining,
        hardware: Hardware,
        tell: Callable[[HistoryRow], None],
        folder: str,
    ):
        super().__init__(spec, logs, start_method=_choose_start_method())
        self._training = training
        self._hardware = hardware
        self._tell = tell
        self._folder = folder
        self._lines: list[Connection] = []
        self.division: Division | None = None

    def _start_workers(self, worker_group: WorkerGroup) -> dict[int, Any]:
        """Start ranks with new lines to them; signals stay with whoever handled them before."""
        self._close_lines()
        pairs = [multiprocessing.Pipe() for _ in range(self._hardware.group.n_devices)]
        self._lines = [here for here, _ in pairs]
        place = MeetingPlace(self._folder, self._hardware.group.rendezvous, _agree_on_token(worker_group))
        worker_group.spec.args = (self._training, self._hardware, [there for _, there in pairs], place)
        with _keep_signal_handlers():
            started: dict[int, Any] = super()._start_workers(worker_group)
        for _, there in pairs:
            there.close()  # or the end of a rank would not be the end of its line
        return started

    def _restart_workers(self, worker_group: WorkerGroup) -> None:
        left = self._remaining_restarts
        logger.warning(
            "a process of the training was lost; all begin again after the last finished epoch (%d more times)", left
        )
        super()._restart_workers(worker_group)

    def _monitor_workers(self, worker_group: WorkerGroup) -> RunResult:
        result: RunResult = super()._monitor_workers(worker_group)
        for line in list(self._lines):
            self._listen(line)
        return result

    def _shutdown(self, *args: Any, **kwargs: Any) -> None:
        """End ranks at once: one that waits for a lost one would not hear a gentler word, and none has work to save."""
        super()._shutdown(signal.SIGKILL)

    def _listen(self, line: Connection) -> None:
        try:
            while line.poll():
                said = line.recv()
                if isinstance(said, BaseException):
                    raise said
                if isinstance(said, Division):
                    self._take_division(said)
                    continue
                self._tell(said)
                line.send(None)
        except (EOFError, ConnectionError):
            self._lines.remove(line)  # this rank has ended; the agent sees how
            line.close()

    def _take_division(self, division: Division) -> None:
        if division != self.division:  # ranks that were started again tell it again
            log_division(division)
        self.division = division

    def _close_lines(self) -> None:
        for line in self._lines:
            line.close()
        self._lines = []


def _choose_start_method() -> str:
    """Start ranks from a process that has imported all they need, so that folds and restarts need not do so again."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return "spawn"
    multiprocessing.set_forkserver_preload([train_as_rank.__module__])
    with mock.patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(sys.path)}):  # it would look elsewhere by itself
        forkserver.ensure_running()
    return "forkserver"


class _History:
    """Rows of the history by epoch: after a restart, ranks tell the earlier ones again."""

    def __init__(self, on_epoch: OnEpoch):
        self._on_epoch = on_epoch
        self._rows: dict[int, HistoryRow] = {}

    def tell(self, row: HistoryRow) -> None:
        """Take in a row, and pass it on unless its epoch is known."""
        is_known = int(row["epoch"]) in self._rows
        self._rows[int(row["epoch"])] = row
        if not is_known:
            self._on_epoch(row)

    @property
    def table(self) -> pd.DataFrame:
        """The rows so far."""
        return pd.DataFrame([self._rows[epoch] for epoch in sorted(self._rows)])


def _make_handler(training: FoldTraining, group: RankGroup, folder: str) -> RendezvousHandler:
    """Make torch's rendezvous: over a file on one machine, over a store of the first one where there are several."""
    run_id = digest_training(training)
    where: dict[str, Any] = {"endpoint": os.path.join(folder, "rendezvous"), "store_type": "file"}
    if group.rendezvous is not None and group.n_nodes > 1:
        if group.node_rank == 0:
            _serve_store(group.rendezvous)
        logger.info(
            "%d machines meet at %s to train fold %d of '%s' (%s); each has to say the same",
            group.n_nodes, group.rendezvous, training.fold, training.plan.recipe.name, run_id,
        )  # fmt: skip
        where = {"endpoint": group.rendezvous, "is_host": False, "read_timeout": JOIN_PATIENCE_S}
    local_addr = "127.0.0.1" if group.n_nodes == 1 else None
    return get_rendezvous_handler(
        RendezvousParameters(
            backend="c10d", run_id=run_id, min_nodes=group.n_nodes, max_nodes=group.n_nodes, local_addr=local_addr,
            join_timeout=JOIN_PATIENCE_S, **where,
        )
    )  # fmt: skip


def digest_training(training: FoldTraining) -> str:
    """Name what is trained, in 12 letters: machines that train something else never meet."""
    plan, data = training.plan, training.data
    digest = hashlib.sha256(repr((plan.recipe.model_dump_json(), plan.spec, list(plan.policy), training.fold)).encode())
    for values in (data.training_labels, data.n_variants, data.validation_labels):
        digest.update(values.tobytes())
    return digest.hexdigest()[:12]


def _serve_store(rendezvous: str) -> None:
    """Listen at the address that is told, and at no other one where this machine has that address itself."""
    if rendezvous in _stores:
        return
    host, _, port = rendezvous.rpartition(":")
    try:
        listening = socket.create_server((host, int(port)))
    except socket.gaierror as error:
        raise InputError("Machines cannot meet:", [f"training.rendezvous: '{rendezvous}': {error}"]) from error
    except OSError:  # an address that another machine hands on to this one
        try:
            listening = socket.create_server(("", int(port)))
        except OSError as error:
            raise InputError("Machines cannot meet:", [f"training.rendezvous: '{rendezvous}': {error}"]) from error
    address, *_ = listening.getsockname()
    _stores[rendezvous] = TCPStore(
        "127.0.0.1" if address == "0.0.0.0" else address, int(port), is_master=True, wait_for_workers=False,
        timeout=timedelta(seconds=JOIN_PATIENCE_S), master_listen_fd=listening.detach(),
    )  # fmt: skip


def _divide(hardware: Hardware) -> Hardware:
    """Share out this machine's cores among its ranks."""
    n_devices, n_threads = hardware.group.n_devices, hardware.num_threads
    if hardware.accelerator == "cpu" and n_threads is None:
        n_threads = max(torch.get_num_threads() // n_devices, 1)
    return replace(hardware, num_workers=hardware.num_workers // n_devices, num_threads=n_threads)


def _agree_on_token(worker_group: WorkerGroup) -> str:
    """Give this start a name that all machines know, over the store that is this round's alone."""
    store: Any = worker_group.store
    if worker_group.group_rank == 0:
        store.set("podium", uuid4().hex)
    return str(store.get("podium").decode())


def _require_success(result: RunResult | None, group: RankGroup) -> None:
    if result is not None and not result.is_failed():
        return
    failures = [] if result is None else [result.failures[rank] for rank in sorted(result.failures)]
    said = [f"process {failure.local_rank} last ended with {_describe(failure)}" for failure in failures]
    raise RuntimeError(
        f"training ended, as its processes were lost {group.max_restarts + 1} times "
        f"({'; '.join(said) or 'the other machines left'}); the same command goes on from the last finished epoch"
    )


def _describe(failure: ProcessFailure) -> str:
    """Say how a rank ended: by what was raised in it, or by a signal (a negative code)."""
    told = failure.message.get("message") if isinstance(failure.message, dict) else None
    return f"code {failure.exitcode}" if told is None else " ".join(str(told).split())[:500]


@contextmanager
def _keep_signal_handlers() -> Iterator[None]:
    """Undo what torch elastic does to signals: Ctrl-C stays Ctrl-C, and ranks end with this process by themselves."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other thread may, nor does elastic there
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _quiet_elastic() -> Iterator[None]:
    """Let torch elastic keep to itself what is told here in plain words, and open no store of its own."""
    loud = [logging.getLogger(name) for name in ("torch.distributed.elastic", "torch.multiprocessing.spawn")]
    levels = [one.level for one in loud]
    for one in loud:
        one.setLevel(logging.CRITICAL)
    logging.getLogger("torchelastic-events-null").disabled = True
    try:
        with mock.patch.dict(os.environ, {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}):
            yield
    finally:
        for one, level in zip(loud, levels, strict=True):
            one.setLevel(level)
