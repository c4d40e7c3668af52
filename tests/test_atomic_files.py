"""A file is there whole, or not at all, whatever goes wrong while it is written."""

import contextlib
import errno
import gzip
import io
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.local import LocalFileSystem, get_umask
from kedro.io import DataCatalog

from podium import atomic_files
from podium.atomic_files import AtomicLocalFileSystem, AtomicWriter, write_whole
from small_disk import SmallDisk


@pytest.fixture
def files() -> AtomicLocalFileSystem:
    return AtomicLocalFileSystem(skip_instance_cache=True)


@pytest.fixture(params=["new", "existing"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that is not there yet, and one that is."""
    path = tmp_path / "결과 표.csv"
    if request.param == "existing":
        path.write_bytes(b"old")
    return path


def require_untouched(path: Path, existed: bool) -> None:
    """Ask that the file is as it was before, with nothing left beside it."""
    assert list(path.parent.iterdir()) == ([path] if existed else [])
    if existed:
        assert path.read_bytes() == b"old"


def write_half(file: Any, mode: str, error: type[BaseException] = ZeroDivisionError) -> None:
    """Fail in the middle of writing."""
    file.write(b"half" if "b" in mode else "half")
    raise error


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_finished_file_is_whole_and_alone(files: AtomicLocalFileSystem, target: Path, mode: str) -> None:
    text = "가나다\n" * 10_000
    options = {} if "b" in mode else {"encoding": "utf-8"}
    with files.open(str(target), mode, **options) as file:
        file.write(text.encode() if "b" in mode else text)
    assert target.read_text(encoding="utf-8") == text
    assert list(target.parent.iterdir()) == [target]


def test_name_appears_only_when_the_file_is_closed(files: AtomicLocalFileSystem, target: Path) -> None:
    existed = target.exists()
    file = files.open(str(target), "wb")
    file.write(b"new")
    file.flush()
    assert target.exists() == existed
    if existed:
        assert target.read_bytes() == b"old"
    file.close()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_error_in_the_middle_leaves_nothing_half_written(
    files: AtomicLocalFileSystem, target: Path, mode: str, error: type[BaseException]
) -> None:
    existed = target.exists()
    with pytest.raises(error), files.open(str(target), mode) as file:
        write_half(file, mode, error)
    require_untouched(target, existed)


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_file_closed_while_an_error_passes_leaves_nothing(
    files: AtomicLocalFileSystem, target: Path, mode: str
) -> None:
    existed = target.exists()
    file = files.open(str(target), mode)
    with pytest.raises(ZeroDivisionError), contextlib.closing(file):
        write_half(file, mode)
    require_untouched(target, existed)


def test_file_dropped_by_an_error_without_being_closed_leaves_nothing(
    files: AtomicLocalFileSystem, target: Path
) -> None:
    existed = target.exists()

    with contextlib.suppress(ZeroDivisionError):
        write_half(files.open(str(target), "wb"), "wb")
    require_untouched(target, existed)


def write_to(disk: type[io.FileIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """Put another class below the writer, in place of ``io.FileIO``."""
    monkeypatch.setattr(atomic_files, "AtomicWriter", type("Writer", (AtomicWriter, disk), {}))


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_full_disk_leaves_nothing_half_written_even_if_the_error_is_swallowed(
    files: AtomicLocalFileSystem, target: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    existed = target.exists()
    n_writes = 0

    class FullDisk(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal n_writes
            n_writes += 1
            if n_writes > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:3])  # a disk that is nearly full takes a part

    write_to(FullDisk, monkeypatch)
    file = files.open(str(target), mode)
    caught = []
    for step in (lambda: file.write(b"half of it" if "b" in mode else "half of it" * 9000), file.flush, file.close):
        try:
            step()
        except OSError as error:
            caught.append(error.errno)
    assert set(caught) == {errno.ENOSPC}
    require_untouched(target, existed)


def test_failing_sync_leaves_nothing(
    files: AtomicLocalFileSystem, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    existed = target.exists()
    file = files.open(str(target), "wb")
    file.write(b"x")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        file.close()
    require_untouched(target, existed)


def test_short_writes_are_continued_until_all_is_written(
    files: AtomicLocalFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ShortWrites(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:7])

    write_to(ShortWrites, monkeypatch)
    data = bytes(range(256))
    with files.open(str(tmp_path / "a"), "wb") as file:
        assert file.write(data) == len(data)
    assert (tmp_path / "a").read_bytes() == data


def test_file_that_cannot_take_its_name_leaves_nothing_beside_it(files: AtomicLocalFileSystem, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"), files.open(str(tmp_path / "folder"), "wb") as file:
        file.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


KILLED = """
import sys, time
from podium import atomic_files
from podium.atomic_files import AtomicLocalFileSystem
file = AtomicLocalFileSystem().open(sys.argv[1], "wb")
file.write(b"half")
file.flush()
print("written", flush=True)
time.sleep(60)
"""


def test_kill_in_the_middle_leaves_the_old_file_untouched(target: Path) -> None:
    existed = target.exists()
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target)],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert target.exists() == existed
    if existed:
        assert target.read_bytes() == b"old"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(files: AtomicLocalFileSystem, tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    get_umask.cache_clear()  # fsspec asks once a process
    try:
        with files.open(str(tmp_path / "a"), "wb") as file:
            file.write(b"x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
        get_umask.cache_clear()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@pytest.mark.parametrize("name", ["가" * 80, "a" * 250, ".hidden", "no extension", "점.이.많은.이름"], ids=range(5))
def test_any_name_that_the_disk_takes_can_be_written(files: AtomicLocalFileSystem, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"the disk takes it")
    with files.open(str(tmp_path / name), "wb") as file:
        file.write(b"x")
    assert (tmp_path / name).read_bytes() == b"x"


def test_writer_opened_and_closed_while_an_older_error_is_handled_keeps_its_file(
    files: AtomicLocalFileSystem, tmp_path: Path
) -> None:
    try:
        raise KeyError("older")
    except KeyError:
        with files.open(str(tmp_path / "a"), "wb") as file:
            file.write(b"kept")
    assert (tmp_path / "a").read_bytes() == b"kept"


def test_transaction_keeps_all_files_or_none(files: AtomicLocalFileSystem, tmp_path: Path) -> None:
    with files.transaction:
        for name in ("a", "b"):
            with files.open(str(tmp_path / name), "wb") as file:
                file.write(name.encode())
        assert not (tmp_path / "a").exists()
    assert [(tmp_path / name).read_bytes() for name in ("a", "b")] == [b"a", b"b"]
    with pytest.raises(ZeroDivisionError), files.transaction, files.open(str(tmp_path / "a"), "wb") as file:
        write_half(file, "wb")
    assert (tmp_path / "a").read_bytes() == b"a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_lightning_saves_checkpoints_whole(
    atomic_writing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from lightning.fabric.utilities.cloud_io import _atomic_save, _load

    renamed = spy_on_renames(monkeypatch)
    _atomic_save({"weight": torch.arange(5)}, str(tmp_path / "last.ckpt"))
    assert renamed == [str(tmp_path / "last.ckpt")]
    assert _load(str(tmp_path / "last.ckpt"), weights_only=True)["weight"].tolist() == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def spy_on_renames(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    renamed: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (renamed.append(str(new)), replace(old, new))[1])
    return renamed


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("compression", ["gzip", "infer"])
@pytest.mark.parametrize("way", ["directly", "in a transaction", "by fsspec"])
def test_compressed_file_is_written_and_read(
    atomic_writing: None, files: AtomicLocalFileSystem, target: Path, mode: str, compression: str, way: str
) -> None:
    path = str(target.with_suffix(".gz"))
    text = "가나다" * 10_000
    opener = fsspec.open if way == "by fsspec" else files.open
    around = files.transaction if way == "in a transaction" else contextlib.nullcontext()
    with around, opener(path, mode, compression=compression) as file:
        file.write(text.encode() if "b" in mode else text)
    assert gzip.decompress(Path(path).read_bytes()).decode() == text
    with opener(path, mode.replace("w", "r"), compression=compression) as file:
        assert file.read() == (text.encode() if "b" in mode else text)
    assert not [file for file in target.parent.iterdir() if file.suffix == atomic_files.PARTIAL_SUFFIX]


def test_reading_and_appending_work_as_before(files: AtomicLocalFileSystem, tmp_path: Path) -> None:
    plain = str(tmp_path / "b.txt")
    with files.open(plain, "wb") as file:
        file.write(b"one")
    with files.open(plain, "ab") as file:
        file.write(b" two")
    with files.open(plain, "rb") as file:
        assert file.read() == b"one two"


def test_missing_folder_is_made_where_that_is_asked_for(tmp_path: Path) -> None:
    files = AtomicLocalFileSystem(auto_mkdir=True, skip_instance_cache=True)
    with files.open(str(tmp_path / "새" / "폴더" / "a"), "wb") as file:
        file.write(b"x")
    assert (tmp_path / "새" / "폴더" / "a").read_bytes() == b"x"


def make_data() -> dict[str, Any]:
    import plotly.graph_objects as go
    import torch
    from matplotlib.figure import Figure

    table = pd.DataFrame({"image_id": ["가"], "fold": [0]})
    return {
        "pandas.CSVDataset": table,
        "pandas.ParquetDataset": table,
        "json.JSONDataset": {"a": 1},
        "podium.datasets.optional_json.OptionalJSONDataset": {"a": 1},
        "plotly.JSONDataset": go.Figure(),
        "matplotlib.MatplotlibDataset": Figure(),
        "podium.datasets.optional_table.OptionalTableDataset": table,
        "podium.datasets.submission.SubmissionDataset": table,
        "podium.datasets.weights.WeightsDataset": {"tensors": {"w": torch.ones(2)}, "header": {}},
        "podium.datasets.onnx_file.OnnxFileDataset": "가".encode(),
        "text.TextDataset": "<p>가</p>",
        "yaml.YAMLDataset": {"a": 1},
    }


@pytest.mark.parametrize("kind", make_data())
def test_every_dataset_of_the_catalog_is_written_beside_and_renamed(
    atomic_writing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = (tmp_path / "결과.bin").as_posix()
    catalog = DataCatalog.from_config({"result": {"type": kind, "filepath": path}})
    renamed = spy_on_renames(monkeypatch)
    catalog.save("result", make_data()[kind])
    assert renamed == [path]


def test_list_above_names_every_type_of_dataset_in_the_catalog() -> None:
    import yaml

    folder = Path(__file__).parents[1] / "conf" / "base" / "catalog"
    kinds = set()
    for file in folder.glob("*.yml"):
        for name, entry in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).items():
            if not name.startswith("_"):
                dataset = entry.get("dataset", entry)
                kinds.add(dataset if isinstance(dataset, str) else dataset["type"])
    never_saved = {
        "MemoryDataset",
        "podium.datasets.finished_folds.FinishedFoldsDataset",
        "podium.datasets.last_ensemble.LastEnsembleDataset",
        "podium.datasets.past_submissions.PastSubmissionsDataset",
        "podium.datasets.teammates.TeammateAnswersDataset",
        "podium.datasets.teammates.TeammateMembersDataset",
        "podium.datasets.trained_members.TrainedMembersDataset",
    }
    folders = {"podium.datasets.link_folders.LinkFoldersDataset", "podium.datasets.packed_model.PackedModelDataset"}
    # Those are swapped in whole; tests/datasets has the proof
    assert kinds - never_saved - folders == set(make_data())


def test_registration_covers_both_names_of_local_files(atomic_writing: None) -> None:
    assert fsspec.get_filesystem_class("file") is AtomicLocalFileSystem
    assert fsspec.get_filesystem_class("local") is AtomicLocalFileSystem
    assert issubclass(AtomicLocalFileSystem, LocalFileSystem)


def test_small_file_is_replaced_whole_and_stays_when_there_is_no_room(small_disk: SmallDisk) -> None:
    path = small_disk.mount(512) / "파일"
    write_whole(path, b"first")
    write_whole(path, b"second")
    assert path.read_bytes() == b"second"
    small_disk.fill()
    with pytest.raises(OSError, match="No space"):
        write_whole(path, bytes(10**6))
    assert path.read_bytes() == b"second"
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []
