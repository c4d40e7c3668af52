"""Rows of one size in a file, read by their position.

Not through a memory map: pages that a map has touched count as memory of the process, so a process that reads all of a
store would seem to hold, and under a limit of memory would hold, the whole of it.
"""

import os
import threading
import weakref
from pathlib import Path

import numpy as np

_turn = threading.Lock()


class RowFile:
    """A file of rows, open for reading; threads may share it, and so may forked processes."""

    def __init__(self, path: Path, n_rows: int, row_bytes: int):
        """Open a file that begins with ``n_rows`` rows; what comes after them is not read.

        Raises:
            OSError: The file cannot be read, or is shorter than that.
        """
        self._n_rows, self._row_bytes = n_rows, row_bytes
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)
        if os.fstat(self._descriptor).st_size < n_rows * row_bytes:
            raise OSError(f"is shorter than {n_rows} rows of {row_bytes} bytes")

    def read_into(self, out: np.ndarray, rows: np.ndarray) -> None:
        """Read rows, in the order given; those that follow one another in the file are read at once.

        Args:
            out: uint8, (n, row_bytes), contiguous.
            rows: int64, (n,).

        Raises:
            IndexError: There is no such row.
            OSError: The file cannot be read, or was cut off.
        """
        if not len(rows):
            return
        if not 0 <= rows.min() <= rows.max() < self._n_rows:
            raise IndexError(f"rows {rows.min()} to {rows.max()} of a file of {self._n_rows}")
        whole, size = out.reshape(-1).data, self._row_bytes
        starts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for start, stop, row in zip(starts, starts[1:], rows[starts[:-1]].tolist(), strict=False):
            self._read_whole(whole[start * size : stop * size], row * size)

    def _read_whole(self, rest: memoryview, offset: int) -> None:
        while n_bytes := _read_at(self._descriptor, rest, offset):  # one call reads 2 GiB at most
            if n_bytes == len(rest):
                return
            rest, offset = rest[n_bytes:], offset + n_bytes
        raise OSError(f"ends at {offset} bytes")


def _read_at(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill ``buffer`` from ``offset`` on; the file's own position, which forked processes share, does not count."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], offset)
    with _turn:  # Windows, which forks no processes: threads take turns
        os.lseek(descriptor, offset, os.SEEK_SET)
        data = os.read(descriptor, len(buffer))
    buffer[: len(data)] = data
    return len(data)
