"""The organisers' files: their stamps, which tell unopened that nothing changed, and their bytes."""

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple


class FileStamp(NamedTuple):
    """What changes whenever a file does."""

    n_bytes: int
    mtime_ns: int
    ctime_ns: int  # so that a file put in place with an old time stamp is noticed


class SourceFile(NamedTuple):
    """A file that was read; sha256 is that of its bytes, in hexadecimal."""

    stamp: FileStamp
    sha256: str
    data: bytes


def stamp_file(path: Path) -> FileStamp | str:
    """Look at a file without opening it; a text says why that cannot be."""
    try:
        return _make_stamp(os.stat(path))
    except (OSError, ValueError) as error:
        return _explain(error)


def read_file(path: Path) -> SourceFile | str:
    """Read and hash a file; a text says why that cannot be."""
    try:
        with open(path, "rb") as file:
            # Before reading: what is written meanwhile changes the time stamps and is noticed next time.
            stamp = _make_stamp(os.fstat(file.fileno()))
            data = file.read()
    except (OSError, ValueError) as error:
        return _explain(error)
    return SourceFile(stamp, hashlib.sha256(data).hexdigest(), data)


def _make_stamp(status: os.stat_result) -> FileStamp:
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder or device, not a file")
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _explain(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing: there is no such file"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
