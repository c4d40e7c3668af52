"""What is held stays what it was, and belongs together."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.files import write
from podium.backup import snapshot
from podium.backup.config import BackupConfig
from podium.backup.snapshot import MAX_FILES, choose_batch, hold
from podium.backup.workspace import Signature, Workspace

FOLDERS = (
    "data/01_raw/꽃",
    "data/06_models/m/fold_0/checkpoints",
    "data/06_models/m/fold_1/checkpoints",
    "project/mlruns",
)


@pytest.fixture(autouse=True)
def quick_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "PAUSE_S", 0.001)


def sort_all(files: object) -> list[str]:
    return sorted(files)  # type: ignore[call-overload]


def test_held_file_keeps_its_content_when_a_new_one_takes_its_name(config: BackupConfig, workspace: Workspace) -> None:
    path = write(config.data_dir / "06_models/last.ckpt", "epoch 1")
    with hold(workspace, sort_all, ()) as found:
        write(path, "epoch 2")
        (held,) = found.held
        assert (held.name, held.file.read(), held.has_changed()) == ("data/06_models/last.ckpt", b"epoch 1", False)
        path.unlink()
        held.file.seek(0)
        assert held.file.read() == b"epoch 1"
    assert found.is_one_moment


def test_file_that_somebody_writes_into_is_known_to_have_changed(config: BackupConfig, workspace: Workspace) -> None:
    path = write(config.data_dir / "06_models/log.txt", "a")
    with hold(workspace, sort_all, ()) as found:
        with path.open("a") as file:
            file.write("b")
        assert found.held[0].has_changed()


def test_it_begins_anew_when_something_changed_between_the_two_looks(
    config: BackupConfig, workspace: Workspace
) -> None:
    folder = config.data_dir / "06_models/checkpoints"
    write(folder / "best.ckpt", "best 1")
    write(folder / "last.ckpt", "last 1")
    looks: list[set[str]] = []

    def choose(files: object) -> list[str]:
        looks.append(set(sort_all(files)))
        if len(looks) == 1:  # an epoch ends just here
            write(folder / "best.ckpt", "best 2")
            write(folder / "last.ckpt", "last 2")
            write(folder / "new.txt", "new")
        return sort_all(files)

    with hold(workspace, choose, ()) as found:
        assert [held.file.read() for held in found.held] == [b"best 2", b"last 2", b"new"]
    assert len(looks) == 2
    assert found.is_one_moment


def test_folder_that_never_rests_is_left_out_whole(config: BackupConfig, workspace: Workspace) -> None:
    restless, calm = config.data_dir / "06_models/a", config.data_dir / "06_models/b"
    write(restless / "best.ckpt", "best")
    write(calm / "best.ckpt", "calm")
    n_looks = 0

    def choose(files: object) -> list[str]:
        nonlocal n_looks
        n_looks += 1
        write(restless / "last.ckpt", f"last {n_looks}")
        return sort_all(files)

    with hold(workspace, choose, ()) as found:
        assert [held.file.read() for held in found.held] == [b"calm"]
    assert not found.is_one_moment
    assert n_looks == snapshot.N_TRIES


def test_database_is_copied_whole_while_somebody_writes_to_it(config: BackupConfig, workspace: Workspace) -> None:
    config.project_dir.mkdir(parents=True)
    workspace.home.mkdir(parents=True)
    with closing(sqlite3.connect(config.project_dir / "mlflow.db")) as database:
        database.execute("create table runs (name text)")
        database.executemany("insert into runs values (?)", [("실행",)] * 10_000)
        database.commit()
        database.execute("insert into runs values ('not committed')")  # a transaction is open meanwhile
        with hold(workspace, sort_all, ()) as found:
            (held,) = found.held
            content = held.file.read()
        database.rollback()
    copy = config.project_dir / "copy.db"
    copy.write_bytes(content)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert database.execute("select count(*), min(name), max(name) from runs").fetchone() == (
            10_000,
            "실행",
            "실행",
        )
    assert list(workspace.home.iterdir()) == []
    assert held.is_database


def test_file_that_only_looks_like_a_database_is_taken_as_it_is(config: BackupConfig, workspace: Workspace) -> None:
    workspace.home.mkdir(parents=True)
    (config.project_dir / "mlflow.db").write_bytes(snapshot.SQLITE_HEADER + b"no database")
    with hold(workspace, sort_all, ()) as found:
        (held,) = found.held
        assert (held.is_database, held.file.read()) == (False, snapshot.SQLITE_HEADER + b"no database")


@given(st.dictionaries(st.sampled_from(FOLDERS), st.integers(1, 2 * MAX_FILES), min_size=1), st.integers(0, 10**9))
def test_batch_holds_whole_folders_of_the_most_precious_place(n_files: dict[str, int], n_bytes: int) -> None:
    workspace = Workspace.of(BackupConfig(data_dir=Path("data")))
    names = [f"{folder}/{number:04d}" for folder, n in n_files.items() for number in range(n)]
    files = {name: Signature(n_bytes, 0, 0) for name in names}
    batch = choose_batch(reversed(names), files, workspace)
    taken = {folder: sum(name.startswith(f"{folder}/") for name in batch) for folder in n_files}
    assert 0 < len(batch) <= MAX_FILES
    assert all(taken[folder] in (0, min(n, MAX_FILES)) for folder, n in n_files.items())
    assert {workspace.rank(name) for name in batch} == {min(workspace.rank(name) for name in names)}


def test_no_file_is_left_out_for_good(make_batches: Callable[[list[str]], list[str]]) -> None:
    names = [f"data/01_raw/꽃/{number}" for number in range(3 * MAX_FILES + 7)] + ["data/06_models/last.ckpt"]
    assert sorted(make_batches(names)) == sorted(names)


@pytest.fixture
def make_batches() -> Callable[[list[str]], list[str]]:
    """Take batches until there are none, and return all their names."""

    def make(names: list[str]) -> list[str]:
        workspace = Workspace.of(BackupConfig(data_dir=Path("data")))
        files = {name: Signature(3 * 10**9, 0, 0) for name in names}  # each more than a batch
        taken: list[str] = []
        while left := [name for name in names if name not in taken]:
            taken += choose_batch(left, files, workspace)
        return taken

    return make
