"""Each content is looked at once; nothing that was finished is lost, and nothing wrong is kept."""

import errno
import os
import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from podium.errors import InputError
from podium.survey import filler, shelf
from survey.conftest import Pictures

pytestmark = pytest.mark.usefixtures("quick_keypoints")


def test_second_fill_opens_nothing_and_writes_nothing(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pictures.fill(ten)
    written = [(part, part.stat().st_mtime_ns) for part in pictures.parts]
    monkeypatch.setattr(filler, "read_file", lambda path: pytest.fail("opened"))
    second = pictures.fill(ten)
    assert (first.n_measured, first.n_reused) == (10, 0)
    assert (second.n_measured, second.n_reused) == (0, 10)
    assert [(part, part.stat().st_mtime_ns) for part in pictures.parts] == written


def test_only_what_is_new_is_looked_at(pictures: Pictures, ten: dict[str, str]) -> None:
    pictures.fill(dict(list(ten.items())[:7]))
    filled = pictures.fill(ten)
    assert (filled.n_measured, filled.n_reused) == (3, 7)
    assert len(pictures.open().read_properties(list(ten))) == 10


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_number_of_threads_and_order_of_files_change_not_a_byte(
    pictures: Pictures, ten: dict[str, str], n_jobs: int
) -> None:
    pictures.fill(ten, n_jobs=2)
    before = {part.name: part.read_bytes() for part in pictures.parts}
    pictures.folder = pictures.folder.with_name("다른 조사")
    pictures.fill(dict(reversed(ten.items())), n_jobs=n_jobs)
    assert {part.name: part.read_bytes() for part in pictures.parts} == before


def stop_at(number: int, look: Callable[..., Any]) -> Callable[..., Any]:
    """Interrupt the pass at one picture, as Ctrl-C does."""
    calls = iter(range(1000))

    def interrupted(*args: Any) -> Any:
        if next(calls) == number:
            raise KeyboardInterrupt
        return look(*args)

    return interrupted


def test_kill_in_the_middle_loses_no_finished_part(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filler, "_PART_IMAGES", 3)
    with monkeypatch.context() as once:
        once.setattr(filler, "_look_at", stop_at(8, filler._look_at))
        with pytest.raises(KeyboardInterrupt):
            pictures.fill(ten, n_jobs=1)
    (pictures.folder / "draft.0123.new").write_bytes(b"half a part")
    kept = len(list(pictures.folder.glob("*.parquet"))) * 3
    assert kept >= 3
    filled = pictures.fill(ten)
    assert (filled.n_measured, filled.n_reused) == (10 - kept, kept)
    monkeypatch.undo()
    whole = Pictures(pictures.root, pictures.folder.with_name("한번에"))
    whole.fill(ten)
    pd.testing.assert_frame_equal(pictures.open().read_properties(list(ten)), whole.open().read_properties(list(ten)))


def test_draft_of_a_killed_run_goes_after_an_hour_and_that_of_a_running_one_stays(
    pictures: Pictures, ten: dict[str, str]
) -> None:
    pictures.folder.mkdir()
    dead, alive = pictures.folder / "draft.dead.new", pictures.folder / "draft.alive.new"
    for draft in (dead, alive):
        draft.write_bytes(b"half a part")
    os.utime(dead, (alive.stat().st_mtime - 4000,) * 2)
    pictures.fill(ten)
    assert [draft.name for draft in pictures.folder.glob("draft*")] == [alive.name]


def test_two_runs_that_write_at_the_same_time_leave_whole_parts(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    contents, fsync = list(ten), os.fsync

    def let_the_other_write(handle: int) -> None:
        """Let the second run write a whole part while the first one's draft is open."""
        monkeypatch.setattr(os, "fsync", fsync)
        pictures.fill({key: ten[key] for key in contents[5:]})
        fsync(handle)

    monkeypatch.setattr(os, "fsync", let_the_other_write)
    pictures.fill({key: ten[key] for key in contents[:5]})
    assert [part.suffix for part in pictures.parts] == [".parquet"] * 2
    assert all(shelf.check_part(part) for part in pictures.parts)
    assert len(pictures.open().read_properties(contents)) == 10


def test_part_that_cannot_be_written_leaves_no_draft(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match="survey cannot be written"):
        pictures.fill(ten)
    assert pictures.parts == []


def test_part_is_written_when_it_is_old_though_not_full(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filler, "_PART_S", 0.0)
    monkeypatch.setattr(filler, "_SPARE_PARTS", 99)
    pictures.fill(ten)
    assert len(pictures.parts) == 10


@pytest.mark.parametrize("harm", [lambda data: data[:100], lambda data: data[:200] + b"?" + data[201:], lambda _: b""])
def test_damaged_part_is_noticed_and_made_anew(
    pictures: Pictures, ten: dict[str, str], harm: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    pictures.fill(ten)
    before = pictures.open().read_thumbnails(list(ten))
    (part,) = pictures.parts
    part.write_bytes(harm(part.read_bytes()))
    assert pictures.fill(ten).n_measured == 10
    assert pictures.open().read_thumbnails(list(ten)) == before
    assert f"{part.name} is made anew" in caplog.text


def test_changed_measures_are_measured_anew(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.fill(ten)
    monkeypatch.setattr(shelf, "_VERSION", "next")
    assert pictures.fill(ten).n_measured == 10
    assert len(pictures.parts) == 1


def test_files_that_are_not_what_ingestion_read_are_all_listed_and_the_others_kept(
    pictures: Pictures, ten: dict[str, str]
) -> None:
    (changed, gone, broken), others = list(ten)[:3], list(ten)[3:]
    pictures.draw(ten[changed], seed=99)
    (pictures.root / ten[gone]).unlink()
    (pictures.root / ten[broken]).write_bytes(b"")
    with pytest.raises(InputError, match="not what ingestion read; run ingestion again") as error:
        pictures.fill(ten)
    cases = sorted(error.value.cases)
    assert [case.split(": ")[0] for case in cases] == sorted([ten[changed], ten[gone], ten[broken]])
    assert any(case.startswith(f"{ten[changed]}: has changed, its sha256 is ") for case in cases)
    assert f"{ten[gone]}: missing: there is no such file" in cases
    assert len(pictures.open().read_properties(others)) == 7


def test_too_large_picture_is_named(pictures: Pictures) -> None:
    large = {pictures.draw("큰.png", 1, (50, 50)): "큰.png"}
    with pytest.raises(InputError, match=re.escape("50 x 50 px, more than max_pixels 100")):
        pictures.fill(large, max_pixels=100)


def test_vanished_contents_stay_until_they_are_more_than_half(pictures: Pictures, ten: dict[str, str]) -> None:
    contents = list(ten)
    pictures.fill(ten)
    pictures.fill({key: ten[key] for key in contents[:5]})
    assert len(pictures.open().read_properties(contents)) == 10
    few = {key: ten[key] for key in contents[:4]}
    before = pictures.open().read_keypoints(contents[:4])
    pictures.fill(few)
    assert pictures.open().read_keypoints(contents[:4]) == before
    with pytest.raises(InputError) as error:
        pictures.open().read_properties(contents)
    assert len(error.value.cases) == 6


def test_many_small_parts_become_few(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    paths: dict[str, str] = {}
    for number in range(12):
        paths[pictures.draw(f"{number}.png", number)] = f"{number}.png"
        pictures.fill(paths)
    assert len(pictures.parts) <= filler._SPARE_PARTS + 2
    whole = Pictures(pictures.root, pictures.folder.with_name("한번에"))
    whole.fill(paths)
    assert pictures.open().read_thumbnails(list(paths)) == whole.open().read_thumbnails(list(paths))


def test_contents_that_are_not_asked_for_survive_when_small_parts_are_joined(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = list(ten)
    for number in range(10):
        pictures.fill({contents[number]: ten[contents[number]]} | dict(list(ten.items())[:number]))
    monkeypatch.setattr(filler, "_SPARE_PARTS", 2)
    pictures.fill({key: ten[key] for key in contents[:6]})
    assert len(pictures.parts) == 1
    assert len(pictures.open().read_properties(contents)) == 10


def test_part_that_another_run_adds_meanwhile_is_not_tidied_away(pictures: Pictures, ten: dict[str, str]) -> None:
    contents = list(ten)
    pictures.fill({key: ten[key] for key in contents[:9]})
    places = filler._check_parts(pictures.folder)
    pictures.fill(ten)
    filler._tidy(pictures.folder, places, set(contents[:2]))
    assert len(pictures.open().read_properties([*contents[:2], contents[9]])) == 3
    with pytest.raises(InputError):
        pictures.open().read_properties(contents[2:3])


def test_full_disk_while_tidying_up_loses_nothing(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> Any:
        raise InputError("The survey cannot be written:", ["disk: No space left on device"])

    pictures.fill(ten)
    monkeypatch.setattr(filler, "rewrite_parts", refuse)
    few = dict(list(ten.items())[:3])
    assert pictures.fill(few).n_reused == 3
    assert len(pictures.open().read_properties(list(ten))) == 10
    assert "could not be tidied up: disk: No space left" in caplog.text


def test_folder_that_cannot_be_written_is_told(pictures: Pictures, ten: dict[str, str]) -> None:
    pictures.folder.write_text("in the way")
    with pytest.raises(InputError, match="survey cannot be written") as error:
        pictures.fill(ten)
    assert str(pictures.folder) in error.value.cases[0]


def test_no_pictures_are_no_fault(pictures: Pictures) -> None:
    assert pictures.fill({}).n_measured == 0


def test_threads_of_opencv_are_given_back(pictures: Pictures, ten: dict[str, str]) -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        pictures.fill(ten)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_only_a_few_pictures_are_begun_ahead() -> None:
    from concurrent.futures import ThreadPoolExecutor

    begun: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        results = filler._run_ahead(pool, lambda item: begun.append(item) or item, range(100), 5)
        assert [next(results), next(results)] == [0, 1]
        assert len(begun) <= 8
        assert list(results) == list(range(2, 100))
    assert np.array_equal(np.sort(begun), np.arange(100))
