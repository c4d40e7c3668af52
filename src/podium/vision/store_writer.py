"""Writing an image store: rows are appended, then committed by the index; one process at a time.

The index is the commit point: it is replaced after the rows it names have reached the disk. A kill leaves at most rows
behind that no index names, and the next fill writes over them. Rows move only into a new pixel file, so row numbers
stay true for whoever has a file open.
"""

import errno
import io
import logging
import os
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from podium.errors import InputError
from podium.locks import hold_file
from podium.vision.input_spec import InputSpec
from podium.vision.row_file import RowFile
from podium.vision.store_index import (
    DRAFT_NAME,
    ContentRecord,
    DamagedIndexError,
    FileRecord,
    StoreHeader,
    list_files,
    read_index,
    write_index,
)

_logger = logging.getLogger(__name__)

_COMMIT_EVERY_FILES, _COMMIT_EVERY_S = 2000, 30.0
_PIXELS = "pixels-{}.u8"

LOCK_NAME = "lock"


class StoreWriter:
    """The store while it is filled: the index in memory, the pixel file open at its end.

    Attributes:
        header: The pixel file as it is now; ahead of the index on disk until the next commit.
        files: What each file holds, by path.
        contents: What is known of some bytes, by SHA-256.
    """

    def __init__(self, folder: Path, spec: InputSpec | StoreHeader):
        self._folder = folder
        self._committed: StoreHeader | None = None  # what the index on disk names
        self._n_changes, self._committed_at = 0, time.monotonic()
        self.header = StoreHeader(*spec.size_px, spec.preparation, _name_new_pixels(folder), n_rows=0)
        self.files: dict[str, FileRecord] = {}
        self._load()
        self.contents = {file.sha256: file.content for file in self.files.values()}

    def _load(self) -> None:
        """Go on from the last commit, if there is one."""
        try:
            header, index = read_index(self._folder)
        except FileNotFoundError:
            return
        except DamagedIndexError as error:
            _logger.warning("image store %s is filled anew: %s", self._folder, error)
            return
        _require_same_kind(self._folder, header, self.header)
        files = list_files(index)
        pixels = self._folder / header.pixels
        n_rows = min(header.n_rows, pixels.stat().st_size // header.row_bytes if pixels.exists() else 0)
        if n_rows < header.n_rows:
            _logger.warning("image store %s lost %d rows: decoded anew", self._folder, header.n_rows - n_rows)
            files = {
                path: file for path, file in files.items() if file.content.row is None or file.content.row < n_rows
            }
            self._n_changes = header.n_rows - n_rows
        self.header = self._committed = replace(header, n_rows=n_rows)
        self.files = files

    def __enter__(self) -> "StoreWriter":
        self._pixels = open(self._folder / self.header.pixels, "ab", buffering=0)
        self._cut_tail(self.header.n_rows)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind that the index does not name, whatever happened."""
        committed = self._committed.pixels if self._committed else None
        if self._committed and committed == self.header.pixels:  # else rows have moved, or none were ever committed
            with suppress(OSError):
                self._cut_tail(self._committed.n_rows)
        self._pixels.close()
        for stray in [*self._folder.glob(_PIXELS.format("*")), self._folder / DRAFT_NAME]:
            if stray.name != committed:
                with suppress(OSError):  # not there, or (on Windows) still open in a reader: the next fill tries again
                    stray.unlink()

    def append(self, decoded: dict[str, tuple[ContentRecord, np.ndarray | None]]) -> None:
        """Add contents, by SHA-256, with their pixels (uint8, (height, width, 3); null when unreadable)."""
        n_rows = self.header.n_rows
        for sha256, (content, pixels) in decoded.items():
            self.contents[sha256] = content if pixels is None else content._replace(row=n_rows)
            if pixels is not None:
                _write_whole(self._pixels, pixels)
                n_rows += 1
        self.header = replace(self.header, n_rows=n_rows)

    def remember(self, path: str, file: FileRecord) -> None:
        """Note what a file holds."""
        self.files[path] = file
        self._n_changes += 1

    def forget(self, path: str) -> None:
        """Drop a file that is gone."""
        self._n_changes += self.files.pop(path, None) is not None

    def commit_if_due(self) -> None:
        """Commit from time to time, so that a kill costs little.

        A commit writes the whole index, so with more files there are fewer of them, down to one in half a minute.
        """
        waited_s = time.monotonic() - self._committed_at
        if self._n_changes >= max(_COMMIT_EVERY_FILES, len(self.files) // 10) or waited_s >= _COMMIT_EVERY_S:
            self._commit()

    def finish(self) -> None:
        """Commit what is left, and drop rows that no file has any more once they are more than half.

        Nothing can be appended after it.
        """
        if self._n_changes or self._committed is None:
            self._commit()
        used = self._list_used()
        if 2 * len(used) < self.header.n_rows:
            try:
                self._compact(used)
            except OSError as error:  # the store is whole without it
                _logger.warning("image store %s could not be compacted: %s", self._folder, error)

    def drop_rows(self, wanted: Set[str]) -> None:
        """Forget the files whose contents (SHA-256) are not wanted, and drop every row that no file has any more.

        Nothing can be appended after it.
        """
        for path, file in list(self.files.items()):
            if file.content.row is not None and file.sha256 not in wanted:
                self.forget(path)
        self._commit()
        used = self._list_used()
        if len(used) < self.header.n_rows:
            self._compact(used)

    def _list_used(self) -> list[int]:
        return sorted({file.content.row for file in self.files.values() if file.content.row is not None})

    def _cut_tail(self, n_rows: int) -> None:
        if os.fstat(self._pixels.fileno()).st_size > n_rows * self.header.row_bytes:
            self._pixels.truncate(n_rows * self.header.row_bytes)

    def _commit(self) -> None:
        os.fsync(self._pixels.fileno())
        write_index(self._folder, self.header, self.files)
        self._committed = self.header
        self._n_changes, self._committed_at = 0, time.monotonic()

    def _compact(self, used: list[int]) -> None:
        header = replace(self.header, pixels=_name_new_pixels(self._folder), n_rows=len(used))
        rows = RowFile(self._folder / self.header.pixels, self.header.n_rows, self.header.row_bytes)
        moving = np.empty((1, self.header.row_bytes), np.uint8)
        with open(self._folder / header.pixels, "wb", buffering=0) as pixels:
            for row in used:
                rows.read_into(moving, np.array([row]))
                _write_whole(pixels, moving)
            os.fsync(pixels.fileno())
        new_rows: dict[int | None, int] = {row: new_row for new_row, row in enumerate(used)}
        moved = {
            path: file._replace(content=file.content._replace(row=new_rows.get(file.content.row)))
            for path, file in self.files.items()
        }
        write_index(self._folder, header, moved)
        self._committed = header
        _logger.info("image store %s: dropped %d unused rows", self._folder.name, self.header.n_rows - len(used))


@contextmanager
def open_store_writer(folder: Path, spec: InputSpec | StoreHeader) -> Iterator[StoreWriter]:
    """Open a store for writing, by this process alone; a second one waits. The folder is made when missing.

    Raises:
        InputError: The folder cannot be written (the store is then as at its last commit), or holds images
            that were prepared in another way.
    """
    with _naming_folder(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with hold_file(folder / LOCK_NAME, f"image store {folder.name}"), StoreWriter(folder, spec) as writer:
            yield writer


def drop_rows(folder: Path, wanted: Set[str]) -> None:
    """Write a store anew without the rows of contents (SHA-256) that are not wanted; a damaged store is left alone.

    The rows that stay are copied, so there has to be room for them.

    Raises:
        InputError: The folder cannot be written; the store has all its rows then.
    """
    try:
        header, _ = read_index(folder)
    except (OSError, DamagedIndexError):
        return
    with open_store_writer(folder, header) as writer:
        writer.drop_rows(wanted)


@contextmanager
def _naming_folder(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space there, or put the store on a larger disk"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "make it writable, or choose another folder"
        else:
            remedy = "mend that, or choose another folder"
        case = f"{folder}: {error.strerror or error}; {remedy}"
        raise InputError("The image store cannot be written:", [case]) from error


def _require_same_kind(folder: Path, header: StoreHeader, wanted: StoreHeader) -> None:
    if header.preparation != wanted.preparation:
        case = f"{folder}: holds {header.preparation}, asked for {wanted.preparation}; give each kind its own folder"
        raise InputError("The image store is of another kind:", [case])


def _name_new_pixels(folder: Path) -> str:
    numbers = (path.stem.rpartition("-")[2] for path in folder.glob(_PIXELS.format("*")))
    return _PIXELS.format(1 + max((int(number) for number in numbers if number.isdigit()), default=-1))


def _write_whole(file: io.FileIO, row: np.ndarray) -> None:
    """Write unbuffered, so that a full disk shows here and nothing waits to be written after it."""
    rest = row.data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]
