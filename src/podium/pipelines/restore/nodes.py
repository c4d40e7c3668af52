"""Bring a backup back."""

import logging
from typing import Any

from podium.backup.config import BackupConfig
from podium.byte_counts import describe_bytes
from podium.errors import InputError
from podium.pipelines.restore.config import RestoreConfig
from podium.secrets import hide_password

logger = logging.getLogger(__name__)


def restore_workspace(backup: BackupConfig, restore: RestoreConfig, backup_options: dict[str, Any]) -> dict[str, Any]:
    """Bring the files of a backup back to where they belong on this machine, each checked by its SHA-256.

    Args:
        backup: Where the backup is, and which places it has.
        restore: Which version, and what may be replaced.
        backup_options: Of fsspec's file system; credentials among them, so it is never shown or kept.

    Returns:
        version, machine (that wrote it), is_complete, n_files, n_bytes, n_fetched, fetched_bytes, and what_to_do: lines
        that say what is left to a person.

    Raises:
        InputError: No backup is named, it cannot be reached, or it cannot be brought back as it is; see
            :func:`podium.backup.restoring.restore`.
    """
    from podium.backup.git_bundle import GitError, describe_taking
    from podium.backup.ownership import read_own, take_over
    from podium.backup.restoring import restore as bring_back
    from podium.backup.store import open_store
    from podium.backup.workspace import Workspace

    if backup.url is None:
        raise InputError(
            "There is no backup to bring back:",
            ["backup.url: null; name it with PODIUM_BACKUP_URL, or --params backup.url=s3://bucket/folder"],
        )
    workspace = Workspace.of(backup)
    address = f"{hide_password(backup.url)}/{backup.name}"
    try:
        store = open_store(backup.url, backup.name, backup_options)
        restored = bring_back(store, workspace, restore.version, restore.overwrite)
        if restore.take_over:
            take_over(store, read_own(workspace.home))
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            "The backup cannot be reached:", [f"{address}: {type(error).__name__}: {hide_password(str(error))}"]
        ) from error
    manifest = restored.manifest
    try:
        taking = describe_taking(backup.project_dir, workspace.home / "git")
    except GitError:
        taking = []
    told = (
        f"brought back {restored.n_fetched:,} of {len(manifest.files):,} files, "
        f"{describe_bytes(restored.fetched_bytes)}, from {address}"
    )
    return {
        "version": restored.version,
        "machine": manifest.machine,
        "is_complete": manifest.is_complete,
        "n_files": len(manifest.files),
        "n_bytes": manifest.n_bytes,
        "n_fetched": restored.n_fetched,
        "fetched_bytes": restored.fetched_bytes,
        "what_to_do": [told, *taking],
    }
