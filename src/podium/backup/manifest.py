"""The list of what a workspace held at one moment."""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

FORMAT = 1
_NAME = re.compile(r"(?P<time>\d{8}T\d{12})-(?P<digest>[0-9a-f]{12})\.json\.gz")
_TIME = "%Y%m%dT%H%M%S%f"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Entry(NamedTuple):
    """One file of a backup: SHA-256 of its content, its size in bytes, and when it was written."""

    sha256: str
    n_bytes: int
    mtime_ns: int


class BrokenManifestError(ValueError):
    """The bytes are not those of a manifest, or not all of them."""


@dataclass(frozen=True)
class Manifest:
    """The files of a workspace at one moment.

    Attributes:
        files: By their names in the backup.
        machine: Which wrote it.
        is_complete: Whether it holds everything that was there; else some files are missing or older, and some
            that were removed are still in it.
    """

    files: Mapping[str, Entry]
    machine: str
    is_complete: bool
    sha256s: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256s", frozenset(entry.sha256 for entry in self.files.values()))

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(entry.n_bytes for entry in self.files.values())

    def to_bytes(self) -> bytes:
        """Write it, in the same bytes for the same content."""
        content = {
            "format": FORMAT,
            "machine": self.machine,
            "is_complete": self.is_complete,
            "files": {name: list(self.files[name]) for name in sorted(self.files)},
        }
        return gzip.compress(json.dumps(content).encode(), compresslevel=5, mtime=0)


def read_manifest(name: str, data: bytes) -> Manifest:
    """Read a manifest, all of which was there when it got its name.

    Raises:
        BrokenManifestError: It is not, or it is no manifest of this format; the message says which.
    """
    match = _NAME.fullmatch(name)
    if match is None or match["digest"] != _digest(data):
        raise BrokenManifestError(f"{name}: its content is not what its name says")
    content = json.loads(gzip.decompress(data))
    if content.get("format") != FORMAT:
        raise BrokenManifestError(f"{name}: format {content.get('format')!r}, this version of Podium reads {FORMAT}")
    files = {path: Entry(*values) for path, values in content["files"].items()}
    wrong = [path for path, entry in files.items() if not _SHA256.fullmatch(entry.sha256) or entry.n_bytes < 0]
    if wrong:
        raise BrokenManifestError(f"{name}: no SHA-256 and size at {wrong[0]!r} and {len(wrong) - 1} more")
    return Manifest(files, str(content["machine"]), bool(content["is_complete"]))


def name_manifest(data: bytes, now: datetime, newest: str | None) -> str:
    """Name a manifest after its time and content, so that the newest comes last and a torn one is noticed.

    Args:
        data: Its bytes.
        now: Its time.
        newest: The name of the newest so far; a clock that is behind the one of the machine before gets ahead of it.
    """
    now = now.astimezone(UTC)
    if newest is not None:
        now = max(now, read_time(newest) + timedelta(microseconds=1))
    return f"{now.strftime(_TIME)}-{_digest(data)}.json.gz"


def is_manifest_name(name: str) -> bool:
    """Say whether a file's name is one of a manifest."""
    return _NAME.fullmatch(name) is not None


def read_time(name: str) -> datetime:
    """Read the time in UTC out of a manifest's name."""
    return datetime.strptime(name.partition("-")[0], _TIME).replace(tzinfo=UTC)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
