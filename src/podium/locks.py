"""Locks between processes: for a moment, and for a whole run, as tables have one place for all recipes."""

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from podium.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_POLL_S = 0.5

# Files of the locks that this process holds. Closing any file of a path gives its record lock back, so there is one.
_held: dict[Path, IO[str]] = {}


_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What disks of other machines say that have no locks."""


@contextmanager
def hold_file(path: Path, what: str) -> Iterator[None]:
    """Hold a lock for a moment, and wait as long as another process holds it; its end gives it back in any case.

    Args:
        path: Of the lock; its folder is made when missing. A disk without locks is told, and holds nobody back.
        what: Is written meanwhile, for the messages.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("%s: waiting for another process that writes it", what)
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                _require_no_locks(error, what)
        yield


def _require_no_locks(error: OSError, what: str) -> None:
    """Warn of a disk that has no locks; any other error goes on."""
    if error.errno not in _NO_LOCKS:
        raise error
    logger.warning("%s: its disk has no locks; let one process at a time write there", what)


class RunLock:
    """A lock that the system gives back when its process ends, however it ends.

    A record lock belongs to the process alone: workers that outlive a killed run do not keep it. Within a process it
    can be taken again, as after an interrupted run in a notebook.
    """

    def __init__(self, path: Path, what: str):
        """Name the lock.

        Args:
            path: Its file; the folder is made when missing.
            what: One process at a time writes it, as a competition, a member, a backup; for the messages.
        """
        self._path = path
        self._what = what

    def acquire(self) -> None:
        """Take the lock, or say who has it.

        Raises:
            InputError: Another process has it; the message has its number.
        """
        if self._path in _held:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115  (open as long as the lock is held)
        if fcntl is not None:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:  # systems differ in how they say so
                file.seek(0)
                owner = file.read().strip() or "unknown"
                file.close()
                raise InputError(
                    f"Another run of '{self._what}' is active:",
                    [f"process {owner} writes the same tables; wait for its end, or use a copy of the project"],
                ) from error
            except OSError as error:
                _require_no_locks(error, self._what)
        with suppress(OSError):  # on a full disk the lock holds without the number, so that something can be deleted
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        _held[self._path] = file

    def wait(self) -> None:
        """Take the lock as soon as nobody has it."""
        told = False
        while True:
            try:
                self.acquire()
            except InputError as error:
                if not told:
                    logger.info("waiting: %s", " ".join(str(error).split()))
                told = True
                time.sleep(_POLL_S)
            else:
                return

    def release(self) -> None:
        """Give the lock back; a process that ends does so by itself."""
        file = _held.pop(self._path, None)
        if file is not None:
            file.close()


def release_all() -> None:
    """Give every lock of this process back."""
    for path in list(_held):
        _held.pop(path).close()
