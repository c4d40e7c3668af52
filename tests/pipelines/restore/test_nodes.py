"""The node brings a workspace back, takes its backup over, and says what is left to a person."""

from pathlib import Path

import pytest

from backup.files import write
from podium.backup.config import BackupConfig
from podium.backup.mirror import Mirror
from podium.backup.ownership import OwnedByAnotherError, read_own
from podium.backup.store import open_store
from podium.backup.workspace import Workspace
from podium.errors import InputError
from podium.pipelines.restore.config import RestoreConfig
from podium.pipelines.restore.nodes import restore_workspace


@pytest.fixture
def backed_up(tmp_path: Path) -> BackupConfig:
    """A workspace with a backup."""
    (tmp_path / "remote").mkdir()
    config = BackupConfig(url=str(tmp_path / "remote"), data_dir=tmp_path / "one/data", project_dir=tmp_path / "one")
    write(config.data_dir / "06_models/꽃/last.ckpt", "checkpoint")
    make_mirror(config).step()
    return config


def make_mirror(config: BackupConfig) -> Mirror:
    workspace = Workspace.of(config)
    mirror = Mirror(workspace, read_own(workspace.home), keep_last=3, keep_days=0)
    mirror.connect(open_store(str(config.url), config.name, {}))
    return mirror


def move(config: BackupConfig, tmp_path: Path) -> BackupConfig:
    return config.model_copy(update={"data_dir": tmp_path / "two/data", "project_dir": tmp_path / "two"})


def test_files_come_back_and_the_backup_goes_on_from_here(backed_up: BackupConfig, tmp_path: Path) -> None:
    there = move(backed_up, tmp_path)
    restored = restore_workspace(there, RestoreConfig(), {})
    assert (there.data_dir / "06_models/꽃/last.ckpt").read_text() == "checkpoint"
    assert (restored["n_files"], restored["n_fetched"], restored["n_bytes"], restored["is_complete"]) == (
        1,
        1,
        10,
        True,
    )
    assert restored["what_to_do"] == [f"brought back 1 of 1 files, 10 bytes, from {backed_up.url}/podium"]
    make_mirror(there)
    with pytest.raises(OwnedByAnotherError):
        make_mirror(backed_up)


def test_who_only_looks_leaves_the_backup_to_its_machine(backed_up: BackupConfig, tmp_path: Path) -> None:
    there = move(backed_up, tmp_path)
    restore_workspace(there, RestoreConfig(take_over=False), {})
    make_mirror(backed_up)
    with pytest.raises(OwnedByAnotherError):
        make_mirror(there)


def test_missing_url_and_unreachable_store_are_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PODIUM_BACKUP_URL"):
        restore_workspace(BackupConfig(), RestoreConfig(), {})
    with pytest.raises(InputError, match="is it mounted"):
        restore_workspace(BackupConfig(url=str(tmp_path / "away")), RestoreConfig(), {})


def test_store_without_a_version_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no version is there"):
        restore_workspace(BackupConfig(url=str(tmp_path)), RestoreConfig(), {})
