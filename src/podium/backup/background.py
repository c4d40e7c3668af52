"""The loop of the process that mirrors: look, send, rest; try again when the store cannot be reached."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from podium.backup.config import BackupConfig
from podium.backup.git_bundle import GitError, save_git_state
from podium.backup.messages import FINISHED, LOG, READY, REFUSED, Teller
from podium.backup.mirror import Mirror, Progress
from podium.backup.ownership import OwnedByAnotherError, WorkspaceGoneError, read_own
from podium.backup.store import Store
from podium.backup.workspace import Workspace
from podium.byte_counts import describe_bytes
from podium.errors import InputError
from podium.locks import RunLock
from podium.secrets import hide_password

GO_PAUSE_S = 0.2
MAX_PAUSE_S = 300.0
MAX_LAST_PAUSE_S = 20.0
"""Between tries at the end of a run, which waits for them."""

LAST_REST_S = 0.5
"""Between looks at a workspace that does not rest even at the end of a run."""

WARN_EVERY_S = 600.0
GIT_EVERY_S = 300.0
REST_SHARE = 100
"""Two looks at the folders are followed by a rest of at least so many times what one takes: 2 % of a core at most."""


@dataclass(frozen=True)
class Orders:
    """What the run wants.

    Attributes:
        go: It has begun to work. Before that, whoever tracks it may be setting up a data base, table by table: nobody
            could go on with a copy of one that is half set up.
        finish: It ends, or is gone.
    """

    go: Event = field(default_factory=Event)
    finish: Event = field(default_factory=Event)


class Background:
    """Mirrors a workspace until it is told to finish."""

    def __init__(self, config: BackupConfig, open_store: Callable[[], Store], teller: Teller, orders: Orders):
        self._config = config
        self._open_store = open_store
        self._teller = teller
        self._go, self._finish = orders.go, orders.finish
        self._workspace = Workspace.of(config)
        self._mirror = Mirror(
            self._workspace, read_own(self._workspace.home), config.keep_last, config.keep_days
        )  # fmt: skip
        self._address = f"{hide_password(config.url or '')}/{config.name}"
        self._deadline = float("inf")
        self._git_at = float("-inf")
        self._progress: Progress | None = None
        self._is_ready = False

    def run(self) -> None:
        """Mirror, and tell how it ended; only a backup that belongs to another machine is refused."""
        if not self._wait_for_turn():
            return
        failures = Failures(self._teller, self._address)
        is_connected = False
        while True:
            is_last = self._finish.is_set()
            if is_last:
                self._deadline = min(self._deadline, time.monotonic() + self._config.finish_s)
            try:
                if not is_connected:
                    self._mirror.connect(self._open_store())
                    is_connected = True
                    self._tell_ready()
                if not self._wait_for_work():
                    return
                self._save_git(is_last)
                self._progress = self._mirror.step(is_last)
                failures.end()
            except OwnedByAnotherError as error:
                self._teller.tell(REFUSED, self._describe_owner(error))
                return
            except WorkspaceGoneError as error:
                self._teller.tell(LOG, f"backup: {error}; nothing more is mirrored", level="WARNING")
                return
            except Exception as error:  # whatever it is, training goes on
                is_connected = False
                self._rest(failures.count(error, is_last))
            else:
                if is_last and self._progress.is_complete:
                    self._tell_end()
                    return
                if self._progress.n_pending == 0:
                    rest_s = max(self._config.interval_s, REST_SHARE * self._progress.look_s)
                    self._rest(LAST_REST_S if is_last else rest_s)
            if time.monotonic() > self._deadline:
                self._tell_end()
                return

    def _wait_for_work(self) -> bool:
        """Wait until the run works; return False if it never did."""
        while not self._go.wait(GO_PAUSE_S):
            if self._finish.is_set():
                return self._go.is_set()
        return True

    def _tell_ready(self) -> None:
        if not self._is_ready:
            self._teller.tell(READY, f"backing up to {self._address}")
            os.nice(self._config.niceness)  # from here on: the first node waits for what came before
        self._is_ready = True

    def _wait_for_turn(self) -> bool:
        """Wait until no other run of this workspace mirrors it; return whether there is something left to do then."""
        lock = RunLock(self._workspace.home / "mirror.lock", self._config.name)
        is_told = False
        while True:
            try:
                lock.acquire()
            except InputError as error:
                if not is_told:
                    self._teller.tell(READY, "another run of this workspace backs up what this one writes, too")
                    is_told = True
                if self._finish.is_set():
                    owner = error.cases[0].partition(" writes")[0]
                    self._teller.tell(FINISHED, f"{owner} of another run backs up the rest", is_complete=True)
                    return False
                self._finish.wait(1.0)
            else:
                return True

    def _save_git(self, is_last: bool) -> None:
        if not is_last and time.monotonic() < self._git_at + GIT_EVERY_S:
            return
        is_first = self._git_at == float("-inf")
        self._git_at = time.monotonic()
        try:
            save_git_state(self._config.project_dir, self._workspace.home / "git")
        except (GitError, OSError) as error:
            if is_first:
                self._teller.tell(LOG, f"backup: the state of git is left out: {error}", level="WARNING")

    def _rest(self, seconds: float) -> None:
        """Rest; the end of a run ends it, and is not kept waiting longer than it said."""
        if self._finish.is_set():
            time.sleep(max(0.0, min(seconds, self._deadline - time.monotonic())))
        else:
            self._finish.wait(seconds)

    def _describe_owner(self, error: OwnedByAnotherError) -> str:
        return (
            f"backup.name: {self._address} is written by another workspace, on {error.machine}; "
            "kedro run --pipeline restore brings it here and goes on with it, another backup.name begins a new one"
        )

    def _tell_end(self) -> None:
        progress = self._progress
        if progress is None:
            self._teller.tell(FINISHED, f"nothing was backed up: {self._address} was not reached", is_complete=False)
            return
        total = f"{progress.n_files:,} files, {describe_bytes(progress.n_bytes)}"
        if progress.is_complete:
            sent = f"{progress.n_sent:,} of them sent now, {describe_bytes(progress.sent_bytes)}"
            self._teller.tell(FINISHED, f"backed up {total} to {self._address} ({sent})", is_complete=True)
            return
        missing = f"{progress.n_pending:,} files, {describe_bytes(progress.pending_bytes)}"
        self._teller.tell(
            FINISHED, f"not all is backed up: {missing} are missing at {self._address}, which has {total}; "
            "the next run goes on with them", is_complete=False,
        )  # fmt: skip


class Failures:
    """Counts failures in a row: growing pauses, and a warning now and then."""

    def __init__(self, teller: Teller, address: str):
        self._teller = teller
        self._address = address
        self._n = 0
        self._since = self._warned = 0.0

    def count(self, error: Exception, is_last: bool) -> float:
        """Note a failure, and return how long to rest, in seconds."""
        now = time.monotonic()
        if self._n == 0:
            self._since = now
        if self._n == 0 or now > self._warned + WARN_EVERY_S:
            self._warned = now
            why = hide_password(" ".join(f"{type(error).__name__}: {error}".split()))[:500]
            self._teller.tell(
                LOG,
                f"backup: {self._address} cannot be written, trying again; the run goes on ({why})",
                level="WARNING",
            )
        self._n += 1
        return min(2.0**self._n, MAX_LAST_PAUSE_S if is_last else MAX_PAUSE_S)

    def end(self) -> None:
        """Note that it works again."""
        if self._n:
            minutes = (time.monotonic() - self._since) / 60
            self._teller.tell(LOG, f"backup: {self._address} is written again, after {minutes:.0f} min", level="INFO")
        self._n = 0
