"""Many files as they were at one moment, held while they are read."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from podium.atomic_files import PARTIAL_SUFFIX
from podium.backup.workspace import Signature, Workspace, sign_open_file

SQLITE_HEADER = b"SQLite format 3\0"
MAX_FILES, MAX_BYTES = 100, 250 * 10**6
"""Of one batch: a checkpoint that is written meanwhile waits for no more than that. Each file is open."""

N_TRIES, PAUSE_S = 10, 0.2

Files = Mapping[str, Signature]


@dataclass(frozen=True)
class Held:
    """A file that stays what it is: a new one under its name leaves this one open.

    Attributes:
        name: In the backup.
        file: Open at its beginning.
        signature: By which it was found.
        is_database: Whether ``file`` is a consistent copy of a data base rather than the file itself.
    """

    name: str
    file: BinaryIO
    signature: Signature
    is_database: bool

    def has_changed(self) -> bool:
        """Say whether somebody wrote into it, which a copy of a data base cannot tell."""
        return not self.is_database and sign_open_file(self.file.fileno()) != self.signature


@dataclass(frozen=True)
class Snapshot:
    """What a workspace held at one moment, and some of it in hand.

    Attributes:
        files: Everything, by its name.
        held: What was asked for and is there.
        is_one_moment: Whether all of it was there at the same time; else too much went on.
        look_s: What one look at everything takes of a processor, in seconds.
    """

    files: Files
    held: Sequence[Held]
    is_one_moment: bool
    look_s: float


def choose_batch(names: Iterable[str], files: Files, workspace: Workspace) -> list[str]:
    """Choose what is sent next: of the most precious place that has something, and what lies in one folder together.

    Only a folder with more than :data:`MAX_FILES` files is torn apart: of a folder of checkpoints, a backup never holds
    one of this epoch and one of the last.
    """
    folders: dict[tuple[int, str], list[str]] = {}
    for name in names:
        folders.setdefault((workspace.rank(name), _get_folder(name)), []).append(name)
    batch: list[str] = []
    n_bytes = 0
    for rank, folder in sorted(folders):
        inside = sorted(folders[rank, folder])[:MAX_FILES]
        n_more = sum(files[name].n_bytes for name in inside)
        is_too_much = len(batch) + len(inside) > MAX_FILES or n_bytes + n_more > MAX_BYTES
        if batch and (is_too_much or rank != workspace.rank(batch[0])):
            break
        batch, n_bytes = batch + inside, n_bytes + n_more
    return batch


@contextmanager
def hold(
    workspace: Workspace, choose: Callable[[Files], Sequence[str]], databases: Iterable[str]
) -> Iterator[Snapshot]:
    """Open files at a moment at which nothing changed, so that all of them belong together.

    Everything is looked at, the files are opened, everything is looked at again. Where the two looks differ it begins
    anew; after some tries, in a workspace that never rests, it leaves out the folders in which something changed. Data
    bases of SQLite, which change in place, are copied by SQLite itself, and do not count as unrest.

    Args:
        workspace: Where they are.
        choose: Names those to open out of all that are there.
        databases: Names of the data bases that are known.
    """
    before, known = workspace.walk(), set(databases)
    for attempt in range(N_TRIES):
        with ExitStack() as opened:
            held = [file for name in choose(before) if (file := _open(workspace, name, before, opened)) is not None]
            started = time.thread_time()
            after = workspace.walk()
            look_s = time.thread_time() - started
            known |= {file.name for file in held if file.is_database}
            restless = _find_restless_folders(before, after, known)
            if not restless or attempt == N_TRIES - 1:
                calm = [file for file in held if file.is_database or _get_folder(file.name) not in restless]
                yield Snapshot(after, calm, not restless, look_s)
                return
        before = after
        time.sleep(PAUSE_S)


def _find_restless_folders(before: Files, after: Files, databases: set[str]) -> set[str]:
    """Name the folders in which a file came, went or changed."""
    return {
        _get_folder(name)
        for name in {*before, *after} - databases
        if before.get(name) != after.get(name)
    }  # fmt: skip


def _get_folder(name: str) -> str:
    return name.rpartition("/")[0]


def _open(workspace: Workspace, name: str, files: Files, opened: ExitStack) -> Held | None:
    """Open one file, if it still is the one that was seen."""
    path = workspace.locate(name)
    if path is None or name not in files:
        return None
    try:
        file = opened.enter_context(path.open("rb"))
    except OSError:
        return None
    if file.read(len(SQLITE_HEADER)) == SQLITE_HEADER:
        try:
            return Held(name, opened.enter_context(_copy_database(path, workspace.home)), files[name], is_database=True)
        except sqlite3.OperationalError:  # somebody holds it for too long
            return None
        except sqlite3.DatabaseError:  # it only looks like one
            pass
    file.seek(0)
    return Held(name, file, files[name], False) if sign_open_file(file.fileno()) == files[name] else None


@contextmanager
def _copy_database(path: Path, scratch: Path) -> Iterator[BinaryIO]:
    """Let SQLite copy a data base while others write to it; the copy is gone afterwards."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=PARTIAL_SUFFIX, dir=scratch)
    os.close(handle)
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=60.0)) as source,
            closing(sqlite3.connect(name)) as target,
        ):
            source.backup(target)
        with open(name, "rb") as file:
            yield file
    finally:
        with suppress(FileNotFoundError):
            os.remove(name)
