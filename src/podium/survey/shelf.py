"""The parts of a survey on the disk: written whole, named after their bytes, replaced and never changed.

A part takes its name from the SHA-256 of its bytes, so damage shows when the two no longer agree. Each writer drafts a
part under a name that nobody else has, so two that fill one folder never write into each other's files. A kill leaves
its draft, which goes with the first part that is written an hour later.
"""

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from podium.errors import InputError
from podium.survey.measures import PROPERTIES

_VERSION = "3"  # raise it when properties, thumbnails or keypoints change: surveys are then made anew
THUMBNAIL, KEYPOINTS = "thumbnail", "keypoints"
_VERSION_KEY = b"podium_survey"
_SCHEMA = pa.schema(
    [
        ("sha256", pa.string()),  # of the file's bytes
        *((name, pa.float64()) for name in PROPERTIES),  # null where a picture has none
        (THUMBNAIL, pa.binary()),  # a JPEG file
        (KEYPOINTS, pa.binary()),  # see podium.survey.keypoints
    ]
)
_ROW_GROUP = 32  # pictures that are read together
_DIGEST_DIGITS = 16
_DRAFTS, _DRAFT_S = "draft*.new", 3600.0  # a draft is written in a second or two; older ones are of writers that died


class Record(NamedTuple):
    """All that is kept of one picture; ``properties`` in the order of :data:`~podium.survey.measures.PROPERTIES`."""

    sha256: str
    properties: tuple[float, ...]
    thumbnail: bytes
    keypoints: bytes


class DamagedPartError(ValueError):
    """The part is not what was written, or of another version."""


def list_parts(folder: Path) -> list[Path]:
    """List the parts of a survey by name; none when there is no such folder."""
    return sorted(folder.glob("*.parquet"))


def check_part(path: Path) -> list[str]:
    """Read a part from its first byte to its last, and list the contents that it describes.

    Raises:
        DamagedPartError: Its bytes are not those that were written, or it is of another version.
    """
    with _naming_damage(), open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(path.stem):
        raise DamagedPartError("its bytes are not those that were written")
    return read_contents(path)


def read_contents(path: Path) -> list[str]:
    """List the SHA-256 of the pictures that a part describes, in the order of its rows.

    Raises:
        DamagedPartError: It is no part, or of another version.
    """
    with _naming_damage(), pq.ParquetFile(path) as part:
        version = (part.schema_arrow.metadata or {}).get(_VERSION_KEY, b"none").decode()
        if version != _VERSION:
            raise DamagedPartError(f"it was made by version {version}, this is {_VERSION}")
        return part.read(["sha256"])["sha256"].to_pylist()


def read_rows(path: Path, rows: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Read some rows of a part, in the order given; only the groups of rows that hold them are read.

    Raises:
        DamagedPartError: The part cannot be read.
    """
    with _naming_damage(), pq.ParquetFile(path) as part:
        groups = sorted({row // _ROW_GROUP for row in rows})
        starts = {group: number * _ROW_GROUP for number, group in enumerate(groups)}
        table = part.read_row_groups(groups, list(columns))
        return table.take([starts[row // _ROW_GROUP] + row % _ROW_GROUP for row in rows])


def write_part(folder: Path, records: Sequence[Record]) -> Path:
    """Write a part as a whole, and return where it is.

    Raises:
        InputError: The folder cannot be written.
    """
    columns = [
        [record.sha256 for record in records],
        *zip(*(record.properties for record in records), strict=True),
        [record.thumbnail for record in records],
        [record.keypoints for record in records],
    ]
    arrays = [
        pa.array(column, field.type, from_pandas=True) for column, field in zip(columns, _SCHEMA, strict=True)
    ]  # from_pandas: NaN is null
    table = pa.table(arrays, schema=_SCHEMA.with_metadata({_VERSION_KEY: _VERSION}))
    return _write_table(folder, table)


def _write_table(folder: Path, table: pa.Table) -> Path:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, row_group_size=_ROW_GROUP, compression="none", use_dictionary=False)
    data = buffer.getvalue()
    path = folder / f"{hashlib.sha256(data).hexdigest()[:_DIGEST_DIGITS]}.parquet"
    with naming_folder(folder):
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"draft.{uuid.uuid4().hex}.new"  # numbers of processes repeat on another machine's disk
        try:
            with open(draft, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _remove_old_drafts(folder, draft.stat().st_mtime)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    return path


def _remove_old_drafts(folder: Path, now: float) -> None:
    """Remove what killed writers left; ``now`` is by the clock of the disk, which another machine may have set."""
    for draft in folder.glob(_DRAFTS):
        with suppress(OSError):  # another writer was faster
            if now - draft.stat().st_mtime > _DRAFT_S:
                draft.unlink()


def rewrite_parts(folder: Path, wanted: Sequence[tuple[Path, int]], n_images: int) -> list[Path]:
    """Write rows of old parts into new and full ones.

    Args:
        folder: Of the survey.
        wanted: A part and a row of it, one a picture, in the order of the new rows.
        n_images: Pictures a part.

    Returns:
        The new parts.
    """
    written = []
    for start in range(0, len(wanted), n_images):
        rows_of: dict[Path, list[int]] = {}
        for path, row in wanted[start : start + n_images]:
            rows_of.setdefault(path, []).append(row)
        tables = [read_rows(path, rows, _SCHEMA.names) for path, rows in rows_of.items()]
        written.append(_write_table(folder, pa.concat_tables(tables).replace_schema_metadata({_VERSION_KEY: _VERSION})))
    return written


def drop_contents(folder: Path, wanted: Set[str]) -> None:
    """Write every part anew that has contents which are not wanted, without them.

    The new part is there before the old one goes, so a kill in between leaves both, and nothing is lost.

    Args:
        folder: Of the survey.
        wanted: SHA-256 of the pictures that stay.

    Raises:
        InputError: The folder cannot be written.
    """
    for part in list_parts(folder):
        try:
            contents = read_contents(part)
            kept = [(part, row) for row, sha256 in enumerate(contents) if sha256 in wanted]
            if len(kept) == len(contents):
                continue
            rewrite_parts(folder, kept, len(contents))
        except DamagedPartError:  # the next fill makes it anew
            continue
        with naming_folder(folder):
            part.unlink(missing_ok=True)


@contextmanager
def _naming_damage() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DamagedPartError(str(error)) from error


@contextmanager
def naming_folder(folder: Path) -> Iterator[None]:
    """Turn what a folder refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            remedy = "free some space there, or put survey.folder on a larger disk"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            remedy = "make it writable, or choose another survey.folder"
        else:
            remedy = "mend that, or choose another survey.folder"
        raise InputError("The survey cannot be written:", [f"{folder}: {error.strerror or error}; {remedy}"]) from error
