"""One run of a competition at a time: tables that depend on the recipe have one place for all recipes."""

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


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Hold a lock for a moment, and wait as long as another process holds it; its end gives it back in any case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class RunLock:
    """A lock that the system gives back when its process ends, however it ends.

    A record lock belongs to the process alone: workers that outlive a killed run do not keep it. Within a process it
    can be taken again, as after an interrupted run in a notebook.
    """

    def __init__(self, path: Path, competition: str):
        self._path = path
        self._competition = competition

    def acquire(self) -> None:
        """Take the lock, or say who has it.

        Raises:
            InputError: Another process runs this competition; the message has its number.
        """
        if self._path in _held:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115  (open as long as the lock is held)
        if fcntl is not None:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                owner = file.read().strip() or "unknown"
                file.close()
                raise InputError(
                    f"Another run of '{self._competition}' is active:",
                    [f"process {owner} writes the same tables; wait for its end, or use a copy of the project"],
                ) from error
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
