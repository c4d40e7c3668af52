"""The store stays whole under kills, full disks, lost rows and two writers at once."""

import errno
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import podium
from podium import locks
from podium.errors import InputError
from podium.vision import store_filler, store_index, store_writer
from podium.vision.decoding import decode_image
from podium.vision.image_store import ImageStore
from vision.drawn_competition import ROW_BYTES, SPEC, DrawnCompetition, fail_after, resize_plainly, write_bad_files

KILLED_FILL = """
import os, signal, sys
from pathlib import Path
from podium.vision import store_filler, store_writer
from podium.vision.image_store import fill_store
from podium.vision.input_spec import InputSpec

store_filler._BATCH_IMAGES, store_writer._COMMIT_EVERY_FILES = 2, 4
write, calls = store_writer.write_index, []

def kill_second(*arguments):
    calls.append(0)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)

if sys.argv[1] == "kill":
    store_writer.write_index = kill_second
spec = InputSpec(12, 16, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
settings = {"spec": spec, "max_pixels": 10**6, "n_jobs": 2, "progress": False}
fill_store(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:], **settings)
"""


def start_fill(competition: DrawnCompetition, paths: list[str], mode: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(podium.__file__).parents[1])}
    arguments = [mode, str(competition.store), str(competition.root), *paths]
    return subprocess.Popen([sys.executable, "-c", KILLED_FILL, *arguments], env=environment)


def test_kill_between_pixels_and_index_loses_one_chunk_only(competition: DrawnCompetition, ten: list[str]) -> None:
    assert start_fill(competition, ten, "kill").wait(60) == -signal.SIGKILL
    assert competition.find_pixels().stat().st_size == 8 * ROW_BYTES  # four rows ahead of the index
    assert ImageStore(competition.store).n_rows == len(competition.read_index()) == 4
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (6, 4)
    competition.check(filled)
    assert competition.find_pixels().stat().st_size == 10 * ROW_BYTES


def test_two_processes_fill_one_store_without_harm(competition: DrawnCompetition, ten: list[str]) -> None:
    both = [start_fill(competition, paths, "run") for paths in (ten[:7], list(reversed(ten[3:])))]
    assert [process.wait(60) for process in both] == [0, 0]
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (0, 10)
    competition.check(filled)
    assert ImageStore(competition.store).n_rows == 10


def test_second_filler_waits_for_the_first(
    competition: DrawnCompetition, ten: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    competition.fill(ten[:1])
    with caplog.at_level("INFO", "podium"), ThreadPoolExecutor(1) as pool:
        with locks.hold_file(competition.store / store_writer.LOCK_NAME, "x"):
            second = pool.submit(competition.fill, ten)
            with pytest.raises(TimeoutError):
                second.result(0.3)
            assert competition.n_calls == 1
        assert second.result(30).n_decoded == 9
    assert "waiting for another process" in caplog.text


def test_disk_without_locks_is_told(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks.fcntl, "flock", fail_after(0, errno.ENOLCK))
    competition.check(competition.fill(ten))
    assert "let one process at a time write there" in caplog.text


def test_torn_tail_is_written_over(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten[:4])
    with competition.find_pixels().open("ab") as file:
        file.write(b"\7" * (ROW_BYTES + 100))
    assert ImageStore(competition.store).n_rows == 4
    competition.check(competition.fill(ten))
    assert competition.find_pixels().stat().st_size == 10 * ROW_BYTES


@pytest.mark.parametrize("n_left", [0, 4, 9])
def test_lost_rows_are_decoded_again(competition: DrawnCompetition, ten: list[str], n_left: int) -> None:
    write_bad_files(competition.root)
    competition.fill(["text.jpg", *ten])
    os.truncate(competition.find_pixels(), n_left * ROW_BYTES + 5)
    filled = competition.fill(["text.jpg", *ten])
    assert (filled.n_decoded, filled.n_reused) == (10 - n_left, 1 + n_left)  # the bad one never had a row
    competition.check(filled)


def test_lost_rows_are_struck_from_the_index_even_when_nobody_asks_for_them(
    competition: DrawnCompetition, ten: list[str]
) -> None:
    competition.fill(ten)
    os.truncate(competition.find_pixels(), 6 * ROW_BYTES)
    competition.check(competition.fill(ten[:2]))
    assert len(competition.read_index()) == ImageStore(competition.store).n_rows == 6


def test_unused_rows_are_dropped_once_they_are_more_than_half(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    for path in ten[:5]:
        (competition.root / path).unlink()
    competition.fill(ten[5:])
    assert ImageStore(competition.store).n_rows == 10  # just half: not worth a copy
    (competition.root / ten[5]).unlink()
    early = ImageStore(competition.store)
    filled = competition.fill(ten[6:])
    assert filled.n_decoded == 0
    competition.check(filled)
    assert competition.find_pixels().stat().st_size == 4 * ROW_BYTES
    np.testing.assert_array_equal(  # who had the old file open still reads the right rows
        early.read_rows(np.array([9]))[0],
        resize_plainly(decode_image((competition.root / ten[9]).read_bytes(), 10**6)),
    )
    with pytest.raises(InputError, match="rewritten"):
        early.rows_of(filled.table["sha256"])
    with pytest.raises(InputError, match="run ingestion again"):
        pickle.loads(pickle.dumps(early))


def test_rows_go_on_after_dropping_unused_ones(competition: DrawnCompetition, ten: list[str]) -> None:
    write_bad_files(competition.root)
    competition.fill([*ten[:8], "text.jpg"])
    for path in ten[:6]:
        (competition.root / path).unlink()
    competition.fill([*ten[6:8], "text.jpg"])
    filled = competition.fill([*ten[6:], "text.jpg"])
    assert (filled.n_decoded, filled.n_reused) == (2, 3)
    competition.check(filled)


@pytest.mark.parametrize("n_calls", [0, 5])
def test_full_disk_leaves_a_new_store_empty(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch, n_calls: int
) -> None:
    monkeypatch.setattr(store_writer, "_write_whole", fail_after(n_calls, errno.ENOSPC, store_writer._write_whole))
    with pytest.raises(InputError, match="No space left on device; free some space") as caught:
        competition.fill(ten)
    assert str(competition.store) in caught.value.cases[0]
    assert [file.name for file in competition.store.iterdir()] == ["lock"]


@pytest.mark.parametrize("step", ["_write_whole", "write_index"])
def test_full_disk_leaves_an_old_store_as_it_was(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = competition.fill(ten[:4])
    index = (competition.store / "index.parquet").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(store_writer, step, fail_after(0, errno.ENOSPC))
        with pytest.raises(InputError, match="cannot be written"):
            competition.fill(ten)
    assert (competition.store / "index.parquet").read_bytes() == index
    assert competition.find_pixels().stat().st_size == 4 * ROW_BYTES
    competition.check(before)
    assert competition.fill(ten).n_reused == 4


def test_unfinished_index_is_removed(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.fill(ten[:4])
    with monkeypatch.context() as patch:
        patch.setattr(store_index.pq, "write_table", fail_after(0, errno.ENOSPC))
        with pytest.raises(InputError, match="No space left"):
            competition.fill(ten)
    assert sorted(file.name for file in competition.store.iterdir()) == ["index.parquet", "lock", "pixels-0.u8"]
    assert competition.fill(ten).n_reused == 4


def test_full_disk_while_dropping_rows_leaves_the_store_whole(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    competition.fill(ten)
    for path in ten[:8]:
        (competition.root / path).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(store_writer, "_write_whole", fail_after(1, errno.ENOSPC, store_writer._write_whole))
        competition.check(competition.fill(ten[8:]))
    assert "could not be compacted" in caplog.text
    assert competition.find_pixels().stat().st_size == 10 * ROW_BYTES
    competition.check(competition.fill(ten[8:]))
    assert competition.find_pixels().stat().st_size == 2 * ROW_BYTES


def test_interrupt_leaves_the_last_commit(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_filler, "_BATCH_IMAGES", 2)
    monkeypatch.setattr(store_writer, "_COMMIT_EVERY_FILES", 4)
    calls: list[str] = []

    def interrupt(read: Any, content: Any) -> None:
        calls.append(read)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        append = store_writer.StoreWriter.append
        patch.setattr(store_writer.StoreWriter, "append", lambda self, new: (append(self, new), interrupt("", new)))
        with pytest.raises(KeyboardInterrupt):
            competition.fill(ten)
    assert competition.find_pixels().stat().st_size == 4 * ROW_BYTES
    filled = competition.fill(ten)
    assert filled.n_reused == 4
    competition.check(filled)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_forbidden_folder_is_named(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "mkdir", fail_after(0, code))
    with pytest.raises(InputError, match=f"{os.strerror(code)}; make it writable, or choose another folder"):
        competition.fill(ten)


@pytest.mark.parametrize("depth", [0, 1])
def test_file_in_the_place_of_the_folder_is_named(competition: DrawnCompetition, ten: list[str], depth: int) -> None:
    blocked = [competition.store, competition.store.parent][depth]
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    with pytest.raises(InputError, match="choose another folder"):
        competition.fill(ten)
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        ({"height_px": 16, "width_px": 12}, "16x12-stretch-bicubic"),
        ({"resize": "pad"}, "12x16-pad-bicubic"),
        ({"interpolation": "nearest"}, "12x16-stretch-nearest"),
        ({"center_crop_px": (9, 8)}, "12x16-stretch-bicubic-center9x8"),
    ],
)
def test_folder_with_another_kind_of_store_is_refused(
    competition: DrawnCompetition, ten: list[str], other: dict[str, Any], kind: str
) -> None:
    before = competition.fill(ten)
    with pytest.raises(InputError, match=f"holds 12x16-stretch-bicubic, asked for {kind};"):
        competition.fill(ten, spec=replace(SPEC, **other))
    competition.check(before)
