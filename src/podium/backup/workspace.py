"""What is mirrored of a workspace, under names that do not depend on the machine."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

from podium.atomic_files import PARTIAL_SUFFIX
from podium.backup.config import BackupConfig, is_plain_path

NEVER = ("credentials*", "*credentials*.y*ml", f"*{PARTIAL_SUFFIX}", "*.lock", "*-wal", "*-shm", "*-journal")
"""Patterns of names that never leave the machine: secrets, unfinished files, and what belongs to an open data base."""

OWN_FOLDER = "backup"
"""Below the folder of data: whose backup it is, and what is made for it."""


def _join(patterns: Sequence[str]) -> re.Pattern[str]:
    """Make one pattern of many: every file is held against it at every look."""
    return re.compile("|".join(map(translate, patterns)))


_NEVER = _join(NEVER)


class Signature(NamedTuple):
    """By which a file is known to be the same: files are replaced, not changed in place."""

    n_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Place:
    """A file or folder that is mirrored.

    Attributes:
        name: In the backup, as ``data/06_models``.
        path: On this machine.
    """

    name: str
    path: Path


class Workspace:
    """The places of one workspace, the most precious first.

    Attributes:
        home: Where the backup keeps what is its own.
        places: What is mirrored.
    """

    def __init__(self, home: Path, places: Sequence[Place], exclude: Sequence[str] = ()):
        self.home = home
        self.places = tuple(places)
        self._excluded = _join(exclude) if exclude else None

    @classmethod
    def of(cls, config: BackupConfig) -> "Workspace":
        """Take the places that the parameters name; those of git come first, since they are small."""
        home = config.data_dir / OWN_FOLDER
        places = [
            Place("git", home / "git"),
            *(Place(f"project/{path}", config.project_dir / path) for path in config.project_files),
            *(Place(f"data/{folder}", config.data_dir / folder) for folder in config.folders),
        ]
        return cls(home, places, config.exclude)

    def walk(self) -> dict[str, Signature]:
        """Look at every file; by its name in the backup.

        Links are passed over, and so are hidden files and those of :data:`NEVER`. A place itself may be a link, as to
        a big disk. What vanishes meanwhile is left out.
        """
        found: dict[str, Signature] = {}
        for place in self.places:
            try:
                top = place.path.stat()
            except OSError:
                continue
            if stat.S_ISREG(top.st_mode):
                found |= {place.name: _sign(top)} if self._is_wanted(place.name) else {}
            else:
                found |= dict(self._walk_folder(place.name, str(place.path)))
        return found

    def rank(self, name: str) -> int:
        """Return the number of the place that a name belongs to; the most precious is 0."""
        return next(number for number, place in enumerate(self.places) if _is_below(name, place.name))

    def covers(self, folder: Path) -> bool:
        """Say whether a folder of this machine lies in one of the places, where it really is."""
        real = folder.resolve()
        tops = [place.path.resolve() for place in self.places]
        return any(top == real or top in real.parents for top in tops)

    def locate(self, name: str) -> Path | None:
        """Return where a file of a backup belongs on this machine, or None when it belongs nowhere.

        Names come from outside: one that leads out of all places, by its parts or through a link, belongs nowhere.
        """
        if not is_plain_path(name):
            return None
        place = next((place for place in self.places if _is_below(name, place.name)), None)
        if place is None or not self._is_wanted(name):
            return None
        path = place.path
        for part in name.removeprefix(place.name).split("/")[1:]:
            path = path / part
            if path.is_symlink():
                return None
        return path

    def _walk_folder(self, name: str, folder: str) -> Iterator[tuple[str, Signature]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            inner = f"{name}/{entry.name}"
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if not self._is_wanted(inner):
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk_folder(inner, entry.path)
            elif stat.S_ISREG(status.st_mode):
                yield inner, _sign(status)

    def _is_wanted(self, name: str) -> bool:
        last = name.rpartition("/")[2]
        if last.startswith(".") or "\\" in last or _NEVER.match(last.lower()):
            return False
        return self._excluded is None or not self._excluded.match(name)


def sign_open_file(descriptor: int) -> Signature:
    """Return the signature of an open file."""
    return _sign(os.fstat(descriptor))


def _sign(status: os.stat_result) -> Signature:
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino)


def _is_below(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}/")
