"""Folders hold just the links that they should, and nothing of anybody's is lost."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.io.core import DatasetError

from podium.datasets.link_folders import INDEX_NAME, LinkFoldersDataset
from podium.errors import InputError

WAYS = ["link", "hard link", "copy"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The organisers' folder: five files of different bytes, from 2001."""
    folder = tmp_path / "원본"
    for number, name in enumerate(["a/그림.jpg", "b/그림.jpg", "c.png", "d.png", "e.png"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * 10)
        os.utime(path, (10**9, 10**9))
    return folder


@pytest.fixture
def table(raw: Path) -> pd.DataFrame:
    """Four links in two folders, two of one name."""
    rows = [
        ("<30", "그림.jpg", raw / "a/그림.jpg"),
        ("<30", "그림.jpg", raw / "b/그림.jpg"),
        ("남성", "c.png", raw / "c.png"),
        ("남성", "d.png", raw / "d.png"),
    ]
    return pd.DataFrame([(folder, name, str(path)) for folder, name, path in rows], columns=["folder", "name", "path"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "보고" / "by_class"


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the file system allows: symbolic links; else hard ones; else neither, as on another drive."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param != "link":
        monkeypatch.setattr(os, "symlink", refuse)
    if request.param == "copy":
        monkeypatch.setattr(os, "link", refuse)
    return str(request.param)


def save(root: Path, table: pd.DataFrame) -> LinkFoldersDataset:
    dataset = LinkFoldersDataset(path=str(root))
    dataset.save(table)
    return dataset


def read_tree(root: Path) -> dict[str, bytes]:
    """Read every file below the root through its link, but for the index."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name != INDEX_NAME]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Read bytes and times of every real file."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def catch(save_again: Callable[[], object]) -> InputError:
    """Return the wrong input that Kedro wraps."""
    with pytest.raises(DatasetError) as caught:
        save_again()
    error = caught.value.__cause__
    assert isinstance(error, InputError)
    return error


EXPECTED = {
    "＜30/그림 (2).jpg": b"\x01" * 10,
    "＜30/그림.jpg": b"\x00" * 10,
    "남성/c.png": b"\x02" * 10,
    "남성/d.png": b"\x03" * 10,
}


def test_every_row_is_a_file_in_its_folder_whatever_links_there_can_be(
    root: Path, table: pd.DataFrame, raw: Path, way: str
) -> None:
    before = snapshot(raw)
    dataset = save(root, table)
    assert read_tree(root) == EXPECTED
    for place in EXPECTED:
        assert (root / place).is_symlink() == (way == "link")
    same = os.path.samefile(root / "남성/c.png", raw / "c.png")
    assert same == (way != "copy")
    pd.testing.assert_frame_equal(dataset.load(), table, check_dtype=False)
    assert snapshot(raw) == before
    assert [path.name for path in root.parent.iterdir()] == [root.name], "nothing is left beside it"


def test_unchanged_table_touches_nothing(root: Path, table: pd.DataFrame, way: str) -> None:
    save(root, table)
    before = {path: path.lstat().st_ino for path in [root, *root.rglob("*")]}
    save(root, table)
    assert {path: path.lstat().st_ino for path in [root, *root.rglob("*")]} == before


def test_changed_table_leaves_no_link_of_the_old_one(root: Path, table: pd.DataFrame, raw: Path, way: str) -> None:
    save(root, table)
    changed = pd.concat([table.iloc[[2]], table.iloc[[0]].assign(folder="새", path=str(raw / "e.png"))])
    dataset = save(root, changed)
    assert read_tree(root) == {"남성/c.png": b"\x02" * 10, "새/그림.jpg": b"\x04" * 10}
    assert dataset.load()["folder"].tolist() == ["남성", "새"]


def test_changed_source_is_shown_anew(root: Path, table: pd.DataFrame, raw: Path, way: str) -> None:
    save(root, table)
    (raw / "c.png").unlink()
    (raw / "c.png").write_bytes(b"newer bytes")
    save(root, table)
    assert read_tree(root)["남성/c.png"] == b"newer bytes"


def test_link_that_was_removed_or_turned_elsewhere_comes_back(root: Path, table: pd.DataFrame, raw: Path) -> None:
    save(root, table)
    (root / "남성/c.png").unlink()
    (root / "남성/d.png").unlink()
    (root / "남성/d.png").symlink_to(raw / "e.png")
    save(root, table)
    assert read_tree(root) == EXPECTED


def test_links_are_relative_and_survive_a_move_of_everything(tmp_path: Path, root: Path, table: pd.DataFrame) -> None:
    save(root, table)
    assert not os.path.isabs(os.readlink(root / "남성/c.png"))
    moved = tmp_path.with_name(tmp_path.name + "_moved")
    shutil.move(tmp_path, moved)
    assert read_tree(moved / root.relative_to(tmp_path)) == EXPECTED
    shutil.move(moved, tmp_path)


def test_links_lead_right_through_a_folder_that_is_a_link_itself(tmp_path: Path, table: pd.DataFrame) -> None:
    (tmp_path / "big" / "deep" / "disk").mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "big" / "deep" / "disk")
    save(tmp_path / "data" / "by_class", table)
    assert read_tree(tmp_path / "data" / "by_class") == EXPECTED


def test_files_of_somebody_are_named_and_nothing_is_done(root: Path, table: pd.DataFrame, way: str) -> None:
    save(root, table)
    (root / "메모.txt").write_text("mine")
    (root / "남성" / "my choice.png").write_text("mine too")
    (root / "남성" / "album" / "deep").mkdir(parents=True)
    (root / "＜30" / "그림.jpg").unlink()
    (root / "＜30" / "그림.jpg").write_text("painted over")
    before = snapshot(root)
    error = catch(lambda: save(root, table.iloc[:2]))
    named = [case.split(": was")[0] for case in error.cases]
    foreign = ["메모.txt", "남성/my choice.png", "남성/album", "＜30/그림.jpg"]
    assert sorted(named) == sorted(str(root / place) for place in foreign)
    assert snapshot(root) == before
    catch(lambda: save(root, table))


def test_copy_that_somebody_edited_is_not_overwritten(root: Path, table: pd.DataFrame, way: str) -> None:
    if way != "copy":
        pytest.skip("what is written through a link is written into the source")
    save(root, table)
    (root / "남성/c.png").write_bytes(b"edited, 10")
    assert [case.split(":")[0] for case in catch(lambda: save(root, table)).cases] == [str(root / "남성/c.png")]


def test_what_file_managers_leave_behind_is_no_obstacle(root: Path, table: pd.DataFrame, way: str) -> None:
    save(root, table)
    for place in (".DS_Store", "남성/Thumbs.db", "남성/desktop.ini"):
        (root / place).write_bytes(b"x")
    save(root, table.iloc[:2])
    assert set(read_tree(root)) == {"＜30/그림.jpg", "＜30/그림 (2).jpg"}


@pytest.mark.parametrize("name", ["somebody's.txt", INDEX_NAME])
def test_folder_that_is_not_ours_is_left_alone(root: Path, table: pd.DataFrame, name: str) -> None:
    root.mkdir(parents=True)
    (root / name).write_text("folder,name\n")
    assert "holds 1 thing" in catch(lambda: save(root, table)).cases[0]
    assert [path.name for path in root.iterdir()] == [name]


def test_empty_folder_is_taken(root: Path, table: pd.DataFrame) -> None:
    root.mkdir(parents=True)
    save(root, table)
    assert read_tree(root) == EXPECTED


def test_root_that_is_a_link_is_not_followed(tmp_path: Path, root: Path, table: pd.DataFrame) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "photo.png").write_bytes(b"x")
    root.parent.mkdir()
    root.symlink_to(mine)
    assert "is a link" in catch(lambda: save(root, table)).cases[0]
    assert [path.name for path in mine.iterdir()] == ["photo.png"]


def test_folder_that_somebody_made_a_link_is_not_followed(tmp_path: Path, root: Path, table: pd.DataFrame) -> None:
    save(root, table)
    mine = tmp_path / "mine"
    (root / "남성").rename(mine)
    (root / "남성").symlink_to(mine)
    before = sorted(mine.iterdir())
    assert "남성: was not put there" in catch(lambda: save(root, table.iloc[:2])).cases[0]
    assert sorted(mine.iterdir()) == before


def test_missing_sources_are_all_listed_and_the_old_links_stay(root: Path, table: pd.DataFrame, raw: Path) -> None:
    save(root, table.iloc[:2])
    for name in ("c.png", "d.png"):
        (raw / name).unlink()
    error = catch(lambda: save(root, table))
    assert [case.split(":")[0] for case in error.cases] == [str(raw / "c.png"), str(raw / "d.png")]
    assert len(read_tree(root)) == 2


@pytest.mark.parametrize("fails_at", [1, 3])
def test_failure_in_the_middle_leaves_the_old_folders_whole(
    root: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    save(root, table.iloc[:1])
    symlink, calls = os.symlink, []

    def interrupt(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == fails_at:
            raise KeyboardInterrupt
        symlink(*arguments)

    monkeypatch.setattr(os, "symlink", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(root, table)
    assert read_tree(root) == {"＜30/그림.jpg": b"\x00" * 10}
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_new_folders_that_cannot_take_their_place_leave_the_old_ones(
    root: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(root, table.iloc[:1])
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name.endswith(".partial"):
            raise OSError(errno.EBUSY, "Device or resource busy")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DatasetError, match="busy"):
        save(root, table)
    assert read_tree(root) == {"＜30/그림.jpg": b"\x00" * 10}
    assert [path.name for path in root.parent.iterdir()] == [root.name]


@pytest.mark.parametrize("moment", ["half built", "old one out", "old one half removed"])
def test_what_a_killed_run_left_is_cleared_away(root: Path, table: pd.DataFrame, moment: str) -> None:
    save(root, table.iloc[:2])
    if moment == "half built":
        (root.parent / ".by_class.partial" / "새").mkdir(parents=True)
    elif moment == "old one out":
        root.rename(root.parent / ".by_class.old")
    else:
        shutil.copytree(root, root.parent / ".by_class.old", symlinks=True)
        shutil.rmtree(root.parent / ".by_class.old" / "＜30")
    save(root, table)
    assert read_tree(root) == EXPECTED
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_nobody_sees_half_of_the_folders(root: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    save(root, table.iloc[:2])
    seen, symlink = [], os.symlink

    def watch(*arguments: Any) -> None:
        seen.append(sorted(read_tree(root)))
        symlink(*arguments)

    monkeypatch.setattr(os, "symlink", watch)
    save(root, table)
    assert seen == [["＜30/그림 (2).jpg", "＜30/그림.jpg"]] * 4


def test_empty_table_empties_the_folders(root: Path, table: pd.DataFrame) -> None:
    save(root, table)
    dataset = save(root, table.iloc[:0])
    assert read_tree(root) == {}
    assert dataset.load().empty and dataset.exists()


def test_folders_that_were_never_made_cannot_be_loaded(root: Path) -> None:
    dataset = LinkFoldersDataset(path=str(root))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="holds no links"):
        dataset.load()


def test_catalog_makes_it_from_an_entry(root: Path, table: pd.DataFrame) -> None:
    entry = {"type": "podium.datasets.link_folders.LinkFoldersDataset", "path": root.as_posix(), "metadata": {"a": 1}}
    catalog = DataCatalog.from_config({"by_class": entry})
    catalog.save("by_class", table)
    assert read_tree(root) == EXPECTED
    assert catalog["by_class"].metadata == {"a": 1}


def test_three_thousand_links_are_made_in_less_than_two_seconds(tmp_path: Path, root: Path) -> None:
    (tmp_path / "raw").mkdir()
    paths = [tmp_path / "raw" / f"{number}.jpg" for number in range(3140)]
    for path in paths:
        path.touch()
    rows = [(f"class {number % 18}", path.name, str(path)) for number, path in enumerate(paths)]
    table = pd.DataFrame(rows, columns=["folder", "name", "path"])
    started = time.process_time()
    save(root, table)
    made, started = time.process_time() - started, time.process_time()
    save(root, table)
    assert made < 2.0
    assert time.process_time() - started < made
