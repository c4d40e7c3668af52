"""What comes back is what was there, and nothing that is there is lost to it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from backup.files import read_all, write
from podium.backup import restoring
from podium.backup.config import BackupConfig
from podium.backup.manifest import Entry, Manifest, name_manifest
from podium.backup.mirror import Mirror
from podium.backup.restoring import find_version, restore
from podium.backup.store import Store
from podium.backup.workspace import Workspace
from podium.errors import InputError

MakeMirror = Callable[..., Mirror]
FILES = {
    "data/06_models/꽃/가 나.ckpt": "checkpoint",
    "data/01_raw/꽃/1.jpg": "picture",
    "project/conf/local/x.yml": "",
}


@pytest.fixture
def backed_up(config: BackupConfig, make_mirror: MakeMirror) -> BackupConfig:
    """A workspace with a backup."""
    for name, text in FILES.items():
        write(config.project_dir / name.removeprefix("project/"), text)
    os.utime(config.data_dir / "01_raw/꽃/1.jpg", ns=(1, 1_234_567_891))
    mirror = make_mirror()
    while mirror.step().n_pending:
        pass
    return config


@pytest.fixture
def elsewhere(backed_up: BackupConfig, tmp_path: Path) -> BackupConfig:
    """The same parameters on a machine where nothing is, and data lie on a disk of their own."""
    return backed_up.model_copy(update={"data_dir": tmp_path / "큰 디스크", "project_dir": tmp_path / "clone"})


def test_empty_machine_gets_everything_back_with_its_times(elsewhere: BackupConfig, store: Store) -> None:
    restored = restore(store, Workspace.of(elsewhere), None, overwrite=False)
    data = {f"data/{name}": text for name, text in read_all(elsewhere.data_dir).items()}
    project = {f"project/{name}": text for name, text in read_all(elsewhere.project_dir).items()}
    assert data | project == FILES
    assert (elsewhere.data_dir / "01_raw/꽃/1.jpg").stat().st_mtime_ns == 1_234_567_891
    assert (restored.n_fetched, restored.fetched_bytes) == (3, 17)
    assert not [path for path in elsewhere.data_dir.rglob("*") if path.name.endswith(".partial")]


def test_next_backup_of_the_restored_workspace_sends_nothing(
    elsewhere: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore(store, Workspace.of(elsewhere), None, overwrite=False)
    mirror = make_mirror()
    monkeypatch.setattr(mirror, "_workspace", Workspace.of(elsewhere))
    (elsewhere.data_dir / "backup").mkdir()
    (elsewhere.data_dir / "backup/owner.json").touch()
    progress = mirror.step()
    assert (progress.n_sent, progress.n_files, progress.is_complete) == (0, 3, True)


def test_second_call_finds_everything_there_and_touches_nothing(elsewhere: BackupConfig, store: Store) -> None:
    workspace = Workspace.of(elsewhere)
    restore(store, workspace, None, overwrite=False)
    before = workspace.walk()
    assert restore(store, workspace, None, overwrite=False).n_fetched == 0
    assert workspace.walk() == before


def test_files_of_another_content_are_all_named_and_none_is_touched_unless_told(
    elsewhere: BackupConfig, store: Store
) -> None:
    workspace = Workspace.of(elsewhere)
    write(elsewhere.data_dir / "06_models/꽃/가 나.ckpt", "other size")
    write(elsewhere.data_dir / "01_raw/꽃/1.jpg", "PICTURE")
    before = workspace.walk()
    with pytest.raises(InputError, match=r"restore\.overwrite=true") as error:
        restore(store, workspace, None, overwrite=False)
    assert len(error.value.cases) == 2
    assert "가 나.ckpt" in error.value.cases[1]
    assert workspace.walk() == before
    restore(store, workspace, None, overwrite=True)
    assert read_all(elsewhere.data_dir)["01_raw/꽃/1.jpg"] == "picture"


@pytest.mark.parametrize(
    "name", ["data/../../evil", "/evil", "project/.git/hooks/pre-commit", "data/02_intermediate/x"]
)
def test_names_that_lead_out_are_refused_before_anything_is_written(
    elsewhere: BackupConfig, store: Store, name: str
) -> None:
    (sha256,) = [sha256 for sha256, n_bytes in store.list_objects().items() if n_bytes == 10]
    data = Manifest({name: Entry(sha256, 10, 0), "data/06_models/a": Entry(sha256, 10, 0)}, "x", True).to_bytes()
    store.put(f"manifests/{name_manifest(data, datetime(2999, 1, 1, tzinfo=UTC), None)}", data)
    with pytest.raises(InputError, match="lead to no folder") as error:
        restore(store, Workspace.of(elsewhere), None, overwrite=True)
    assert error.value.cases == [repr(name)]
    assert not elsewhere.data_dir.exists()


def test_missing_and_damaged_content_is_named_and_all_else_comes_back(
    elsewhere: BackupConfig, store: Store, tmp_path: Path
) -> None:
    for path in (tmp_path / "remote").rglob("objects/*/*"):
        match path.read_text():
            case "checkpoint":
                path.write_text("checkpoinT")
            case "picture":
                path.unlink()
    with pytest.raises(InputError, match="all others are back") as error:
        restore(store, Workspace.of(elsewhere), None, overwrite=False)
    assert [case.split(":")[0] for case in error.value.cases] == [
        "data/01_raw/꽃/1.jpg",
        "data/06_models/꽃/가 나.ckpt",
    ]
    assert read_all(elsewhere.project_dir) == {"conf/local/x.yml": ""}
    assert read_all(elsewhere.data_dir) == {}
    assert not list(elsewhere.data_dir.rglob("*.partial"))


def test_connection_that_breaks_is_tried_again(
    elsewhere: BackupConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring.time, "sleep", lambda seconds: None)
    n_failures, opened = 0, store.open_object

    def fail_at_first(sha256: str) -> object:
        nonlocal n_failures
        n_failures += 1
        if n_failures <= restoring.N_TRIES - 1:
            raise ConnectionError("reset")
        return opened(sha256)

    monkeypatch.setattr(store, "open_object", fail_at_first)
    monkeypatch.setattr(type(store), "n_at_once", 1)
    assert restore(store, Workspace.of(elsewhere), None, overwrite=False).n_fetched == 3


def test_older_version_comes_back_by_the_beginning_of_its_name(
    backed_up: BackupConfig, elsewhere: BackupConfig, store: Store, make_mirror: MakeMirror
) -> None:
    first, _ = find_version(store, None)
    write(backed_up.data_dir / "06_models/꽃/가 나.ckpt", "newer")
    make_mirror().step()
    newest, _ = find_version(store, None)
    assert newest > first
    restored = restore(store, Workspace.of(elsewhere), first.partition("-")[0], overwrite=False)
    assert restored.version == first.partition("-")[0]
    assert read_all(elsewhere.data_dir)["06_models/꽃/가 나.ckpt"] == "checkpoint"
    with pytest.raises(InputError, match="beginning of 0 versions"):
        find_version(store, "1999")
    with pytest.raises(InputError, match="beginning of 3 versions"):
        find_version(store, "2")


def test_store_without_a_backup_says_so(config: BackupConfig, store: Store) -> None:
    with pytest.raises(InputError, match="no version is there"):
        restore(store, Workspace.of(config), None, overwrite=False)


def test_disk_that_is_too_small_is_told_with_both_sizes_before_anything_is_written(
    elsewhere: BackupConfig, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100_000_016))
    with pytest.raises(InputError, match=r"17 bytes are to come, 100 MB are free"):
        restore(store, Workspace.of(elsewhere), None, overwrite=False)
    assert not elsewhere.data_dir.exists()
