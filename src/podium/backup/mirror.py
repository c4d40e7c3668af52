"""Bring a backup up to date with a workspace, a batch at a time."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from podium.backup.manifest import (
    BrokenManifestError,
    Entry,
    Manifest,
    is_manifest_name,
    name_manifest,
    read_manifest,
)
from podium.backup.ownership import Owner, require_ownership, require_workspace
from podium.backup.retention import choose_kept
from podium.backup.snapshot import Files, Held, Snapshot, choose_batch, hold
from podium.backup.store import Store, hash_file
from podium.backup.workspace import Signature, Workspace

MANIFESTS = "manifests"
LINGER_S = 600.0
"""For so long the backup keeps a file that was removed."""

VERSION_PAUSE_S = 10.0
"""The least time between two versions that differ by a few more of many pictures."""

DATABASE_PAUSE_S = 300.0
"""The least time between two copies of a data base: it changes all the time, and is sent whole."""


@dataclass(frozen=True)
class Progress:
    """Where a backup stands.

    Attributes:
        n_files, n_bytes: In its newest version.
        n_pending, pending_bytes: Files that are not in it as they are now.
        n_sent, sent_bytes: Sent since it was opened.
        is_one_moment: Whether the workspace rested while it was looked at.
        look_s: What one look at the workspace takes of a processor, in seconds.
    """

    n_files: int
    n_bytes: int
    n_pending: int
    pending_bytes: int
    n_sent: int
    sent_bytes: int
    is_one_moment: bool
    look_s: float

    @property
    def is_complete(self) -> bool:
        """Whether the newest version holds everything as it is now."""
        return self.n_pending == 0 and self.is_one_moment


class Mirror:
    """The backup of one workspace, opened for writing.

    What is in the store is known from its manifests: an object that none of them names was perhaps never finished, and
    is sent again. A new manifest is written last, when all that it names has arrived, so every version is whole. A file
    that was removed leaves the backup some time later, with a version that holds everything else: a workspace that is
    wiped is gone itself by then.
    """

    def __init__(self, workspace: Workspace, own: Owner, keep_last: int, keep_days: int, linger_s: float = LINGER_S):
        self._workspace = workspace
        self._own = own
        self._keep = partial(choose_kept, keep_last=keep_last, keep_days=keep_days)
        self._linger_s = linger_s
        self._manifests: dict[str, Manifest] = {}
        self._objects: set[str] = set()  # in the store for sure
        self._arrived: set[str] = set()  # of those, the ones that this process sent
        self._strays: set[str] = set()  # in the store, and of no use
        self._seen: dict[str, tuple[Signature, Entry]] = {}  # what was sent of each file, and when it was such
        self._copied_at: dict[str, float] = {}  # of data bases
        self._gone_at: dict[str, float] = {}  # of files that the backup still has
        self._n_sent = self._sent_bytes = 0
        self._written_at = float("-inf")
        self._is_begun = False

    def connect(self, store: Store) -> None:
        """Read what the store has; again after a connection broke.

        Raises:
            OwnedByAnotherError: Another machine writes this backup.
            OSError: The store cannot be reached; its library may raise others.
        """
        require_ownership(store, self._own, may_begin=not self._is_begun)
        self._store, self._is_begun = store, True
        self._manifests = read_manifests(store)
        there = store.list_objects()
        named = {entry for manifest in self._manifests.values() for entry in manifest.files.values()}
        self._objects = {entry.sha256 for entry in named if there.get(entry.sha256) == entry.n_bytes}
        self._objects |= self._arrived & set(there)
        self._strays = set(there) - self._objects

    def step(self, is_last: bool = False) -> Progress:
        """Send one batch, if there is anything to send, and write a manifest, if it says anything new.

        Args:
            is_last: Whether data bases are copied now, however lately they were.

        Raises:
            OwnedByAnotherError: Another machine took the backup over.
            WorkspaceGoneError: The workspace was removed.
            OSError: The store cannot be reached; its library may raise others.
        """
        now = time.monotonic()
        resting = set() if is_last else {name for name, at in self._copied_at.items() if now < at + DATABASE_PAUSE_S}

        def list_changed(files: Files) -> list[str]:
            return [name for name in files if name not in resting and not self._knows(name, files[name])]

        def choose(files: Files) -> list[str]:
            return choose_batch(list_changed(files), files, self._workspace)

        with hold(self._workspace, choose, self._copied_at) as snapshot:
            self._send(snapshot.held)
        pending = list_changed(snapshot.files)
        is_complete = not pending and snapshot.is_one_moment
        if is_complete or self._is_worth_a_version(snapshot.held):
            self._write_manifest(self._list_entries(snapshot, is_complete), is_complete)
        newest = self._newest
        return Progress(
            len(newest.files), newest.n_bytes, len(pending), sum(snapshot.files[name].n_bytes for name in pending),
            self._n_sent, self._sent_bytes, snapshot.is_one_moment, snapshot.look_s,
        )  # fmt: skip

    def _is_worth_a_version(self, sent: Iterable[Held]) -> bool:
        """Say whether there should be a version with what was sent just now, though more is to come.

        Always, but of the least precious place, which may have as many pictures as it likes, only now and then.
        """
        last = len(self._workspace.places) - 1
        is_precious = any(self._workspace.rank(file.name) < last for file in sent)
        return is_precious or time.monotonic() > self._written_at + VERSION_PAUSE_S

    @property
    def _newest(self) -> Manifest:
        return self._manifests[max(self._manifests)] if self._manifests else Manifest({}, self._own.machine, False)

    def _knows(self, name: str, signature: Signature) -> bool:
        """Say whether the store has a file as it is now; one of the same size and time as in the backup is the same."""
        if name not in self._seen:
            entry = self._newest.files.get(name)
            if entry is None or (entry.n_bytes, entry.mtime_ns) != (signature.n_bytes, signature.mtime_ns):
                return False
            self._seen[name] = signature, entry
        seen, entry = self._seen[name]
        return seen == signature and entry.sha256 in self._objects

    def _send(self, held: Iterable[Held]) -> None:
        """Send what the store does not have; a file that somebody wrote into meanwhile is left for the next time."""
        with ThreadPoolExecutor(self._store.n_at_once) as threads:
            for file, entry in threads.map(self._send_one, held):
                if entry is None:
                    continue
                self._seen[file.name] = file.signature, entry
                if entry.sha256 not in self._objects:
                    self._n_sent, self._sent_bytes = self._n_sent + 1, self._sent_bytes + entry.n_bytes
                self._objects.add(entry.sha256)
                self._arrived.add(entry.sha256)
                self._strays.discard(entry.sha256)
                if file.is_database:
                    self._copied_at[file.name] = time.monotonic()

    def _send_one(self, held: Held) -> tuple[Held, Entry | None]:
        """Return the file and what the store has of it; None when it changed while it was read."""
        sha256 = hash_file(held.file)
        entry = Entry(sha256, held.file.tell(), held.signature.mtime_ns)
        if held.has_changed():
            return held, None
        if sha256 in self._objects:
            return held, entry
        held.file.seek(0)
        try:
            self._store.put_object(sha256, held.file, entry.n_bytes)
        except Exception:
            if held.has_changed():
                return held, None
            raise
        return held, entry

    def _list_entries(self, snapshot: Snapshot, is_complete: bool) -> dict[str, Entry]:
        """List what the next manifest holds: each file as it was sent last, and those that were removed lately."""
        before, now = self._newest.files, time.monotonic()
        entries = {}
        for name in snapshot.files:
            entry = self._seen[name][1] if name in self._seen else before.get(name)
            if entry is not None and entry.sha256 in self._objects:
                entries[name] = entry
        gone = {name for name in before if name not in snapshot.files}
        self._gone_at = {name: self._gone_at.get(name, now) for name in gone}
        for name in gone:
            if not is_complete or now < self._gone_at[name] + self._linger_s:
                entries[name] = before[name]
        return entries

    def _write_manifest(self, entries: Mapping[str, Entry], is_complete: bool) -> None:
        newest = self._newest
        if self._manifests and entries == newest.files and is_complete == newest.is_complete:
            return
        require_workspace(self._workspace.home)
        require_ownership(self._store, self._own, may_begin=False)
        manifest = Manifest(entries, self._own.machine, is_complete)
        data = manifest.to_bytes()
        name = name_manifest(data, datetime.now(UTC), max(self._manifests, default=None))
        self._store.put(f"{MANIFESTS}/{name}", data)
        self._manifests[name] = manifest
        self._written_at = time.monotonic()
        self._remove_superseded()

    def _remove_superseded(self) -> None:
        """Remove manifests that are not kept, then objects that no manifest names any more."""
        kept = self._keep(self._manifests)
        dropped = sorted(set(self._manifests) - kept)
        self._store.remove(f"{MANIFESTS}/{name}" for name in dropped)
        for name in dropped:
            del self._manifests[name]
        named = frozenset().union(*(manifest.sha256s for manifest in self._manifests.values()))
        unnamed = (self._objects | self._strays) - named
        self._store.remove_objects(unnamed)
        self._objects -= unnamed
        self._arrived -= unnamed
        self._strays -= unnamed


def read_manifests(store: Store) -> dict[str, Manifest]:
    """Read all manifests of a store; one that is torn, from a kill while it was written, is passed over."""
    found = {}
    for name in filter(is_manifest_name, store.list_names(MANIFESTS)):
        data = store.get(f"{MANIFESTS}/{name}")
        try:
            found[name] = read_manifest(name, data or b"")
        except BrokenManifestError:
            continue
    return found
