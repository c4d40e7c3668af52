"""What lies below a folder of images: names in Unicode NFC, no way out of the competition's root, nothing opened."""

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

IMAGE_SUFFIXES = frozenset(  # Pillow reads all of them
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".gif",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".jp2",
        ".ppm",
        ".pgm",
    }
)
_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # in lower case; names with a leading dot go as well


@dataclass(frozen=True)
class FolderListing:
    """All that lies below one folder, at any depth.

    Attributes:
        folder: The folder, relative to the competition's root.
        files: One row a file, sorted by name: name (str, POSIX path below ``folder``, NFC), path (str, below the root,
            as spelt on disk), image_id (str, ``folder``/``name``), suffix (str, lower case, ``''`` without one).
        folders: The folders below, NFC, sorted; those in ``unread`` too.
        unread: Folders that were not entered; each was reported as a case.
    """

    folder: str
    files: pd.DataFrame
    folders: tuple[str, ...]
    unread: tuple[str, ...]

    def hides(self, names: pd.Series) -> pd.Series:
        """Tell which names (str) lie in a folder that could not be read, so that nobody calls them missing."""
        prefixes = tuple(f"{folder}/" for folder in self.unread)
        return names.map(lambda name: name.startswith(prefixes)).astype(bool)


def is_image_name(suffixes: pd.Series) -> pd.Series:
    """Tell which suffixes (str, lower case) are those of an image."""
    return suffixes.isin(IMAGE_SUFFIXES)


def find_way_out(root: Path, name: str) -> str | None:
    """Say where a file or folder really lies when links lead it out of the root; None when it stays inside.

    Args:
        root: The competition's root; it may be a link itself.
        name: An existing path below it.
    """
    target = os.path.realpath(root / name)
    return None if Path(target).is_relative_to(os.path.realpath(root)) else target


def list_files(root: Path, folder: str, cases: list[str], *, required: bool = True) -> FolderListing | None:
    """List a folder of images without opening any.

    Hidden files and the clutter of file managers are left out. A link is followed only inside the root.

    Args:
        root: The competition's root.
        folder: The folder, relative to it.
        cases: Takes one line for everything that is wrong.
        required: Whether a missing folder is wrong.

    Returns:
        The listing; faulty files stay in it, so that nobody calls them missing. None when there is no such folder.
    """
    start = root / folder
    if not os.path.lexists(start):
        if required:
            cases.append(f"{folder}/: there is no such folder; the images belong there")
        return None
    if not start.is_dir():
        cases.append(f"{folder}: is no folder (or a link that leads nowhere); the images belong in a folder")
        return None
    if way_out := find_way_out(root, folder):
        cases.append(f"{folder}/: {_refuse_link(way_out)}")
        return None
    walk = _Walk(root, folder, cases)
    walk.run()
    listing = _tabulate(walk)
    _report_twins(listing, cases)
    if listing.files.empty and not walk.unread and not walk.refused:
        cases.append(f"{folder}/: holds no file; the images belong there")
    return listing


def _tabulate(walk: "_Walk") -> FolderListing:
    files = pd.DataFrame(sorted(walk.files), columns=["name", "path"], dtype="str")
    files["image_id"] = walk.folder + "/" + files["name"]
    files["suffix"] = pd.Series([os.path.splitext(name)[1].lower() for name in files["name"]], dtype="str")
    return FolderListing(walk.folder, files, tuple(sorted(walk.folders)), tuple(sorted(walk.unread)))


def _report_twins(listing: FolderListing, cases: list[str]) -> None:
    """Two names on disk may be one name to a reader: '가' written as one character or as two letters."""
    for name, count in Counter([*listing.files["name"], *(f"{folder}/" for folder in listing.folders)]).items():
        if count > 1:
            cases.append(f"{listing.folder}/{name}: {count} names on disk differ only in Unicode form; keep one")


def _refuse_link(target: str) -> str:
    return f"a link leads to {target}, outside of the competition's root; put the files themselves there"


class _Walk:
    """One pass over a folder, in sorted order, that never leaves the root and never turns in a circle."""

    def __init__(self, root: Path, folder: str, cases: list[str]):
        self.root, self.folder, self.cases = root, folder, cases
        self.files: list[tuple[str, str]] = []
        self.folders: list[str] = []
        self.unread: list[str] = []
        self.refused = 0
        self._pending: list[tuple[str, frozenset[str]]] = []  # a folder on disk; the links that led there

    def run(self) -> None:
        """Fill ``files``, ``folders`` and ``unread``."""
        self._pending = [(self.folder, frozenset({os.path.realpath(self.root / self.folder)}))]
        while self._pending:
            path, links = self._pending.pop()
            for entry in self._scan(path):
                self._visit(entry, f"{path}/{entry.name}", links)

    def _scan(self, path: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / path) as entries:
                kept = [entry for entry in entries if not is_clutter(entry.name)]
        except OSError as error:
            self._refuse(path, f"cannot be listed ({error.strerror}); make it readable")
            return []
        return sorted(kept, key=lambda entry: entry.name)

    def _visit(self, entry: os.DirEntry[str], path: str, links: frozenset[str]) -> None:
        if not _is_unicode(entry.name):
            self.refused += 1
            self.cases.append(f"{path!a}: the name is not UTF-8{_guess_name(entry.name)}; rename it")
        elif entry.is_symlink():
            self._follow(path, links)
        elif entry.is_dir():
            self._add_folder(path, links)
        else:
            self._add_file(path, is_regular=entry.is_file())

    def _follow(self, path: str, links: frozenset[str]) -> None:
        way_out = find_way_out(self.root, path)
        target = os.path.realpath(self.root / path)
        if not os.path.isdir(self.root / path):
            if way_out:
                self.cases.append(f"{path}: {_refuse_link(way_out)}")
            self._add_file(path, is_regular=bool(way_out) or os.path.isfile(self.root / path))
        elif way_out:
            self._refuse(path, _refuse_link(way_out))
        elif target in links or self._is_above(target, path):
            self._refuse(path, "a link that leads back to a folder above it; remove it")
        else:
            self._add_folder(path, links | {target})

    def _is_above(self, target: str, path: str) -> bool:
        return Path(os.path.realpath((self.root / path).parent)).is_relative_to(target)

    def _add_file(self, path: str, *, is_regular: bool) -> None:
        if not is_regular:
            self.cases.append(f"{path}: is no file (or a link that leads nowhere); remove it or put the image there")
        self.files.append((self._name(path), path))

    def _add_folder(self, path: str, links: frozenset[str]) -> None:
        self.folders.append(self._name(path))
        self._pending.append((path, links))

    def _refuse(self, path: str, reason: str) -> None:
        self.cases.append(f"{path}/: {reason}")
        self.unread.append(self._name(path))
        if self._name(path) not in self.folders:
            self.folders.append(self._name(path))

    def _name(self, path: str) -> str:
        return unicodedata.normalize("NFC", path[len(self.folder) + 1 :])


def is_clutter(name: str) -> bool:
    """Tell whether a file is hidden or left behind by a file manager."""
    return name.startswith(".") or name.lower() in _CLUTTER


def _is_unicode(name: str) -> bool:
    """A name that is no UTF-8 holds lone surrogates, which no table can store."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _guess_name(name: str) -> str:
    """Korean zip files made on Windows unpack to names in CP949."""
    try:
        return f" (in CP949 it reads '{os.fsencode(name).decode('cp949')}')"
    except UnicodeDecodeError:
        return ""
