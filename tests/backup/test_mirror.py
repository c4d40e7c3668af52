"""Every version of a backup is whole, and belongs together, whatever goes on meanwhile."""

import hashlib
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest

from backup.files import write
from podium.backup import mirror as mirrors
from podium.backup import snapshot
from podium.backup.config import BackupConfig
from podium.backup.manifest import Manifest, name_manifest
from podium.backup.mirror import Mirror, Progress, read_manifests
from podium.backup.ownership import OwnedByAnotherError, Owner, WorkspaceGoneError, take_over
from podium.backup.store import Store
from podium.backup.workspace import Workspace
from podium.disk.removal import remove_path

MakeMirror = Callable[..., Mirror]
CKPT = "data/06_models/꽃/m-1/fold_0/checkpoints"


def read_newest(store: Store) -> dict[str, str]:
    """Read every file of the newest version out of the store."""
    manifests = read_manifests(store)
    return read_files(store, manifests[max(manifests)])


def read_files(store: Store, manifest: Manifest) -> dict[str, str]:
    found = {}
    for name, entry in manifest.files.items():
        with store.open_object(entry.sha256) as file:
            content = file.read()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.n_bytes)
        found[name] = content.decode()
    return found


def step_to_the_end(mirror: Mirror) -> Progress:
    """Send batch after batch."""
    while (progress := mirror.step()).n_pending:
        pass
    return progress


def count_sent(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down every object that is sent from now on."""
    sent: list[str] = []
    put = store.put_object

    def note(sha256: str, file: BinaryIO, n_bytes: int) -> None:
        put(sha256, file, n_bytes)
        sent.append(sha256)

    monkeypatch.setattr(store, "put_object", note)
    return sent


def test_version_holds_everything_and_equal_content_is_sent_once(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config.data_dir / "06_models/꽃/member.json", "{}")
    write(config.data_dir / "01_raw/꽃/train/가 나/1.jpg", "picture")
    write(config.data_dir / "01_raw/꽃/train/다/1.jpg", "picture")
    write(config.project_dir / "conf/local/globals.yml", "competition: 꽃")
    sent = count_sent(store, monkeypatch)
    progress = step_to_the_end(make_mirror())
    assert read_newest(store) == {
        "data/06_models/꽃/member.json": "{}",
        "data/01_raw/꽃/train/가 나/1.jpg": "picture",
        "data/01_raw/꽃/train/다/1.jpg": "picture",
        "project/conf/local/globals.yml": "competition: 꽃",
    }
    assert len(set(sent)) == len(store.list_objects()) == 3
    assert (progress.n_files, progress.n_pending, progress.is_complete) == (4, 0, True)


def test_nothing_is_sent_or_written_again_by_this_process_or_the_next(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(config.data_dir / "06_models/a", "a")
    first = make_mirror()
    first.step()
    sent, versions = count_sent(store, monkeypatch), store.list_names("manifests")
    hashed = []
    monkeypatch.setattr(mirrors, "hash_file", lambda file: hashed.append(file.name) or "")
    for mirror in (first, make_mirror()):
        assert mirror.step().is_complete
    assert (sent, hashed, store.list_names("manifests")) == ([], [], versions)
    monkeypatch.undo()
    write(path, "b")
    make_mirror().step()
    assert read_newest(store) == {"data/06_models/a": "b"}


def test_superseded_objects_go_with_the_versions_that_named_them(
    config: BackupConfig, store: Store, make_mirror: MakeMirror
) -> None:
    mirror = make_mirror(keep_last=2)
    write(config.data_dir / "06_models/kept", "kept")
    for number in range(5):
        write(config.data_dir / "06_models/last.ckpt", f"epoch {number}")
        mirror.step()
    contents = [read_files(store, manifest)["data/06_models/last.ckpt"] for manifest in read_manifests(store).values()]
    assert sorted(contents) == ["epoch 3", "epoch 4"]
    assert len(store.list_objects()) == 3


def test_object_that_no_version_names_is_sent_again_and_one_that_nobody_needs_is_removed(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, tmp_path: Path
) -> None:
    write(config.data_dir / "06_models/a", "a whole file")
    sha256 = hashlib.sha256(b"a whole file").hexdigest()
    for name in (sha256, "ab" * 32):  # what a kill may leave: half of what is wanted, and what is wanted no more
        torn = write(tmp_path / "remote" / config.name / "objects" / name[:2] / name, "a wh")
    make_mirror().step()
    assert read_newest(store) == {"data/06_models/a": "a whole file"}
    assert set(store.list_objects()) == {sha256}
    assert not torn.exists()


def test_torn_manifest_is_passed_over(config: BackupConfig, store: Store, make_mirror: MakeMirror) -> None:
    write(config.data_dir / "06_models/a", "a")
    make_mirror().step()
    (version,) = read_manifests(store)
    data = Manifest({}, "x", True).to_bytes()
    name = name_manifest(data, mirrors.datetime.now(mirrors.UTC), version)
    store.put(f"manifests/{name}", data[:-3])
    assert set(read_manifests(store)) == {version}
    assert make_mirror().step().n_files == 1


def test_store_that_fails_in_the_middle_gets_no_version_and_later_only_what_is_missing(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(store), "n_at_once", 1)
    for number in range(6):
        write(config.data_dir / f"06_models/{number}", f"content {number}")
    mirror, put = make_mirror(), store.put_object

    def fail_later(sha256: str, file: BinaryIO, n_bytes: int) -> None:
        if len(store.list_objects()) == 3:
            raise ConnectionError("gone")
        put(sha256, file, n_bytes)

    monkeypatch.setattr(store, "put_object", fail_later)
    with pytest.raises(ConnectionError):
        mirror.step()
    assert read_manifests(store) == {}
    monkeypatch.setattr(store, "put_object", put)
    sent = count_sent(store, monkeypatch)
    mirror.connect(store)
    assert mirror.step().is_complete
    assert len(sent) == 3
    assert len(read_newest(store)) == 6


def test_versions_are_few_while_many_pictures_are_sent_and_none_waits_for_them(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MAX_FILES", 5)
    for number in range(40):
        write(config.data_dir / f"01_raw/꽃/{number:02d}.jpg", f"{number}")
    mirror = make_mirror(keep_last=1000)
    assert mirror.step().n_pending == 35
    for epoch in range(3):
        write(config.data_dir / "06_models/last.ckpt", f"epoch {epoch}")
        mirror.step()
        assert read_newest(store)["data/06_models/last.ckpt"] == f"epoch {epoch}"
    assert step_to_the_end(mirror).is_complete
    assert len(read_newest(store)) == 41
    assert len(read_manifests(store)) == 1 + 3 + 1


def test_removed_file_stays_for_a_while_then_goes(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(mirrors.time, "monotonic", lambda: now)
    mirror = make_mirror(linger_s=600.0)
    path = write(config.data_dir / "06_models/a", "a")
    write(config.data_dir / "06_models/b", "b")
    mirror.step()
    path.unlink()
    mirror.step()
    now += 599
    mirror.step()
    assert set(read_newest(store)) == {"data/06_models/a", "data/06_models/b"}
    now += 2
    mirror.step()
    assert set(read_newest(store)) == {"data/06_models/b"}


def test_wiped_workspace_takes_nothing_out_of_its_backup(
    config: BackupConfig, store: Store, make_mirror: MakeMirror
) -> None:
    mirror = make_mirror()
    write(config.data_dir / "06_models/a", "a")
    mirror.step()
    shutil.rmtree(config.data_dir)
    with pytest.raises(WorkspaceGoneError):
        mirror.step()
    assert read_newest(store) == {"data/06_models/a": "a"}


def test_workspace_whose_backup_was_taken_over_writes_nothing_more(
    config: BackupConfig, store: Store, make_mirror: MakeMirror
) -> None:
    mirror = make_mirror()
    write(config.data_dir / "06_models/a", "a")
    mirror.step()
    versions = store.list_names("manifests")
    take_over(store, Owner("another", "gpu2"))
    write(config.data_dir / "06_models/a", "b")
    with pytest.raises(OwnedByAnotherError, match="gpu2"):
        mirror.step()
    assert store.list_names("manifests") == versions
    with pytest.raises(OwnedByAnotherError, match="gpu2"):
        make_mirror()


def test_database_rests_between_copies_but_is_copied_at_the_end(
    config: BackupConfig, workspace: Workspace, store: Store, make_mirror: MakeMirror
) -> None:
    config.project_dir.mkdir(exist_ok=True)
    mirror = make_mirror()
    with closing(sqlite3.connect(config.project_dir / "mlflow.db")) as database:
        database.execute("create table runs (name text)")
        database.commit()
        mirror.step()
        sizes = []
        for is_last in (False, True):
            database.executemany("insert into runs values (?)", [("x" * 100,)] * 1000)
            database.commit()
            assert mirror.step(is_last).is_complete
            manifests = read_manifests(store)
            sizes.append(manifests[max(manifests)].n_bytes)
    assert sizes[0] < 10_000 < sizes[1]


class Training(threading.Thread):
    """Plays a training that writes as fast as it can: ``best``, then ``last``, which knows of the best.

    Epochs are numbered; an even one is the best so far. A fold ends with its weights and its history; then its
    checkpoints are removed.
    """

    def __init__(self, data: Path):
        super().__init__(daemon=True)
        self._data = data
        self.stop = threading.Event()
        self.n_folds = 0

    def run(self) -> None:
        while not self.stop.is_set():
            checkpoints = self._data / f"06_models/꽃/m-1/fold_{self.n_folds}/checkpoints"
            for epoch in range(40):
                if epoch % 2 == 0:
                    write(checkpoints / "best.ckpt", f"{epoch}")
                write(checkpoints / "last.ckpt", f"{epoch} {epoch // 2 * 2}")
                self.stop.wait(0.001 * (epoch % 7))
            write(checkpoints.parent / "weights.safetensors", "weights")
            write(self._data / f"07_model_output/꽃/members/m-1/fold_{self.n_folds}/history.parquet", "history")
            remove_path(checkpoints)
            self.n_folds += 1


def test_every_version_of_a_training_that_never_rests_could_be_gone_on_from(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "PAUSE_S", 0.0005)
    mirror, training = make_mirror(keep_last=10_000), Training(config.data_dir)
    training.start()
    try:
        while training.n_folds < 6:
            mirror.step()
    finally:
        training.stop.set()
        training.join()
    versions = read_manifests(store)
    seen_epochs, n_folds = set(), 0
    for name in sorted(versions):
        files = read_files(store, versions[name])
        folders = {match[0] for path in files if (match := re.match(r"data/06_models/꽃/m-1/fold_\d+", path))}
        assert len(folders) >= n_folds, "no fold is ever lost"
        n_folds = len(folders)
        for folder in folders:
            last, best = files.get(f"{folder}/checkpoints/last.ckpt"), files.get(f"{folder}/checkpoints/best.ckpt")
            assert last is not None or best is not None or f"{folder}/weights.safetensors" in files
            if last is not None:
                epoch, known_best = map(int, last.split())
                seen_epochs.add(epoch)
                assert best is not None and int(best) in (known_best, epoch + 1), "best and last belong together"
    assert len(versions) > 10
    assert len(seen_epochs) > 5


def test_what_was_written_before_a_file_of_the_same_size_and_time_is_not_taken_for_it(
    config: BackupConfig, store: Store, make_mirror: MakeMirror
) -> None:
    mirror = make_mirror()
    path = write(config.data_dir / "06_models/a", "old")
    time_ns = path.stat().st_mtime_ns
    mirror.step()
    write(path, "new")
    os.utime(path, ns=(time_ns, time_ns))
    mirror.step()
    assert read_newest(store) == {"data/06_models/a": "new"}


def test_store_that_vanishes_is_not_begun_anew(
    config: BackupConfig, store: Store, make_mirror: MakeMirror, tmp_path: Path
) -> None:
    mirror = make_mirror()
    write(config.data_dir / "06_models/a", "a")
    mirror.step()
    (tmp_path / "remote" / config.name).rename(tmp_path / "unmounted")
    write(config.data_dir / "06_models/a", "b")
    with pytest.raises(FileNotFoundError, match="still mounted"):
        mirror.step()
    with pytest.raises(FileNotFoundError, match="still mounted"):
        mirror.connect(store)
    assert store.list_names("manifests") == []
