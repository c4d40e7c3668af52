"""Only what is new or changed is opened, only new content is decoded, and bad files say why."""

import os
import unicodedata
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from podium.vision import store_filler
from podium.vision.image_store import ImageStore
from podium.vision.source_files import FileStamp
from vision.drawn_competition import DrawnCompetition, write_bad_files


def test_second_fill_opens_nothing_and_writes_nothing(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = competition.fill(ten)
    written = [(file, file.stat().st_mtime_ns) for file in sorted(competition.store.glob("*.*"))]
    monkeypatch.setattr(store_filler, "read_file", lambda path: pytest.fail("opened"))
    second = competition.fill(ten)
    assert (second.n_decoded, second.n_reused, competition.n_calls) == (0, 10, 10)
    pd.testing.assert_frame_equal(second.table, first.table)
    assert [(file, file.stat().st_mtime_ns) for file in sorted(competition.store.glob("*.*"))] == written


def test_result_has_one_row_a_path_in_the_order_asked_for(competition: DrawnCompetition, ten: list[str]) -> None:
    asked = [*reversed(ten), ten[3]]
    filled = competition.fill(asked)
    assert filled.table["path"].tolist() == asked
    assert competition.n_calls == 10
    competition.check(filled)


def test_number_of_threads_and_batches_changes_nothing(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (competition.root / "train/bad.png").write_bytes(b"text")
    paths = [*ten, "train/bad.png", competition.draw("train/twin.png", 4)]
    one = competition.fill(paths, n_jobs=1)
    alone = ImageStore(competition.store)
    competition.store = competition.store.with_name("other")
    monkeypatch.setattr(store_filler, "_BATCH_IMAGES", 3)
    four = competition.fill(list(reversed(paths)), n_jobs=4)
    together = ImageStore(competition.store)
    pd.testing.assert_frame_equal(four.table[::-1].reset_index(drop=True), one.table)
    assert (four.n_decoded, four.n_reused) == (one.n_decoded, one.n_reused) == (11, 1)
    shas = one.table["sha256"][one.table["error"].isna()]
    np.testing.assert_array_equal(together.read_rows(together.rows_of(shas)), alone.read_rows(alone.rows_of(shas)))


def test_batches_keep_files_and_rows_within_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_filler, "_BATCH_BYTES", 100)
    monkeypatch.setattr(store_filler, "_BATCH_IMAGES", 4)
    sizes = [10, 70, 500, 5, 5, 5, 5, 5]
    todo = {str(at): FileStamp(size, 0, 0) for at, size in enumerate(sizes)}
    batches = list(store_filler._cut_batches(todo, row_bytes=10))
    assert batches == [["0", "1"], ["2"], ["3", "4", "5", "6"], ["7"]]


def test_touched_file_is_hashed_but_not_decoded(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    os.utime(competition.root / ten[0], ns=(0, 12345))
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (0, 10)
    stamps = competition.read_index().set_index("path")["mtime_ns"]
    assert stamps[ten[0]] == 12345


def test_renamed_file_is_not_decoded_again(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    (competition.root / ten[0]).rename(competition.root / "train/new name.png")
    filled = competition.fill(["train/new name.png", *ten[1:]])
    assert (filled.n_decoded, filled.n_reused) == (0, 10)
    competition.check(filled)
    assert ten[0] not in set(competition.read_index()["path"])


def test_equal_files_share_a_row(competition: DrawnCompetition) -> None:
    paths = [competition.draw(f"{number}.png", seed=1) for number in range(5)]
    filled = competition.fill(paths)
    assert (filled.n_decoded, filled.n_reused, competition.n_calls) == (1, 4, 1)
    assert ImageStore(competition.store).n_rows == 1


def test_changed_file_is_decoded_again(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    competition.draw(ten[2], seed=99)
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (1, 9)
    competition.check(filled)


def test_file_put_in_place_with_the_old_time_and_size_is_noticed(competition: DrawnCompetition) -> None:
    file = competition.root / "a.bmp"
    competition.root.mkdir()
    Image.new("RGB", (20, 20), "red").save(file)
    before = file.stat()
    competition.fill(["a.bmp"])
    Image.new("RGB", (20, 20), "blue").save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    competition.check(competition.fill(["a.bmp"]))


def test_files_not_asked_for_stay_known_until_they_vanish(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    (competition.root / ten[9]).unlink()
    assert competition.fill(ten[:2]).n_reused == 2
    assert set(competition.read_index()["path"]) == set(ten[:9])
    assert competition.fill(ten[:9]).n_decoded == 0


def test_bad_files_are_named_and_remembered(competition: DrawnCompetition, ten: list[str]) -> None:
    reasons = write_bad_files(competition.root)
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


def test_mended_file_is_tried_again(competition: DrawnCompetition) -> None:
    write_bad_files(competition.root)
    competition.fill(["empty.jpg"])
    competition.draw("empty.jpg", 3)
    filled = competition.fill(["empty.jpg"])
    assert filled.table["error"].isna().all()
    competition.check(filled)


def test_limit_of_pixels_counts_for_known_files_too(competition: DrawnCompetition) -> None:
    small, large = competition.draw("small.png", 1, (10, 10)), competition.draw("large.png", 2, (50, 50))
    strict = competition.fill([small, large], max_pixels=1000)
    assert strict.table["error"].notna().tolist() == [False, True]
    loose = competition.fill([small, large], max_pixels=2500)
    assert (loose.n_decoded, loose.n_reused) == (1, 1)
    competition.check(loose)
    again = competition.fill([small, large], max_pixels=1000)
    pd.testing.assert_frame_equal(again.table, strict.table)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_korean_names_are_stored_as_they_are_spelt(competition: DrawnCompetition, form: Any) -> None:
    path = competition.draw(unicodedata.normalize(form, "훈련/가면 쓴 사람.png"), 1)
    competition.fill([path])
    assert competition.read_index()["path"].tolist() == [path]
    assert competition.fill([path]).n_reused == 1


def test_progress_is_shown_only_when_there_is_something_to_do(
    competition: DrawnCompetition, ten: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    competition.fill(ten[:5], progress=False)
    assert capsys.readouterr() == ("", "")
    competition.fill(ten, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/5" in err
    competition.fill(ten, progress=True)
    assert capsys.readouterr() == ("", "")


def test_threads_of_opencv_are_given_back(competition: DrawnCompetition, ten: list[str]) -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        competition.fill(ten)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
