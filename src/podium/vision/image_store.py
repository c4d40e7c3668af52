"""Decode once: the images of one competition as rows of a memory-mapped file, found again by their content.

A store is a folder for one size and one way of resizing:

    pixels-<k>.u8   raw rows, uint8 (n, height, width, 3); only ever appended to
    index.parquet   one row a known file (columns: ``_SCHEMA``); its metadata names the pixel file and counts its rows
    lock            held by the one process that fills the store

The index is the commit point: it is replaced as a whole after the rows it names have reached the disk. A kill leaves at
most rows behind that no index names, and the next fill writes over them. Rows move only into a new pixel file, so row
numbers stay true for whoever has a file open. Which row an image has depends on history; readers ask by SHA-256.
"""

import errno
import hashlib
import io
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from podium.errors import InputError, raise_if_any
from podium.vision.decoding import ResizeMode, UnreadableImage, decode_image, hash_perceptually, resize_image

try:
    import fcntl
except ImportError:  # Windows: the store works, but two processes must not fill it at the same time
    fcntl = None  # type: ignore[assignment]

_logger = logging.getLogger(__name__)

_VERSION = 1  # raise it when decoding or resizing changes: older stores are then filled anew
_COMMIT_EVERY_IMAGES, _COMMIT_EVERY_S = 2000, 30.0
_BATCH_IMAGES, _BATCH_BYTES = 256, 64 * 2**20
_INDEX, _INDEX_DRAFT, _HEADER_KEY = "index.parquet", "index.parquet.new", b"podium_image_store"
_PIXELS = "pixels-{}.u8"
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),  # relative to the competition's root
        ("n_bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),  # so that a file put in place with an old time stamp is noticed
        ("sha256", pa.string()),  # of the file's bytes
        ("row", pa.int64()),  # in the pixel file; null when unreadable
        ("width_px", pa.int64()),  # upright; null when unreadable
        ("height_px", pa.int64()),
        ("perceptual_hash", pa.string()),
        ("error", pa.string()),  # null when readable
        ("max_pixels", pa.int64()),  # the limit under which the file was decoded or refused
    ]
)


@dataclass(frozen=True)
class Filled:
    """What :func:`fill_store` found and did.

    Attributes:
        table: One row a path, in the order asked for: path (str), sha256 (str, null when the file cannot be read),
            width_px, height_px (Int64, upright, null when unreadable), n_bytes (Int64), perceptual_hash (str, 64
            hexadecimal digits), error (str, null when all is well).
        n_decoded: Images that were decoded, or tried.
        n_reused: Images that were known already, by their time stamps or by their content.
    """

    table: pd.DataFrame
    n_decoded: int
    n_reused: int


class _Stamp(NamedTuple):
    """What tells without opening a file that it is unchanged."""

    n_bytes: int
    mtime_ns: int
    ctime_ns: int


class _Content(NamedTuple):
    """What is known of some bytes, wherever the file with them lies."""

    row: int | None
    width_px: int | None
    height_px: int | None
    perceptual_hash: str | None
    error: str | None
    max_pixels: int

    def holds_for(self, max_pixels: int) -> bool:
        """Whether decoding under this limit would end the same."""
        if self.width_px is None or self.height_px is None:
            return self.max_pixels == max_pixels
        return self.width_px * self.height_px <= max_pixels


class _Known(NamedTuple):
    """What the index says of a file."""

    stamp: _Stamp
    sha256: str
    content: _Content


class _Read(NamedTuple):
    """A file that was read just now."""

    stamp: _Stamp
    sha256: str
    data: bytes


@dataclass(frozen=True)
class _Header:
    """What the index says of its pixel file."""

    version: int
    height: int
    width: int
    resize: ResizeMode
    pixels: str
    n_rows: int

    @property
    def row_bytes(self) -> int:
        return self.height * self.width * 3


class _DamagedIndexError(ValueError):
    """The index is no index of this version."""


def fill_store(  # noqa: PLR0913, PLR0917  (each argument is a setting of its own)
    folder: Path,
    root: Path,
    paths: Sequence[str],
    size_px: tuple[int, int],
    resize: ResizeMode,
    max_pixels: int,
    n_jobs: int,
    progress: bool,
) -> Filled:
    """Bring a store up to date with the files of a competition, opening only what is new or changed.

    A file with unchanged size and times is not opened; one whose bytes are known under any name is not decoded; an
    unreadable one is remembered with its reason until it or ``max_pixels`` changes. The result and the pixels of every
    content are the same whatever ``n_jobs``. Files that are not asked for stay known while they lie unchanged below
    ``root``, so a store belongs to one root.

    Args:
        folder: The store's folder; made when missing.
        root: The competition's folder.
        paths: Files below ``root``, as spelt on disk.
        size_px: (height, width) of the rows.
        resize: How images are brought to that size; see :func:`~podium.vision.decoding.resize_image`.
        max_pixels: Larger images are refused before they are decoded.
        n_jobs: Threads, at least 1; reading, hashing, decoding and resizing release the interpreter lock.
        progress: Show a progress bar on stderr when there is something to do.

    Raises:
        InputError: The folder cannot be written (the store is then as at its last commit), or holds another size or
            way of resizing.
    """
    with _naming_folder(folder), _one_thread_a_call():
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder), _Writer(folder, size_px, resize) as writer, ThreadPoolExecutor(n_jobs) as pool:
            run = pool.map if n_jobs > 1 else map
            filled = _Filling(writer, root, max_pixels, run).fill(list(paths), progress)
    _logger.info(
        "image store %s: %d images: %d decoded, %d known before; %d unreadable",
        *(folder.name, len(filled.table), filled.n_decoded, filled.n_reused, filled.table["error"].notna().sum()),
    )
    return filled


class ImageStore:
    """A filled store, read-only; cheap to hand to worker processes, which share its pixels through the page cache.

    Attributes:
        folder: Where it lies.
        pixels: uint8, (n, height, width, 3), memory-mapped; index it with :meth:`rows_of`.
    """

    def __init__(self, folder: Path):
        """Open the store as it is now; what is added later is not seen.

        Raises:
            InputError: There is no store, or it is damaged.
        """
        self.folder = Path(folder)
        self._header, _ = self._read()
        self.pixels = self._map_pixels()

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every row."""
        return self._header.height, self._header.width

    def rows_of(self, sha256: Sequence[str]) -> np.ndarray:
        """Find the rows of ``pixels`` that hold these contents.

        Args:
            sha256: SHA-256 of the files' bytes, in hexadecimal.

        Returns:
            int64, one row a given content, in the same order.

        Raises:
            InputError: Some are not in the store; all are listed.
        """
        unknown = [f"sha256 {key}: run ingestion again" for key in sha256 if key not in self._rows]
        raise_if_any(f"Images are not in the image store {self.folder}:", unknown)
        return np.fromiter((self._rows[key] for key in sha256), np.int64, len(sha256))

    @cached_property
    def _rows(self) -> dict[str, int]:
        header, index = self._read()
        if header.pixels != self._header.pixels:
            raise InputError("The image store was rewritten since it was opened:", [f"{self.folder}: open it again"])
        rows = zip(index["sha256"].to_pylist(), index["row"].to_pylist(), strict=True)
        return {sha256: row for sha256, row in rows if row is not None and row < self._header.n_rows}

    def _read(self) -> tuple[_Header, pa.Table]:
        try:
            return _read_index(self.folder)
        except FileNotFoundError:
            raise InputError("There is no image store:", [f"{self.folder}: run ingestion first"]) from None
        except (OSError, _DamagedIndexError) as error:
            case = f"{self.folder / _INDEX}: {error}; run ingestion again"
            raise InputError("The image store cannot be read:", [case]) from error

    def _map_pixels(self) -> np.ndarray:
        path, shape = self.folder / self._header.pixels, (self._header.n_rows, *self.size_px, 3)
        if not self._header.n_rows:
            return np.empty(shape, np.uint8)  # an empty file cannot be mapped
        try:
            return np.memmap(path, np.uint8, "r", shape=shape)
        except (OSError, ValueError) as error:
            raise InputError("The image store cannot be read:", [f"{path}: {error}; run ingestion again"]) from error

    def __getstate__(self) -> dict[str, Any]:
        """Pickle where the pixels are, not the pixels."""
        return {"folder": self.folder, "_header": self._header}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the same pixel file again, so rows found before stay true."""
        self.__dict__.update(state)
        self.pixels = self._map_pixels()


class _Filling:
    """One fill: which files to open, and what they turn out to be."""

    def __init__(self, writer: "_Writer", root: Path, max_pixels: int, run: Callable[..., Any]):
        self._writer, self._root, self._max_pixels, self._run = writer, root, max_pixels, run
        self._n_decoded = 0
        self._unread: dict[str, str] = {}

    def fill(self, paths: list[str], progress: bool) -> Filled:
        wanted = dict.fromkeys(paths)
        todo = self._find_new(wanted)
        with tqdm(total=len(todo), desc="decoding", unit="image", disable=not (progress and todo)) as bar:
            for batch in _cut_batches(todo, self._writer.header.row_bytes):
                self._take_in(batch)
                self._writer.commit_if_due()
                bar.update(len(batch))
        self._forget_vanished(wanted)
        self._writer.finish()
        table = pd.DataFrame([self._describe(path) for path in paths], columns=list(_RESULT_DTYPES))
        n_reused = len(wanted) - self._n_decoded - len(self._unread)
        return Filled(table.astype(_RESULT_DTYPES), self._n_decoded, n_reused)

    def _find_new(self, wanted: dict[str, None]) -> dict[str, _Stamp]:
        todo = {}
        for path in wanted:
            stamp, known = _stamp_file(self._root / path), self._writer.known.get(path)
            if isinstance(stamp, str):
                self._unread[path] = stamp
            elif known is None or known.stamp != stamp or not known.content.holds_for(self._max_pixels):
                todo[path] = stamp
        return todo

    def _take_in(self, batch: list[str]) -> None:
        """Read a batch of files, then decode each new content once: two steps, so that no count hangs on timing."""
        reads = dict(zip(batch, self._run(_read_file, [self._root / path for path in batch]), strict=True))
        files = {path: read for path, read in reads.items() if isinstance(read, _Read)}
        self._unread.update({path: read for path, read in reads.items() if isinstance(read, str)})
        fresh = {read.sha256: read.data for read in files.values() if not self._holds(read.sha256)}
        header = self._writer.header
        prepare = partial(
            _prepare_image, size_px=(header.height, header.width), resize=header.resize, max_pixels=self._max_pixels
        )
        self._writer.append(dict(zip(fresh, self._run(prepare, fresh.values()), strict=True)))
        self._n_decoded += len(fresh)
        for path, read in files.items():
            self._writer.remember(path, _Known(read.stamp, read.sha256, self._writer.contents[read.sha256]))

    def _holds(self, sha256: str) -> bool:
        content = self._writer.contents.get(sha256)
        return content is not None and content.holds_for(self._max_pixels)

    def _forget_vanished(self, wanted: dict[str, None]) -> None:
        others = [path for path in self._writer.known if path not in wanted]
        changed = [path for path in others if _stamp_file(self._root / path) != self._writer.known[path].stamp]
        for path in [*changed, *self._unread]:
            self._writer.forget(path)

    def _describe(self, path: str) -> tuple[Any, ...]:
        if path in self._unread:
            return (path, None, None, None, None, None, self._unread[path])
        stamp, sha256, content = self._writer.known[path]
        size = (content.width_px, content.height_px)
        return (path, sha256, *size, stamp.n_bytes, content.perceptual_hash, content.error)


class _Writer:
    """The store while it is filled: the index in memory, the pixel file open at its end.

    Attributes:
        header: The pixel file as it is now; ahead of the index on disk until the next commit.
        known: What each file holds, by path.
        contents: What is known of some bytes, by SHA-256.
    """

    def __init__(self, folder: Path, size_px: tuple[int, int], resize: ResizeMode):
        self._folder = folder
        self._changed = True  # until an index is found
        self._committed: _Header | None = None
        fresh = _Header(_VERSION, int(size_px[0]), int(size_px[1]), resize, _name_new_pixels(folder), 0)
        self.header, self.known = self._load(fresh)
        self.contents = {known.sha256: known.content for known in self.known.values()}
        self._n_pending, self._committed_at = 0, time.monotonic()

    def _load(self, fresh: _Header) -> tuple[_Header, dict[str, _Known]]:
        try:
            header, index = _read_index(self._folder)
        except FileNotFoundError:
            return fresh, {}
        except _DamagedIndexError as error:
            _logger.warning("image store %s is filled anew: %s", self._folder, error)
            return fresh, {}
        _require_same_kind(self._folder, header, fresh)
        known = _list_known(index)
        pixels = self._folder / header.pixels
        n_rows = min(header.n_rows, pixels.stat().st_size // header.row_bytes if pixels.exists() else 0)
        self._changed = n_rows < header.n_rows
        if self._changed:
            _logger.warning("image store %s lost %d rows: decoded anew", self._folder, header.n_rows - n_rows)
            header = replace(header, n_rows=n_rows)
            known = {path: entry for path, entry in known.items() if (entry.content.row or 0) < n_rows}
        self._committed = header
        return header, known

    def __enter__(self) -> "_Writer":
        self._pixels = open(self._folder / self.header.pixels, "ab", buffering=0)
        self._cut_tail(self.header.n_rows)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind that the index does not name, whatever happened."""
        if self._committed and self._committed.pixels == self.header.pixels:
            with suppress(OSError):
                self._cut_tail(self._committed.n_rows)
        self._pixels.close()
        for stray in [*self._folder.glob(_PIXELS.format("*")), self._folder / _INDEX_DRAFT]:
            if not self._committed or stray.name != self._committed.pixels:
                with suppress(OSError):  # not there, or (on Windows) still open in a reader: the next fill tries again
                    stray.unlink()

    def append(self, decoded: dict[str, tuple[_Content, np.ndarray | None]]) -> None:
        """Add contents, by SHA-256, with their pixels."""
        n_rows = self.header.n_rows
        for sha256, (content, pixels) in decoded.items():
            self.contents[sha256] = content if pixels is None else content._replace(row=n_rows)
            if pixels is not None:
                _write_whole(self._pixels, pixels)
                n_rows += 1
        self.header = replace(self.header, n_rows=n_rows)

    def remember(self, path: str, known: _Known) -> None:
        """Note what a file holds."""
        self.known[path] = known
        self._n_pending += 1
        self._changed = True

    def forget(self, path: str) -> None:
        """Drop a file that is gone."""
        self._changed |= self.known.pop(path, None) is not None

    def commit_if_due(self) -> None:
        """Commit from time to time, so that a kill costs little."""
        waited_s = time.monotonic() - self._committed_at
        if self._n_pending >= _COMMIT_EVERY_IMAGES or waited_s >= _COMMIT_EVERY_S:
            self._commit()

    def finish(self) -> None:
        """Commit what is left, and drop rows that no file has any more once they are more than half."""
        if self._changed:
            self._commit()
        used = sorted({known.content.row for known in self.known.values() if known.content.row is not None})
        if 2 * len(used) < self.header.n_rows:
            try:
                self._compact(used)
            except OSError as error:  # the store is whole without it
                _logger.warning("image store %s could not be compacted: %s", self._folder, error)

    def _cut_tail(self, n_rows: int) -> None:
        if os.fstat(self._pixels.fileno()).st_size > n_rows * self.header.row_bytes:
            self._pixels.truncate(n_rows * self.header.row_bytes)

    def _commit(self) -> None:
        os.fsync(self._pixels.fileno())
        _write_index(self._folder, self.header, self.known)
        self._committed = self.header
        self._n_pending, self._committed_at, self._changed = 0, time.monotonic(), False

    def _compact(self, used: list[int]) -> None:
        header = replace(self.header, pixels=_name_new_pixels(self._folder), n_rows=len(used))
        shape = (self.header.n_rows, self.header.row_bytes)
        rows = np.memmap(self._folder / self.header.pixels, np.uint8, "r", shape=shape)
        with open(self._folder / header.pixels, "wb", buffering=0) as pixels:
            for row in used:
                _write_whole(pixels, rows[row])
            os.fsync(pixels.fileno())
        new_rows: dict[int | None, int] = {row: at for at, row in enumerate(used)}
        for path, entry in self.known.items():
            self.known[path] = entry._replace(content=entry.content._replace(row=new_rows.get(entry.content.row)))
        _write_index(self._folder, header, self.known)
        self._committed = header
        _logger.info("image store %s: dropped %d unused rows", self._folder.name, len(rows) - len(used))


_RESULT_DTYPES = {
    "path": "str",
    "sha256": "str",
    "width_px": "Int64",
    "height_px": "Int64",
    "n_bytes": "Int64",
    "perceptual_hash": "str",
    "error": "str",
}


def _stamp_file(path: Path) -> _Stamp | str:
    """Look at a file without opening it; a text says why that cannot be."""
    try:
        return _stamp(os.stat(path))
    except (OSError, ValueError) as error:
        return _say_why(error)


def _read_file(path: Path) -> _Read | str:
    try:
        with open(path, "rb") as file:
            # Before reading: what is written meanwhile changes the time stamps and is noticed next time.
            stamp = _stamp(os.fstat(file.fileno()))
            data = file.read()
    except (OSError, ValueError) as error:
        return _say_why(error)
    return _Read(stamp, hashlib.sha256(data).hexdigest(), data)


def _stamp(status: os.stat_result) -> _Stamp:
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder or device, not a file")
    return _Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _say_why(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing: there is no such file"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _prepare_image(
    data: bytes, size_px: tuple[int, int], resize: ResizeMode, max_pixels: int
) -> tuple[_Content, np.ndarray | None]:
    try:
        image = decode_image(data, max_pixels)
    except UnreadableImage as error:
        return _Content(None, None, None, None, str(error), max_pixels), None
    height, width = image.shape[:2]
    content = _Content(None, width, height, hash_perceptually(image), None, max_pixels)
    return content, np.ascontiguousarray(resize_image(image, size_px, resize))


def _cut_batches(todo: dict[str, _Stamp], row_bytes: int) -> Iterator[list[str]]:
    """Cut the work so that a batch's files and rows fit into ``_BATCH_BYTES`` (a single larger file is a batch)."""
    batch: list[str] = []
    n_bytes = 0
    for path, stamp in todo.items():
        size = row_bytes + stamp.n_bytes
        if batch and (n_bytes + size > _BATCH_BYTES or len(batch) == _BATCH_IMAGES):
            yield batch
            batch, n_bytes = [], 0
        batch.append(path)
        n_bytes += size
    if batch:
        yield batch


def _read_index(folder: Path) -> tuple[_Header, pa.Table]:
    data = (folder / _INDEX).read_bytes()
    try:
        table = pq.read_table(pa.BufferReader(data))
        header = _Header(**json.loads((table.schema.metadata or {})[_HEADER_KEY]))
        table = table.select(_SCHEMA.names)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise _DamagedIndexError(f"it is not an index of this version: {error!r}") from error
    if header.version != _VERSION:
        raise _DamagedIndexError(f"it was made by version {header.version}, this is {_VERSION}")
    return header, table


def _list_known(index: pa.Table) -> dict[str, _Known]:
    rows = zip(*(column.to_pylist() for column in index.columns), strict=True)
    return {
        path: _Known(_Stamp(n_bytes, mtime_ns, ctime_ns), sha256, _Content(*content))
        for path, n_bytes, mtime_ns, ctime_ns, sha256, *content in rows
    }


def _write_index(folder: Path, header: _Header, known: dict[str, _Known]) -> None:
    rows = [(path, *known[path].stamp, known[path].sha256, *known[path].content) for path in sorted(known)]
    columns = zip(*rows, strict=True) if rows else [()] * len(_SCHEMA)
    schema = _SCHEMA.with_metadata({_HEADER_KEY: json.dumps(asdict(header))})
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
    table = pa.table(arrays, schema=schema)
    with open(folder / _INDEX_DRAFT, "wb") as file:
        pq.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(folder / _INDEX_DRAFT, folder / _INDEX)


def _require_same_kind(folder: Path, header: _Header, wanted: _Header) -> None:
    def describe(kind: _Header) -> str:
        return f"{kind.height} x {kind.width} px ({kind.resize})"

    if describe(header) != describe(wanted):
        case = f"{folder}: holds {describe(header)}, asked for {describe(wanted)}; give each kind a folder of its own"
        raise InputError("The image store is of another kind:", [case])


def _name_new_pixels(folder: Path) -> str:
    numbers = (path.stem.rpartition("-")[2] for path in folder.glob(_PIXELS.format("*")))
    return _PIXELS.format(1 + max((int(number) for number in numbers if number.isdigit()), default=-1))


def _write_whole(file: io.FileIO, row: np.ndarray) -> None:
    """Write unbuffered, so that a full disk shows here and nothing waits to be written after it."""
    rest = row.data.cast("B")
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time fill the store; a second one waits."""
    if fcntl is None:
        yield
        return
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _logger.info("image store %s: waiting for another process that fills it", folder.name)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            _logger.warning("image store %s: its disk has no locks; fill it from one process at a time", folder)
        yield


@contextmanager
def _one_thread_a_call() -> Iterator[None]:
    """Stop OpenCV from starting threads of its own, which costs more than it gains on small images."""
    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(n_threads)


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
