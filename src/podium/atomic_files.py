"""Whole files or none: what is written under a name appears there only when it is complete.

Kedro's datasets write through fsspec straight into the target, so a kill or a full disk in the middle would leave half
a file that looks like a result. Here every local file that is opened for writing is written beside its target and
renamed into place when it is closed. Registering it for the ``file`` protocol covers every dataset of the catalog, and
Lightning's checkpoints too.
"""

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem, get_umask

PARTIAL_SUFFIX = ".partial"


class AtomicWriter(io.FileIO):
    """A file that takes its name when it is closed, and vanishes when writing it failed."""

    def __init__(self, path: str, autocommit: bool):
        self.path = path
        self.autocommit = autocommit
        self._failed = False
        self._exception_before = sys.exception()
        handle, self.temp = tempfile.mkstemp(prefix=".", suffix=PARTIAL_SUFFIX, dir=os.path.dirname(path))
        super().__init__(handle, "wb")

    def write(self, data: Any) -> int:
        """Write all of ``data``; a full disk marks the file as failed."""
        view, done = memoryview(data).cast("B"), 0
        try:
            while done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self._failed = True
            error.filename = self.path  # the system does not know it by then, and a user has to
            raise
        return len(view)

    def close(self) -> None:
        """Close, and rename into place unless something went wrong since the file was opened."""
        if self.closed:
            return
        is_unwinding = sys.exception() is not None and sys.exception() is not self._exception_before
        try:
            os.fsync(self.fileno())
        except OSError as error:
            self._failed = True
            error.filename = self.path
            raise
        finally:
            super().close()
            if self._failed or is_unwinding:
                self.discard()
        if self.autocommit and not (self._failed or is_unwinding):
            self.commit()

    def __del__(self) -> None:
        """Discard a file that was dropped without being closed: nobody said that it is whole."""
        self._failed = True
        super().__del__()

    def commit(self) -> None:
        """Give the finished file its name."""
        try:
            os.chmod(self.temp, 0o666 & ~get_umask())
            os.replace(self.temp, self.path)
        except OSError:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the unfinished file."""
        if os.path.exists(self.temp):
            os.remove(self.temp)


class AtomicLocalFileSystem(LocalFileSystem):
    """The local file system, with :class:`AtomicWriter` for files opened with mode ``w`` and without compression."""

    def open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file; with ``compression`` it is written in place, since compressors never close what they fill."""
        kwargs["in_place"] = compression is not None
        return super().open(path, mode, block_size, cache_options, compression, **kwargs)

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, in_place: bool = False, **kwargs: Any
    ) -> Any:
        path = self._strip_protocol(path)
        if "w" not in mode or in_place:
            return super()._open(path, mode, block_size, **kwargs)
        if self.auto_mkdir:
            self.makedirs(self._parent(path), exist_ok=True)
        return AtomicWriter(path, autocommit=kwargs.get("autocommit", True))


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file whole or not at all, in the place of the one before.

    Raises:
        OSError: Its folder is not there or has no room; nothing has changed then.
    """
    with AtomicWriter(os.fspath(path), autocommit=True) as file:
        file.write(data)


def write_files_atomically() -> None:
    """Use :class:`AtomicLocalFileSystem` for all local files of this process."""
    fsspec.register_implementation("file", AtomicLocalFileSystem, clobber=True)
    fsspec.register_implementation("local", AtomicLocalFileSystem, clobber=True)
