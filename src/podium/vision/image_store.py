"""Decode once: the images of one competition as rows of one file, found again by their content.

A store is a folder for one way of preparing images:

    pixels-<k>.u8   raw rows, uint8 (n, height, width, 3); only ever appended to
    index.parquet   one row a known file; its metadata names the pixel file and counts its rows
    lock            held by the one process that fills the store

Which row an image has depends on history; readers ask by SHA-256. This module is what the rest of Podium uses. Behind
it ``source_files`` looks at the organisers' files, ``store_filler`` decides what to decode, ``store_writer`` appends
and commits, ``store_index`` reads and writes the index, ``row_file`` reads rows.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from podium.errors import InputError, raise_if_any
from podium.vision.input_spec import InputSpec
from podium.vision.row_file import RowFile
from podium.vision.store_filler import Filled, StoreFiller
from podium.vision.store_index import INDEX_NAME, DamagedIndexError, StoreHeader, read_index
from podium.vision.store_writer import open_store_writer

__all__ = ["Filled", "ImageStore", "fill_store"]

_logger = logging.getLogger(__name__)


def fill_store(
    folder: Path,
    root: Path,
    paths: Sequence[str],
    *,
    spec: InputSpec,
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
        spec: How images become rows; see :func:`~podium.vision.preparation.prepare_image`.
        max_pixels: Larger images are refused before they are decoded.
        n_jobs: Threads, at least 1; reading, hashing, decoding and preparing release the interpreter lock.
        progress: Show a progress bar on stderr when there is something to do.

    Raises:
        InputError: The folder cannot be written (the store is then as at its last commit), or holds images
            that were prepared in another way.
    """
    with open_store_writer(folder, spec) as writer, ThreadPoolExecutor(n_jobs) as pool:
        filled = StoreFiller(writer, root, spec, max_pixels, pool).fill(paths, progress)
    _logger.info(
        "image store %s: %d images: %d decoded, %d known before; %d unreadable",
        *(folder.name, len(filled.table), filled.n_decoded, filled.n_reused, filled.table["error"].notna().sum()),
    )
    return filled


class ImageStore:
    """A filled store, read-only; cheap to hand to worker processes, which share its pixels through the page cache.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path):
        """Open the store as it is now; what is added later is not seen.

        Raises:
            InputError: There is no store, or it is damaged.
        """
        self.folder = Path(folder)
        self._header, _ = self._read()
        self._file = self._open_file()

    @property
    def n_rows(self) -> int:
        """How many rows it has; perhaps more than there are images, as rows of vanished ones stay a while."""
        return self._header.n_rows

    @property
    def preparation(self) -> str:
        """How images became rows; see :attr:`~podium.vision.input_spec.InputSpec.preparation`."""
        return self._header.preparation

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every row."""
        return self._header.size_px

    def rows_of(self, sha256: Sequence[str]) -> np.ndarray:
        """Find the rows that hold these contents, for :meth:`read_rows`.

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

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """Read the pixels of these rows, each time from the file: nothing of them stays in this process.

        Args:
            rows: int64, (n,), in any order, with repetitions if you like.

        Returns:
            uint8, (n, height, width, 3), contiguous, the caller's own.

        Raises:
            IndexError: There is no such row.
            InputError: The file was cut off since the store was opened.
        """
        pixels = np.empty((len(rows), *self.size_px, 3), np.uint8)
        try:
            self._file.read_into(pixels.reshape(len(rows), self._header.row_bytes), rows)
        except OSError as error:
            raise self._make_unreadable_error(error) from error
        return pixels

    @cached_property
    def _rows(self) -> dict[str, int]:
        header, index = self._read()
        if header.pixels != self._header.pixels:
            raise InputError("The image store was rewritten since it was opened:", [f"{self.folder}: open it again"])
        rows = zip(index["sha256"].to_pylist(), index["row"].to_pylist(), strict=True)
        return {sha256: row for sha256, row in rows if row is not None and row < self._header.n_rows}

    def _read(self) -> tuple[StoreHeader, pa.Table]:
        try:
            return read_index(self.folder)
        except FileNotFoundError:
            raise InputError("There is no image store:", [f"{self.folder}: run ingestion first"]) from None
        except (OSError, DamagedIndexError) as error:
            case = f"{self.folder / INDEX_NAME}: {error}; run ingestion again"
            raise InputError("The image store cannot be read:", [case]) from error

    def _open_file(self) -> RowFile:
        try:
            return RowFile(self.folder / self._header.pixels, self._header.n_rows, self._header.row_bytes)
        except OSError as error:
            raise self._make_unreadable_error(error) from error

    def _make_unreadable_error(self, error: OSError) -> InputError:
        case = f"{self.folder / self._header.pixels}: {error}; run ingestion again"
        return InputError("The image store cannot be read:", [case])

    def __getstate__(self) -> dict[str, Any]:
        """Pickle where the pixels are, not the pixels."""
        return {"folder": self.folder, "_header": self._header}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the same pixel file again, so rows found before stay true."""
        self.__dict__.update(state)
        self._file = self._open_file()
