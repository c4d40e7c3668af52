"""A small workspace, and a backup of it in a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from podium.backup.config import BackupConfig
from podium.backup.mirror import Mirror
from podium.backup.ownership import Owner, read_own
from podium.backup.store import Store, open_store
from podium.backup.workspace import Workspace


@pytest.fixture
def config(tmp_path: Path) -> BackupConfig:
    """The default places, below a project's folder of the test's own."""
    (tmp_path / "remote").mkdir()
    return BackupConfig(
        url=str(tmp_path / "remote"), data_dir=tmp_path / "프로젝트/data", project_dir=tmp_path / "프로젝트",
        niceness=0, interval_s=0.05, finish_s=30.0,
    )  # fmt: skip


@pytest.fixture
def workspace(config: BackupConfig) -> Workspace:
    return Workspace.of(config)


@pytest.fixture
def store(config: BackupConfig) -> Store:
    assert config.url is not None
    return open_store(config.url, config.name, {})


@pytest.fixture
def own(workspace: Workspace) -> Owner:
    return read_own(workspace.home)


@pytest.fixture
def make_mirror(workspace: Workspace, store: Store, own: Owner) -> Callable[..., Mirror]:
    """Open the backup of the workspace, as a run does."""

    def make(keep_last: int = 3, keep_days: int = 0, linger_s: float = 0.0) -> Mirror:
        mirror = Mirror(workspace, own, keep_last, keep_days, linger_s)
        mirror.connect(store)
        return mirror

    return make
