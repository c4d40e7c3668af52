"""The store against files decoded one by one, under changes, kills, full disks and two writers at once."""

import errno
import hashlib
import os
import pickle
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import podium
from podium.errors import InputError
from podium.vision import image_store
from podium.vision.decoding import decode_image, hash_perceptually, resize_image
from podium.vision.image_store import Filled, ImageStore, fill_store

SIZE_PX = (12, 16)
ROW_BYTES = 12 * 16 * 3


class Competition:
    """A folder of pictures, a store beside it, and a count of what was decoded."""

    def __init__(self, folder: Path):
        self.root, self.store = folder / "대회", folder / "store" / "12x16-stretch"
        self.calls: list[int] = []  # one entry a decoded image; appending is safe from threads

    @property
    def n_calls(self) -> int:
        return len(self.calls)

    def draw(self, path: str, seed: int, shape: tuple[int, int] = (30, 40)) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        return path

    def fill(self, paths: list[str], **options: Any) -> Filled:
        settings = {"size_px": SIZE_PX, "resize": "stretch", "max_pixels": 10**6, "n_jobs": 2, "progress": False}
        return fill_store(self.store, self.root, paths, **{**settings, **options})

    def check(self, filled: Filled) -> None:
        """Compare every readable file of a result with the file itself."""
        good = filled.table[filled.table["error"].isna()]
        store = ImageStore(self.store)
        rows = store.rows_of(good["sha256"])
        for row, file in zip(rows, good.itertuples(), strict=True):
            data = (self.root / file.path).read_bytes()
            image = decode_image(data, 10**9)
            assert file.sha256 == hashlib.sha256(data).hexdigest()
            assert (file.height_px, file.width_px, file.n_bytes) == (*image.shape[:2], len(data))
            assert file.perceptual_hash == hash_perceptually(image)
            np.testing.assert_array_equal(store.pixels[row], resize_image(image, SIZE_PX, "stretch"))

    def read_index(self) -> pd.DataFrame:
        return pq.read_table(self.store / "index.parquet").to_pandas()

    def find_pixels(self) -> Path:
        (file,) = self.store.glob("pixels-*.u8")
        return file


@pytest.fixture
def competition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Competition:
    made = Competition(tmp_path)

    def count(data: bytes, max_pixels: int) -> np.ndarray:
        made.calls.append(len(data))
        return decode_image(data, max_pixels)

    monkeypatch.setattr(image_store, "decode_image", count)
    return made


@pytest.fixture
def ten(competition: Competition) -> list[str]:
    """Ten different pictures, drawn."""
    return [competition.draw(f"train/{number}.png", number) for number in range(10)]


def test_rows_hold_what_each_file_decodes_to(competition: Competition, ten: list[str]) -> None:
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused, competition.n_calls) == (10, 0, 10)
    competition.check(filled)
    assert {str(kind) for kind in filled.table.dtypes} == {"str", "Int64"}


def test_result_has_one_row_a_path_in_the_order_asked_for(competition: Competition, ten: list[str]) -> None:
    asked = [*reversed(ten), ten[3]]
    filled = competition.fill(asked)
    assert filled.table["path"].tolist() == asked
    assert competition.n_calls == 10
    competition.check(filled)


def test_second_fill_opens_nothing_and_writes_nothing(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = competition.fill(ten)
    written = [(file, file.stat().st_mtime_ns) for file in sorted(competition.store.glob("*.*"))]
    monkeypatch.setattr(image_store, "_read_file", lambda path: pytest.fail("opened"))
    second = competition.fill(ten)
    assert (second.n_decoded, second.n_reused, competition.n_calls) == (0, 10, 10)
    pd.testing.assert_frame_equal(second.table, first.table)
    assert [(file, file.stat().st_mtime_ns) for file in sorted(competition.store.glob("*.*"))] == written


def test_number_of_threads_and_batches_changes_nothing(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (competition.root / "train/bad.png").write_bytes(b"text")
    paths = [*ten, "train/bad.png", competition.draw("train/twin.png", 4)]
    one = competition.fill(paths, n_jobs=1)
    alone = ImageStore(competition.store)
    competition.store = competition.store.with_name("other")
    monkeypatch.setattr(image_store, "_BATCH_IMAGES", 3)
    four = competition.fill(list(reversed(paths)), n_jobs=4)
    together = ImageStore(competition.store)
    pd.testing.assert_frame_equal(four.table[::-1].reset_index(drop=True), one.table)
    assert (four.n_decoded, four.n_reused) == (one.n_decoded, one.n_reused) == (11, 1)
    shas = one.table["sha256"][one.table["error"].isna()]
    np.testing.assert_array_equal(together.pixels[together.rows_of(shas)], alone.pixels[alone.rows_of(shas)])


def test_batches_keep_files_and_rows_within_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_store, "_BATCH_BYTES", 100)
    monkeypatch.setattr(image_store, "_BATCH_IMAGES", 4)
    sizes = [10, 70, 500, 5, 5, 5, 5, 5]
    todo = {str(at): image_store._Stamp(size, 0, 0) for at, size in enumerate(sizes)}
    batches = list(image_store._cut_batches(todo, row_bytes=10))
    assert batches == [["0", "1"], ["2"], ["3", "4", "5", "6"], ["7"]]


def test_touched_file_is_hashed_but_not_decoded(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    os.utime(competition.root / ten[0], ns=(0, 12345))
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (0, 10)
    stamps = competition.read_index().set_index("path")["mtime_ns"]
    assert stamps[ten[0]] == 12345


def test_renamed_file_is_not_decoded_again(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    (competition.root / ten[0]).rename(competition.root / "train/new name.png")
    filled = competition.fill(["train/new name.png", *ten[1:]])
    assert (filled.n_decoded, filled.n_reused) == (0, 10)
    competition.check(filled)
    assert ten[0] not in set(competition.read_index()["path"])


def test_equal_files_share_a_row(competition: Competition) -> None:
    paths = [competition.draw(f"{number}.png", seed=1) for number in range(5)]
    filled = competition.fill(paths)
    assert (filled.n_decoded, filled.n_reused, competition.n_calls) == (1, 4, 1)
    assert ImageStore(competition.store).pixels.shape == (1, *SIZE_PX, 3)


def test_changed_file_is_decoded_again(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    competition.draw(ten[2], seed=99)
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (1, 9)
    competition.check(filled)


def test_file_put_in_place_with_the_old_time_and_size_is_noticed(competition: Competition) -> None:
    file = competition.root / "a.bmp"
    competition.root.mkdir()
    Image.new("RGB", (20, 20), "red").save(file)
    before = file.stat()
    competition.fill(["a.bmp"])
    Image.new("RGB", (20, 20), "blue").save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    competition.check(competition.fill(["a.bmp"]))


def test_files_not_asked_for_stay_known_until_they_vanish(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    (competition.root / ten[9]).unlink()
    assert competition.fill(ten[:2]).n_reused == 2
    assert set(competition.read_index()["path"]) == set(ten[:9])
    assert competition.fill(ten[:9]).n_decoded == 0


def make_bad_files(root: Path) -> dict[str, str]:
    """Write one file of each kind of fault; give the beginnings of the reasons."""
    root.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    png = cv2.imencode(".png", noise)[1].tobytes()
    contents = {
        "empty.jpg": (b"", "empty file"),
        "short.jpg": (jpeg[: len(jpeg) // 2], "truncated: "),
        "short.png": (png[: len(png) // 2], "truncated: "),
        "text.jpg": (b"a letter", "not an image"),
        "damaged.png": (png[:200] + b"!" + png[201:], "damaged: "),
        "large.png": (cv2.imencode(".png", np.zeros((1001, 1000), np.uint8))[1].tobytes(), "is 1000 x 1001 px"),
    }
    for name, (data, _) in contents.items():
        (root / name).write_bytes(data)
    return {name: reason for name, (_, reason) in contents.items()}


def test_bad_files_are_named_and_remembered(competition: Competition, ten: list[str]) -> None:
    reasons = make_bad_files(competition.root)
    (competition.root / "folder.jpg").mkdir()
    os.mkfifo(competition.root / "pipe.jpg")
    unread = {"missing.jpg": "missing: ", "folder.jpg": "cannot be read: ", "pipe.jpg": "cannot be read: "}
    first = competition.fill([*ten, *reasons, *unread])
    errors = first.table.set_index("path")["error"]
    assert errors[ten].isna().all()
    assert all(errors[path].startswith(reason) for path, reason in {**reasons, **unread}.items())
    assert (first.n_decoded, first.n_reused) == (16, 0)
    facts = first.table.set_index("path")[["width_px", "height_px", "perceptual_hash"]]
    assert facts.loc[[*reasons, *unread]].isna().all(axis=None)
    competition.check(first)
    second = competition.fill([*ten, *reasons, *unread])
    assert (second.n_decoded, second.n_reused) == (0, 16)
    pd.testing.assert_frame_equal(second.table, first.table)


def test_mended_file_is_tried_again(competition: Competition) -> None:
    make_bad_files(competition.root)
    competition.fill(["empty.jpg"])
    competition.draw("empty.jpg", 3)
    filled = competition.fill(["empty.jpg"])
    assert filled.table["error"].isna().all()
    competition.check(filled)


def test_limit_of_pixels_counts_for_known_files_too(competition: Competition) -> None:
    small, large = competition.draw("small.png", 1, (10, 10)), competition.draw("large.png", 2, (50, 50))
    strict = competition.fill([small, large], max_pixels=1000)
    assert strict.table["error"].notna().tolist() == [False, True]
    loose = competition.fill([small, large], max_pixels=2500)
    assert (loose.n_decoded, loose.n_reused) == (1, 1)
    competition.check(loose)
    again = competition.fill([small, large], max_pixels=1000)
    pd.testing.assert_frame_equal(again.table, strict.table)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_korean_names_are_stored_as_they_are_spelt(competition: Competition, form: Any) -> None:
    path = competition.draw(unicodedata.normalize(form, "훈련/가면 쓴 사람.png"), 1)
    competition.fill([path])
    assert competition.read_index()["path"].tolist() == [path]
    assert competition.fill([path]).n_reused == 1


def test_progress_is_shown_only_when_there_is_something_to_do(
    competition: Competition, ten: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    competition.fill(ten[:5], progress=False)
    assert capsys.readouterr() == ("", "")
    competition.fill(ten, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
    competition.fill(ten, progress=True)
    assert capsys.readouterr() == ("", "")


def test_counts_are_logged_in_one_line(
    competition: Competition, ten: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "podium"):
        competition.fill([*ten, "missing.png"])
    assert caplog.messages == ["image store 12x16-stretch: 11 images: 10 decoded, 0 known before; 1 unreadable"]


def test_empty_competition_makes_an_empty_store(competition: Competition) -> None:
    filled = competition.fill([])
    assert len(filled.table) == 0
    store = ImageStore(competition.store)
    assert store.pixels.shape == (0, *SIZE_PX, 3)
    assert store.rows_of([]).dtype == np.int64


KILLED_FILL = """
import os, signal, sys
from pathlib import Path
from podium.vision import image_store

image_store._BATCH_IMAGES, image_store._COMMIT_EVERY_IMAGES = 2, 4
write, calls = image_store._write_index, []

def kill_second(*arguments):
    calls.append(0)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)

if sys.argv[1] == "kill":
    image_store._write_index = kill_second
image_store.fill_store(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:], (12, 16), "stretch", 10**6, 2, False)
"""


def start_fill(competition: Competition, paths: list[str], mode: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(podium.__file__).parents[1])}
    arguments = [mode, str(competition.store), str(competition.root), *paths]
    return subprocess.Popen([sys.executable, "-c", KILLED_FILL, *arguments], env=environment)


def test_kill_between_pixels_and_index_loses_one_chunk_only(competition: Competition, ten: list[str]) -> None:
    assert start_fill(competition, ten, "kill").wait(60) == -signal.SIGKILL
    assert competition.find_pixels().stat().st_size == 8 * ROW_BYTES  # four rows ahead of the index
    assert ImageStore(competition.store).pixels.shape[0] == len(competition.read_index()) == 4
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (6, 4)
    competition.check(filled)
    assert competition.find_pixels().stat().st_size == 10 * ROW_BYTES


def test_two_processes_fill_one_store_without_harm(competition: Competition, ten: list[str]) -> None:
    both = [start_fill(competition, paths, "run") for paths in (ten[:7], list(reversed(ten[3:])))]
    assert [process.wait(60) for process in both] == [0, 0]
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (0, 10)
    competition.check(filled)
    assert ImageStore(competition.store).pixels.shape[0] == 10


def test_second_filler_waits_for_the_first(
    competition: Competition, ten: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    competition.fill(ten[:1])
    with caplog.at_level("INFO", "podium"), ThreadPoolExecutor(1) as pool:
        with image_store._locked(competition.store):
            second = pool.submit(competition.fill, ten)
            with pytest.raises(TimeoutError):
                second.result(0.3)
            assert competition.n_calls == 1
        assert second.result(30).n_decoded == 9
    assert "waiting for another process" in caplog.text


def test_disk_without_locks_is_told(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(image_store.fcntl, "flock", fail_after(0, errno.ENOLCK))
    competition.check(competition.fill(ten))
    assert "fill it from one process at a time" in caplog.text


def test_torn_tail_is_written_over(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten[:4])
    with competition.find_pixels().open("ab") as file:
        file.write(b"\7" * (ROW_BYTES + 100))
    assert ImageStore(competition.store).pixels.shape[0] == 4
    competition.check(competition.fill(ten))
    assert competition.find_pixels().stat().st_size == 10 * ROW_BYTES


@pytest.mark.parametrize("n_left", [0, 4, 9])
def test_lost_rows_are_decoded_again(competition: Competition, ten: list[str], n_left: int) -> None:
    competition.fill(ten)
    os.truncate(competition.find_pixels(), n_left * ROW_BYTES + 5)
    filled = competition.fill(ten)
    assert filled.n_decoded == 10 - n_left
    competition.check(filled)


def test_lost_pixel_file_is_noticed_by_readers_and_made_anew(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    competition.find_pixels().unlink()
    with pytest.raises(InputError, match="run ingestion again"):
        ImageStore(competition.store)
    competition.check(competition.fill(ten))


@pytest.mark.parametrize("damage", [b"", b"PAR1 no table", b"PAR1" + bytes(500) + b"PAR1"])
def test_damaged_index_is_named_to_readers_and_made_anew(
    competition: Competition, ten: list[str], damage: bytes
) -> None:
    competition.fill(ten)
    (competition.store / "index.parquet").write_bytes(damage)
    with pytest.raises(InputError, match="run ingestion again"):
        ImageStore(competition.store)
    filled = competition.fill(ten)
    assert filled.n_decoded == 10
    competition.check(filled)


def test_store_of_another_version_is_made_anew(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.fill(ten)
    monkeypatch.setattr(image_store, "_VERSION", 2)
    with pytest.raises(InputError, match="made by version 1, this is 2"):
        ImageStore(competition.store)
    assert competition.fill(ten).n_decoded == 10
    competition.check(competition.fill(ten))


def test_unused_rows_are_dropped_once_they_are_more_than_half(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    for path in ten[:5]:
        (competition.root / path).unlink()
    competition.fill(ten[5:])
    assert ImageStore(competition.store).pixels.shape[0] == 10  # just half: not worth a copy
    (competition.root / ten[5]).unlink()
    early = ImageStore(competition.store)
    filled = competition.fill(ten[6:])
    assert filled.n_decoded == 0
    competition.check(filled)
    assert competition.find_pixels().stat().st_size == 4 * ROW_BYTES
    np.testing.assert_array_equal(  # who had the old file open still reads the right rows
        early.pixels[9], resize_image(decode_image((competition.root / ten[9]).read_bytes(), 10**6), SIZE_PX, "stretch")
    )
    with pytest.raises(InputError, match="rewritten"):
        early.rows_of(filled.table["sha256"])
    with pytest.raises(InputError, match="run ingestion again"):
        pickle.loads(pickle.dumps(early))


def test_rows_go_on_after_dropping_unused_ones(competition: Competition, ten: list[str]) -> None:
    make_bad_files(competition.root)
    competition.fill([*ten[:8], "text.jpg"])
    for path in ten[:6]:
        (competition.root / path).unlink()
    competition.fill([*ten[6:8], "text.jpg"])
    filled = competition.fill([*ten[6:], "text.jpg"])
    assert (filled.n_decoded, filled.n_reused) == (2, 3)
    competition.check(filled)


def fail_after(n_calls: int, code: int, real: Callable[..., Any] | None = None) -> Callable[..., Any]:
    calls: list[int] = []

    def fail(*arguments: Any, **options: Any) -> Any:
        calls.append(0)
        if real is None or len(calls) > n_calls:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    return fail


@pytest.mark.parametrize("n_calls", [0, 5])
def test_full_disk_leaves_a_new_store_empty(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch, n_calls: int
) -> None:
    monkeypatch.setattr(image_store, "_write_whole", fail_after(n_calls, errno.ENOSPC, image_store._write_whole))
    with pytest.raises(InputError, match="No space left on device; free some space") as caught:
        competition.fill(ten)
    assert str(competition.store) in caught.value.cases[0]
    assert [file.name for file in competition.store.iterdir()] == ["lock"]


@pytest.mark.parametrize("step", ["_write_whole", "_write_index"])
def test_full_disk_leaves_an_old_store_as_it_was(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = competition.fill(ten[:4])
    index = (competition.store / "index.parquet").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(image_store, step, fail_after(0, errno.ENOSPC))
        with pytest.raises(InputError, match="cannot be written"):
            competition.fill(ten)
    assert (competition.store / "index.parquet").read_bytes() == index
    assert competition.find_pixels().stat().st_size == 4 * ROW_BYTES
    competition.check(before)
    assert competition.fill(ten).n_reused == 4


def test_index_is_replaced_as_a_whole(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.fill(ten[:4])
    with monkeypatch.context() as patch:
        patch.setattr(image_store.pq, "write_table", fail_after(0, errno.ENOSPC))
        with pytest.raises(InputError, match="No space left"):
            competition.fill(ten)
    assert sorted(file.name for file in competition.store.iterdir()) == ["index.parquet", "lock", "pixels-0.u8"]
    before = (competition.store / "index.parquet").read_bytes()
    with (competition.store / "index.parquet").open("rb") as reader:
        assert competition.fill(ten).n_reused == 4
        assert reader.read() == before  # who has the old one open still reads it whole


def test_full_disk_while_dropping_rows_leaves_the_store_whole(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    competition.fill(ten)
    for path in ten[:8]:
        (competition.root / path).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(image_store, "_write_whole", fail_after(1, errno.ENOSPC, image_store._write_whole))
        competition.check(competition.fill(ten[8:]))
    assert "could not be compacted" in caplog.text
    assert competition.find_pixels().stat().st_size == 10 * ROW_BYTES
    competition.check(competition.fill(ten[8:]))
    assert competition.find_pixels().stat().st_size == 2 * ROW_BYTES


def test_interrupt_leaves_the_last_commit(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_store, "_BATCH_IMAGES", 2)
    monkeypatch.setattr(image_store, "_COMMIT_EVERY_IMAGES", 4)
    calls: list[str] = []

    def interrupt(read: Any, content: Any) -> None:
        calls.append(read)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        append = image_store._Writer.append
        patch.setattr(image_store._Writer, "append", lambda self, new: (append(self, new), interrupt("", new)))
        with pytest.raises(KeyboardInterrupt):
            competition.fill(ten)
    assert competition.find_pixels().stat().st_size == 4 * ROW_BYTES
    filled = competition.fill(ten)
    assert filled.n_reused == 4
    competition.check(filled)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_forbidden_folder_is_named(
    competition: Competition, ten: list[str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "mkdir", fail_after(0, code))
    with pytest.raises(InputError, match=f"{os.strerror(code)}; make it writable, or choose another folder"):
        competition.fill(ten)


@pytest.mark.parametrize("depth", [0, 1])
def test_file_in_the_place_of_the_folder_is_named(competition: Competition, ten: list[str], depth: int) -> None:
    blocked = [competition.store, competition.store.parent][depth]
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way")
    with pytest.raises(InputError, match="choose another folder"):
        competition.fill(ten)
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize("other", [{"size_px": (16, 12)}, {"resize": "pad"}])
def test_folder_with_another_kind_of_store_is_refused(
    competition: Competition, ten: list[str], other: dict[str, Any]
) -> None:
    before = competition.fill(ten)
    with pytest.raises(InputError, match=r"holds 12 x 16 px \(stretch\), asked for 1\d x 1\d px"):
        competition.fill(ten, **other)
    competition.check(before)


def test_unknown_contents_are_listed(competition: Competition, ten: list[str]) -> None:
    make_bad_files(competition.root)
    filled = competition.fill([*ten, "text.jpg"])
    bad = filled.table["sha256"].iloc[-1]
    with pytest.raises(InputError) as caught:
        ImageStore(competition.store).rows_of([filled.table["sha256"][0], bad, "0" * 64])
    assert [case.split(":")[0] for case in caught.value.cases] == [f"sha256 {bad}", f"sha256 {'0' * 64}"]


def test_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run ingestion first"):
        ImageStore(tmp_path)


def test_store_travels_to_workers_without_its_pixels(competition: Competition, ten: list[str]) -> None:
    filled = competition.fill(ten)
    store = ImageStore(competition.store)
    rows = store.rows_of(filled.table["sha256"])
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    opened: ImageStore = pickle.loads(packed)
    assert opened.size_px == SIZE_PX
    assert isinstance(opened.pixels, np.memmap)
    np.testing.assert_array_equal(opened.pixels, store.pixels)
    np.testing.assert_array_equal(opened.rows_of(filled.table["sha256"]), rows)


def test_open_store_keeps_its_rows_while_it_grows(competition: Competition, ten: list[str]) -> None:
    first = competition.fill(ten[:3])
    store = ImageStore(competition.store)
    before = store.pixels.copy()
    grown = competition.fill(ten)
    np.testing.assert_array_equal(store.pixels, before)
    assert len(store.rows_of(first.table["sha256"])) == 3
    with pytest.raises(InputError):
        store.rows_of(grown.table["sha256"])


def test_pixels_cannot_be_written(competition: Competition, ten: list[str]) -> None:
    competition.fill(ten)
    with pytest.raises(ValueError, match="read-only"):
        ImageStore(competition.store).pixels[0] = 0


def test_threads_of_opencv_are_given_back(competition: Competition, ten: list[str]) -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        competition.fill(ten)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_real_photos_have_the_sizes_that_pillow_reads(real_data_root: Path, tmp_path: Path) -> None:
    root = real_data_root / "mask3_real"
    paths = [file.relative_to(root).as_posix() for file in sorted((root / "train").iterdir())]
    folder = tmp_path / "64x64-pad"
    filled = fill_store(folder, root, paths, (64, 64), "pad", 10**8, 2, False)
    assert filled.table["error"].isna().all()
    for file in filled.table.itertuples():
        with Image.open(root / file.path) as image:
            assert (file.width_px, file.height_px) == image.size
    assert ImageStore(folder).pixels.shape[0] == filled.table["sha256"].nunique()
