"""Bring the files of a backup back, each checked, without touching what is there."""

import logging
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from os import utime
from pathlib import Path

from podium.atomic_files import AtomicWriter
from podium.backup.manifest import Entry, Manifest, read_time
from podium.backup.mirror import read_manifests
from podium.backup.store import CHUNK, Store, hash_file
from podium.backup.workspace import Workspace
from podium.byte_counts import describe_bytes
from podium.errors import InputError, raise_if_any
from podium.secrets import hide_password

logger = logging.getLogger(__name__)

MAX_CASES = 50
SPARE_BYTES = 100 * 10**6
N_TRIES = 5


@dataclass(frozen=True)
class Restored:
    """What was brought back.

    Attributes:
        version: Of the backup, the beginning of its manifest's name.
        manifest: What it holds.
        n_fetched: Files that were written; the others were there already.
        fetched_bytes: Their size.
    """

    version: str
    manifest: Manifest
    n_fetched: int
    fetched_bytes: int


def restore(store: Store, workspace: Workspace, version: str | None, overwrite: bool) -> Restored:
    """Bring one version of a backup back.

    A file that is there with the same content stays. Each file appears whole, once its SHA-256 was found right, with
    the time that it had, so that the next backup knows it again. A call that was interrupted is simply made again.

    Args:
        store: Where the backup is.
        workspace: Where the files go to.
        version: The beginning of a version's name; None takes the newest.
        overwrite: Whether files with another content may be replaced.

    Raises:
        InputError: There is no such version; a name leads out of the workspace; files with another content are there;
            the disk is too small. Nothing is written then. Or: files of the backup are missing or damaged; all others
            are back.
    """
    name, manifest = find_version(store, version)
    targets = _locate_all(manifest, workspace)
    wanted = _leave_out_known(manifest, targets, overwrite)
    _require_room(wanted, manifest, targets)
    _say(name, manifest, wanted)
    with ThreadPoolExecutor(store.n_at_once) as threads:
        done = threads.map(lambda path: _fetch(store, path, manifest.files[path], targets[path]), wanted)
        cases = [case for case in done if case is not None]
    raise_if_any("These files of the backup are missing or damaged, all others are back:", cases)
    return Restored(
        name.partition("-")[0], manifest, len(wanted), sum(manifest.files[path].n_bytes for path in wanted)
    )  # fmt: skip


def find_version(store: Store, version: str | None) -> tuple[str, Manifest]:
    """Find one version of a backup, the newest when none is named.

    Raises:
        InputError: There is none, or none of that name.
    """
    manifests = read_manifests(store)
    if not manifests:
        raise InputError("There is no backup:", ["no version is there; check backup.url and backup.name"])
    if version is None:
        name = max(manifests)
        return name, manifests[name]
    found = sorted(name for name in manifests if name.startswith(version))
    if len(found) != 1:
        listed = ", ".join(
            f"{name.partition('-')[0]} ({len(manifests[name].files):,} files)" for name in sorted(manifests)
        )
        raise InputError(
            "This version cannot be brought back:",
            [f"restore.version: {version!r} is the beginning of {len(found)} versions; there are {listed}"],
        )
    return found[0], manifests[found[0]]


def _locate_all(manifest: Manifest, workspace: Workspace) -> dict[str, Path]:
    """Find the place of every file, before any is written: their names come from outside."""
    located = {path: workspace.locate(path) for path in manifest.files}
    raise_if_any(
        "These names of the backup lead to no folder that is backed up here (backup.folders, backup.project_files):",
        _shorten([repr(path) for path, place in sorted(located.items()) if place is None]),
    )
    return {path: place for path, place in located.items() if place is not None}


def _leave_out_known(manifest: Manifest, targets: Mapping[str, Path], overwrite: bool) -> list[str]:
    """List the files to fetch: those that are not there, and those that differ where they may be replaced."""
    missing, differing = [], []
    for path, entry in sorted(manifest.files.items()):
        if not targets[path].exists():
            missing.append(path)
        elif not _has_content(targets[path], entry):
            differing.append(path)
    if differing and not overwrite:
        cases = [f"{targets[path]}: is there with another content than {path} of the backup" for path in differing]
        raise InputError(
            "These files are not overwritten; move them away, or add restore.overwrite=true to --params:",
            _shorten(cases),
        )
    return sorted(missing + differing)


def _has_content(path: Path, entry: Entry) -> bool:
    if not path.is_file() or path.stat().st_size != entry.n_bytes:
        return False
    with path.open("rb") as file:
        return hash_file(file) == entry.sha256


def _require_room(wanted: list[str], manifest: Manifest, targets: Mapping[str, Path]) -> None:
    """Compare what will be written with what is free, on each disk."""
    needed: dict[int, tuple[Path, int]] = {}
    for path in wanted:
        folder = next(parent for parent in targets[path].absolute().parents if parent.exists())
        disk = folder.stat().st_dev
        needed[disk] = folder, needed.get(disk, (folder, 0))[1] + manifest.files[path].n_bytes
    cases = []
    for folder, n_bytes in needed.values():
        free = shutil.disk_usage(folder).free
        if n_bytes + SPARE_BYTES > free:
            cases.append(f"{folder}: {describe_bytes(n_bytes)} are to come, {describe_bytes(free)} are free")
    raise_if_any("The disk is too small for this backup:", cases)


def _fetch(store: Store, path: str, entry: Entry, target: Path) -> str | None:
    """Fetch one file, again when the connection breaks; return what is wrong with it in the backup, if anything."""
    for attempt in range(N_TRIES):
        try:
            return _fetch_once(store, path, entry, target)
        except Exception as error:
            if attempt == N_TRIES - 1:
                raise
            logger.warning("%s: trying again (%s)", path, hide_password(str(error)))
            time.sleep(2.0**attempt)
    raise AssertionError


def _fetch_once(store: Store, path: str, entry: Entry, target: Path) -> str | None:
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = AtomicWriter(str(target), autocommit=False)
    try:
        with store.open_object(entry.sha256) as source:
            shutil.copyfileobj(source, writer, CHUNK)
        writer.close()
        with open(writer.temp, "rb") as written:
            is_right = hash_file(written) == entry.sha256
        if is_right:
            writer.commit()
            utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
    except FileNotFoundError:
        return f"{path}: its content {entry.sha256} is not there"
    finally:
        with suppress(OSError):
            writer.close()
        writer.discard()
    return None if is_right else f"{path}: its content is not {entry.sha256}"


def _say(name: str, manifest: Manifest, wanted: list[str]) -> None:
    told = describe_bytes(sum(manifest.files[path].n_bytes for path in wanted))
    logger.info(
        "bringing back %d of %d files, %s, of %s UTC from %s", len(wanted), len(manifest.files), told,
        read_time(name).strftime("%Y-%m-%d %H:%M:%S"), manifest.machine,
    )  # fmt: skip


def _shorten(cases: list[str]) -> list[str]:
    more = len(cases) - MAX_CASES
    return cases if more <= 0 else [*cases[:MAX_CASES], f"and {more} more"]
