"""Filling an image store: which files to open, which of them to decode, and the table of what they turned out to be."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from podium.threads import limit_opencv_threads
from podium.vision.allocator import keep_large_buffers
from podium.vision.decoding import UnreadableImage, decode_image, hash_perceptually
from podium.vision.input_spec import InputSpec
from podium.vision.preparation import prepare_image
from podium.vision.source_files import FileStamp, SourceFile, read_file, stamp_file
from podium.vision.store_index import ContentRecord, FileRecord
from podium.vision.store_writer import StoreWriter

_BATCH_IMAGES, _BATCH_BYTES = 256, 64 * 2**20
_RESULT_DTYPES = {
    "path": "str",
    "sha256": "str",
    "width_px": "Int64",
    "height_px": "Int64",
    "n_bytes": "Int64",
    "perceptual_hash": "str",
    "error": "str",
}


@dataclass(frozen=True)
class Filled:
    """What a fill found and did.

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


class StoreFiller:
    """One fill of a store that is open for writing; see :func:`~podium.vision.image_store.fill_store`."""

    def __init__(self, writer: StoreWriter, root: Path, spec: InputSpec, max_pixels: int, pool: ThreadPoolExecutor):
        self._writer, self._root, self._spec, self._max_pixels, self._pool = writer, root, spec, max_pixels, pool
        self._n_decoded = 0
        self._unread: dict[str, str] = {}  # why each of these files cannot be read

    def fill(self, paths: Sequence[str], progress: bool) -> Filled:
        """Bring the store up to date with these files below the root."""
        wanted = dict.fromkeys(paths)
        todo = self._find_changed(wanted)
        if todo:
            keep_large_buffers()
        bar = tqdm(total=len(todo), desc="decoding", unit="image", disable=not (progress and todo))
        with limit_opencv_threads(), bar:
            for reading in self._read_ahead(_cut_batches(todo, self._writer.header.row_bytes)):
                self._process(reading)
                self._writer.commit_if_due()
                bar.update(len(reading))
        self._forget_vanished(wanted)
        self._writer.finish()
        table = pd.DataFrame([self._describe(path) for path in paths], columns=list(_RESULT_DTYPES))
        n_reused = len(wanted) - self._n_decoded - len(self._unread)
        return Filled(table.astype(_RESULT_DTYPES), self._n_decoded, n_reused)

    def _find_changed(self, wanted: dict[str, None]) -> dict[str, FileStamp]:
        todo = {}
        for path in wanted:
            stamp, known = stamp_file(self._root / path), self._writer.files.get(path)
            if isinstance(stamp, str):
                self._unread[path] = stamp
            elif known is None or known.stamp != stamp or not known.content.is_valid_for(self._max_pixels):
                todo[path] = stamp
        return todo

    def _read_ahead(self, batches: Iterable[list[str]]) -> Iterator[dict[str, Future[SourceFile | str]]]:
        """Begin to read each batch before the last one is decoded, so that no thread waits for the others."""
        reading: dict[str, Future[SourceFile | str]] = {}
        for batch in batches:
            upcoming = {path: self._pool.submit(read_file, self._root / path) for path in batch}
            if reading:
                yield reading
            reading = upcoming
        if reading:
            yield reading

    def _process(self, reading: dict[str, Future[SourceFile | str]]) -> None:
        """Wait for a batch of files, then decode each new content once: two steps, so that no count hangs on timing."""
        reads = {path: future.result() for path, future in reading.items()}
        self._unread.update({path: read for path, read in reads.items() if isinstance(read, str)})
        files = {path: read for path, read in reads.items() if isinstance(read, SourceFile)}
        fresh = {file.sha256: file.data for file in files.values() if not self._is_known(file.sha256)}
        self._writer.append(dict(zip(fresh, self._pool.map(self._prepare, fresh.values()), strict=True)))
        self._n_decoded += len(fresh)
        for path, file in files.items():
            self._writer.remember(path, FileRecord(file.stamp, file.sha256, self._writer.contents[file.sha256]))

    def _is_known(self, sha256: str) -> bool:
        content = self._writer.contents.get(sha256)
        return content is not None and content.is_valid_for(self._max_pixels)

    def _prepare(self, data: bytes) -> tuple[ContentRecord, np.ndarray | None]:
        """Decode, describe and prepare an image; without pixels when it is unreadable."""
        try:
            image = decode_image(data, self._max_pixels)
        except UnreadableImage as error:
            return ContentRecord(None, None, None, None, str(error), self._max_pixels), None
        height, width = image.shape[:2]
        content = ContentRecord(None, width, height, hash_perceptually(image), None, self._max_pixels)
        return content, prepare_image(image, self._spec)

    def _forget_vanished(self, wanted: dict[str, None]) -> None:
        others = {path: file for path, file in self._writer.files.items() if path not in wanted}
        changed = [path for path, file in others.items() if stamp_file(self._root / path) != file.stamp]
        for path in [*changed, *self._unread]:
            self._writer.forget(path)

    def _describe(self, path: str) -> tuple[Any, ...]:
        """Return a row of the result, its columns in the order of ``_RESULT_DTYPES``."""
        if path in self._unread:
            return (path, None, None, None, None, None, self._unread[path])
        stamp, sha256, content = self._writer.files[path]
        size = (content.width_px, content.height_px)
        return (path, sha256, *size, stamp.n_bytes, content.perceptual_hash, content.error)


def _cut_batches(todo: dict[str, FileStamp], row_bytes: int) -> Iterator[list[str]]:
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
