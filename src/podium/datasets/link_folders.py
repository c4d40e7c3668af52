"""Folders of links to pictures, to look at with any viewer of pictures."""

import csv
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from podium.errors import InputError, raise_if_any
from podium.safe_names import make_safe_names

COLUMNS = ["folder", "name", "path"]
INDEX_NAME = ".links.csv"
CLUTTER = frozenset({".ds_store", ".directory", "thumbs.db", "desktop.ini"})
"""What viewers and file managers leave behind, in lower case; it goes with the folder."""

TIME_STEP_NS = 2_000_000_000
"""The coarsest step in which a file system keeps times, FAT's; a copy may differ by so much from its source."""


class Link(NamedTuple):
    """One link, as the index keeps it.

    Attributes:
        folder, name, path: As they were saved.
        place: Where it lies below the root: ``folder/name``, in names that file systems take.
        target: What it holds if it is symbolic: the way to its source.
        n_bytes, mtime_ns: Of the source when the link was made.
        way: ``link`` (symbolic), ``hard link`` or ``copy``; empty before it is made.
    """

    folder: str
    name: str
    path: str
    place: str
    target: str
    n_bytes: int
    mtime_ns: int
    way: str = ""


class LinkFoldersDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """A table of folder, name and path (absolute, of the source) as folders of links.

    Links are symbolic and relative, so a project may be moved together with its data. Where links cannot be, as on
    Windows without the right to make them, they are hard links, and copies where those cannot be either. Folders and
    files are named by :func:`podium.safe_names.make_safe_names`.

    The folders are built beside and swapped in, so nobody sees half of them; when nothing changed, they are left alone.
    The file ``.links.csv`` lists what lies there. Whatever else somebody put there is never deleted: nothing is done,
    and all of it is named. Sources are only read.

    Example:
        ```yaml
        by_class:
          type: podium.datasets.link_folders.LinkFoldersDataset
          path: data/08_reporting/demo/by_class
        ```
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the root.

        Args:
            path: The folder of folders; made when needed.
            metadata: Free; for plugins.
        """
        self._root = Path(os.path.abspath(path))
        self.metadata = deepcopy(metadata)

    def load(self) -> pd.DataFrame:
        """Return the table that was saved."""
        links = _read_index(self._root)
        if links is None:
            raise DatasetError(f"'{self._root}' holds no links that Podium made.")
        return pd.DataFrame([link[: len(COLUMNS)] for link in links], columns=COLUMNS, dtype="str")

    def save(self, data: pd.DataFrame) -> None:
        """Make the folders hold just these links.

        Raises:
            InputError: A source is missing, or something else lies in the folders; all of it is listed.
        """
        wanted = _plan(data, self._root)
        present = _inspect(self._root)
        if present is not None and _is_up_to_date(self._root, wanted, present):
            return
        partial, old = (self._root.with_name(f".{self._root.name}.{state}") for state in ("partial", "old"))
        _remove(old)  # a run was killed before it could
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _build(partial, self._root, wanted, {link.place: link for link in present or ()})
            _swap(partial, self._root, old)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        _remove(old)

    def _exists(self) -> bool:
        return (self._root / INDEX_NAME).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._root)}


def _plan(data: pd.DataFrame, root: Path) -> list[Link]:
    """Give each row its place, folder by folder."""
    folders = data["folder"].drop_duplicates().tolist()
    safe_folders = dict(zip(folders, make_safe_names(folders), strict=True))
    ways = _Ways()
    links: list[Link] = []
    cases: list[str] = []
    for folder, rows in data.groupby("folder", sort=False):
        lies_in = root / safe_folders[folder]
        for row, name in zip(rows.itertuples(), make_safe_names(rows["name"].tolist()), strict=True):
            try:
                status = os.stat(row.path)
            except OSError as error:
                cases.append(f"{row.path}: {error.strerror}; run ingestion again")
                continue
            place = f"{safe_folders[folder]}/{name}"
            target = ways.find(lies_in, row.path)
            links.append(Link(folder, row.name, row.path, place, target, status.st_size, status.st_mtime_ns))
    raise_if_any("Links cannot lead to files that are not there:", cases)
    return links


class _Ways:
    """The ways from links to their sources; folders are looked up once, since the disk is asked for their real places.

    The system follows a link from the folder in which it really lies, so links on the way there are resolved.
    """

    def __init__(self) -> None:
        self._real: dict[str, str] = {}
        self._ways: dict[tuple[str, str], str | None] = {}

    def find(self, lies_in: Path, source: str) -> str:
        """Return the relative way, or the absolute one from drive to drive of Windows, where there is no other."""
        folder, name = os.path.split(source)
        pair = (str(lies_in), folder)
        if pair not in self._ways:
            try:
                self._ways[pair] = os.path.relpath(self._resolve(folder), self._resolve(pair[0]))
            except ValueError:
                self._ways[pair] = None
        way = self._ways[pair]
        return source if way is None else os.path.join(way, name)

    def _resolve(self, folder: str) -> str:
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return self._real[folder]


def _inspect(root: Path) -> list[Link] | None:
    """Return the links of the index that lie there; None when there is no such folder.

    Raises:
        InputError: Something lies there that is no link of ours.
    """
    if not os.path.lexists(root):
        return None
    if root.is_symlink() or not root.is_dir():
        raise InputError("Links need a folder of their own:", [f"{root}: is a link or a file; move it elsewhere"])
    index = _read_index(root)
    entries = list(_walk(root))
    if index is None and entries:
        case = (
            f"{root}: holds {len(entries)} thing(s) and no {INDEX_NAME}, so Podium did not make it; move it elsewhere"
        )
        raise InputError("Links need a folder of their own:", [case])
    known = {link.place: link for link in index or ()}
    kept: list[Link] = []
    foreign: list[str] = []
    for place, entry in entries:
        link = known.get(place)
        if link is not None and _is_ours(entry, link):
            kept.append(link)
        elif place != INDEX_NAME and not (entry.name.lower() in CLUTTER and entry.is_file(follow_symlinks=False)):
            foreign.append(f"{root / place}: was not put there by Podium, or was changed since; move it elsewhere")
    raise_if_any(f"{root} is made anew by every run, but holds something else:", foreign)
    return kept


def _walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the place and the entry of what lies in the root and in its folders; no link is followed."""
    for entry in _scan(root):
        if entry.is_dir(follow_symlinks=False):
            for inner in _scan(root / entry.name):
                yield f"{entry.name}/{inner.name}", inner
        else:
            yield entry.name, entry


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_ours(entry: os.DirEntry[str], link: Link) -> bool:
    """Tell a link, or an unchanged hard link or copy, from what somebody put in its place."""
    if link.way == "link" or not entry.is_file(follow_symlinks=False):
        return link.way == "link" and entry.is_symlink()
    status = entry.stat(follow_symlinks=False)
    if status.st_size == link.n_bytes and abs(status.st_mtime_ns - link.mtime_ns) <= TIME_STEP_NS:
        return True
    return link.way == "hard link" and os.path.exists(link.path) and os.path.samefile(entry.path, link.path)


def _is_up_to_date(root: Path, wanted: Sequence[Link], present: Sequence[Link]) -> bool:
    """Compare what is to be with the index, and the index with what is there."""
    index = _read_index(root) or []
    if len(present) != len(index) or [link._replace(way="") for link in index] != list(wanted):
        return False
    return all(link.way != "link" or os.readlink(root / link.place) == link.target for link in index)


def _build(partial: Path, root: Path, wanted: Sequence[Link], present: Mapping[str, Link]) -> None:
    """Make all folders below ``partial``, whose links lead right once it lies at ``root``."""
    partial.mkdir(parents=True)
    for folder in sorted({os.path.dirname(link.place) for link in wanted}):
        (partial / folder).mkdir()
    made = []
    for link in wanted:
        before = present.get(link.place)
        is_copied = before is not None and before.way == "copy" and before._replace(way="") == link
        made.append(link._replace(way=_put(link, partial / link.place, root / link.place if is_copied else None)))
    _write_index(partial, made)


def _swap(partial: Path, root: Path, old: Path) -> None:
    """Put the new folders in place of the old ones, which come back should that fail."""
    was_there = root.exists()
    if was_there:
        root.rename(old)
    try:
        partial.rename(root)
    except BaseException:
        if was_there:
            old.rename(root)
        raise


def _put(link: Link, place: Path, copied: Path | None) -> str:
    """Make one link in the best way that works here; a copy that is there already is taken before a new one."""
    try:
        os.symlink(link.target, place)
        return "link"
    except (OSError, NotImplementedError):  # no right to make one, or no such thing on this file system
        pass
    for existing, way in ((link.path, "hard link"), (copied, "copy")):
        if existing is not None:
            try:
                os.link(existing, place)
                return way
            except (OSError, NotImplementedError):  # on another file system, or likewise
                pass
    shutil.copy2(link.path, place)
    return "copy"


def _remove(folder: Path) -> None:
    """Remove folders of links, unless something else was put there; the index goes last, in case of a kill."""
    if _inspect(folder) is not None:
        for entry in _scan(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
        shutil.rmtree(folder)


def _read_index(root: Path) -> list[Link] | None:
    """Read the index; None without one, or with one that is not ours."""
    try:
        with open(root / INDEX_NAME, encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        if header != list(Link._fields):
            return None
        return [_read_link(*row) for row in rows]
    except (OSError, ValueError, TypeError, csv.Error):
        return None


def _read_link(*cells: str) -> Link:
    folder, name, path, place, target, n_bytes, mtime_ns, way = cells
    return Link(folder, name, path, place, target, int(n_bytes), int(mtime_ns), way)


def _write_index(root: Path, links: Sequence[Link]) -> None:
    with open(root / INDEX_NAME, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Link._fields)
        writer.writerows(links)
