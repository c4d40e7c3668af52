"""One machine at a time writes a backup: whoever began it, until another one brings it back."""

import json
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from podium.atomic_files import write_whole
from podium.backup.store import Store
from podium.locks import hold_file

OWNER = "owner.json"


@dataclass(frozen=True)
class Owner:
    """Who writes a backup.

    Attributes:
        token: Drawn by chance, kept in the workspace.
        machine: Its name, for messages.
    """

    token: str
    machine: str


class OwnedByAnotherError(Exception):
    """Another machine writes this backup.

    Attributes:
        machine: Its name.
    """

    def __init__(self, machine: str):
        self.machine = machine
        super().__init__(f"the backup is written by {machine}")


class WorkspaceGoneError(Exception):
    """The workspace is being removed: what is not there any more must not leave the backup."""


def require_workspace(folder: Path) -> None:
    """Make sure that the workspace is still there; whoever wipes its data takes its token along.

    Raises:
        WorkspaceGoneError: It is not.
    """
    if not (folder / OWNER).exists():
        raise WorkspaceGoneError(f"{folder} was removed")


def read_own(folder: Path) -> Owner:
    """Return the token of this workspace; it is drawn when it is asked for the first time.

    Args:
        folder: Of the workspace's data, where the backup keeps its own.
    """
    path = folder / OWNER
    machine = socket.gethostname()
    # Runs that start together draw one token, or the backup of one would be refused to the other.
    with hold_file(folder / "owner.lock", str(path)):
        try:
            return Owner(str(json.loads(path.read_text(encoding="utf-8"))["token"]), machine)
        except (OSError, ValueError, KeyError, TypeError):
            owner = Owner(uuid.uuid4().hex, machine)
        write_whole(path, json.dumps({"token": owner.token}).encode())
    return owner


def require_ownership(store: Store, own: Owner, may_begin: bool) -> None:
    """Make sure that this workspace writes the backup.

    Args:
        store: Where the backup is.
        own: This workspace.
        may_begin: Whether a backup that nobody writes becomes its own. One that was there a moment ago and is not is no
            such backup: a disk was perhaps unmounted.

    Raises:
        OwnedByAnotherError: Another one writes it.
        FileNotFoundError: Nobody does, and it may not begin.
    """
    owner = _read_owner(store)
    if owner is None and may_begin:
        take_over(store, own)
        return
    if owner is None:
        raise FileNotFoundError(f"{OWNER} of the backup is gone; is the store still mounted?")
    if owner.token != own.token:
        raise OwnedByAnotherError(owner.machine)


def _read_owner(store: Store) -> Owner | None:
    """Return who writes a backup; None where nobody does, or whoever wanted to was killed while he wrote so."""
    try:
        owner = json.loads(store.get(OWNER) or b"")
        return Owner(str(owner["token"]), str(owner["machine"]))
    except (ValueError, KeyError, TypeError):
        return None


def take_over(store: Store, own: Owner) -> None:
    """Let this workspace write the backup from now on; the one that did so stops as soon as it notices."""
    store.put(OWNER, json.dumps({"token": own.token, "machine": own.machine}).encode())
