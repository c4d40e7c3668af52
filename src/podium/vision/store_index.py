"""The index of an image store: which file holds what, and which row of the pixel file that is.

``index.parquet`` has one row a known file (columns: ``_SCHEMA``); its metadata names the pixel file and counts its
rows (:class:`StoreHeader`). It is only ever replaced as a whole.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from podium.vision.source_files import FileStamp

INDEX_NAME = "index.parquet"
DRAFT_NAME = "index.parquet.new"
_VERSION = 4  # raise it when decoding or preparing changes: older stores are then filled anew
_HEADER_KEY = b"podium_image_store"
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),  # relative to the competition's root
        ("n_bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("sha256", pa.string()),  # of the file's bytes
        ("row", pa.int64()),  # in the pixel file; null when unreadable
        ("width_px", pa.int64()),  # upright; null when unreadable
        ("height_px", pa.int64()),
        ("perceptual_hash", pa.string()),
        ("error", pa.string()),  # null when readable
        ("max_pixels", pa.int64()),  # the limit under which the file was decoded or refused
    ]
)


class ContentRecord(NamedTuple):
    """What is known of some bytes, wherever the file with them lies; its fields are columns of the index."""

    row: int | None
    width_px: int | None
    height_px: int | None
    perceptual_hash: str | None
    error: str | None
    max_pixels: int

    def is_valid_for(self, max_pixels: int) -> bool:
        """Whether decoding under this limit would end the same."""
        if self.width_px is None or self.height_px is None:
            return self.max_pixels == max_pixels
        return self.width_px * self.height_px <= max_pixels


class FileRecord(NamedTuple):
    """What a file held when it was last read."""

    stamp: FileStamp
    sha256: str
    content: ContentRecord


@dataclass(frozen=True)
class StoreHeader:
    """The pixel file that an index belongs to.

    Attributes:
        height, width: Of every row, in pixels.
        preparation: How images became rows; see :attr:`~podium.vision.input_spec.InputSpec.preparation`.
        pixels: Name of the pixel file.
        n_rows: How many of its rows are committed.
    """

    height: int
    width: int
    preparation: str
    pixels: str
    n_rows: int

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every row."""
        return self.height, self.width

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in the pixel file."""
        return self.height * self.width * 3


class DamagedIndexError(ValueError):
    """The index is no index of this version."""


def read_index(folder: Path) -> tuple[StoreHeader, pa.Table]:
    """Read the index of a store; reading it at once keeps to one version of it, whoever replaces it meanwhile.

    Raises:
        FileNotFoundError: There is no store.
        DamagedIndexError: The index is of another version, or none.
    """
    data = (folder / INDEX_NAME).read_bytes()
    try:
        table = pq.read_table(pa.BufferReader(data))
        fields = dict(json.loads((table.schema.metadata or {})[_HEADER_KEY]))
        version = fields.pop("version")
        if version == _VERSION:
            return StoreHeader(**fields), table.select(_SCHEMA.names)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedIndexError(f"it is not an index of this version: {error!r}") from error
    raise DamagedIndexError(f"it was made by version {version}, this is {_VERSION}")


def list_files(index: pa.Table) -> dict[str, FileRecord]:
    """Turn the table of :func:`read_index` into one record a file, by path."""
    rows = zip(*(column.to_pylist() for column in index.columns), strict=True)
    return {
        path: FileRecord(FileStamp(n_bytes, mtime_ns, ctime_ns), sha256, ContentRecord(*content))
        for path, n_bytes, mtime_ns, ctime_ns, sha256, *content in rows
    }


def write_index(folder: Path, header: StoreHeader, files: dict[str, FileRecord]) -> None:
    """Replace the index as a whole, sorted by path; a kill leaves the old one."""
    rows = [(path, *files[path].stamp, files[path].sha256, *files[path].content) for path in sorted(files)]
    columns = zip(*rows, strict=True) if rows else [()] * len(_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    metadata = {_HEADER_KEY: json.dumps({"version": _VERSION, **asdict(header)})}
    table = pa.table(arrays, schema=_SCHEMA.with_metadata(metadata))
    with open(folder / DRAFT_NAME, "wb") as file:
        pq.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(folder / DRAFT_NAME, folder / INDEX_NAME)
