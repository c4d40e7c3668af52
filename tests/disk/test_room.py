"""What would not fit is refused with its numbers, before anything is written."""

import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from podium.disk import room
from podium.disk.config import DiskConfig
from podium.disk.room import Need, list_shortages, measure_free, measure_tree, require_room
from podium.errors import InputError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set how much is free on every disk."""

    def set_free(n_bytes: int) -> None:
        monkeypatch.setattr(room.shutil, "disk_usage", lambda path: Usage(0, 0, n_bytes))

    return set_free


def test_all_numbers_are_told_and_the_remedy_comes_last(free: Any, tmp_path: Path) -> None:
    free(4_100_000_000)
    needs = [Need("weights", tmp_path / "가중치", 3_000_000_000), Need("checkpoints", tmp_path, 9_300_000_000)]
    with pytest.raises(InputError, match="no room for training") as error:
        require_room("training", needs, DiskConfig(data_root=tmp_path), lambda: "remedy")
    assert error.value.cases == [
        f"{tmp_path}: needs 12.3 GB (9.3 GB checkpoints, 3.0 GB weights), and 1.0 GB are to stay free "
        "(disk.keep_free_gb); 4.1 GB are free on its disk, so 9.2 GB are missing",
        "remedy",
    ]


@pytest.mark.parametrize(("free_bytes", "fits"), [(1_500, True), (1_499, False)])
def test_last_byte_counts(free: Any, tmp_path: Path, free_bytes: int, fits: bool) -> None:
    free(free_bytes)
    limits = DiskConfig(data_root=tmp_path, keep_free_gb=1e-6)
    assert (list_shortages([Need("x", tmp_path, 500)], limits) == []) == fits


def test_nothing_to_write_fits_on_a_full_disk(free: Any, tmp_path: Path) -> None:
    free(0)
    assert list_shortages([Need("x", tmp_path, 0)], DiskConfig(data_root=tmp_path)) == []


def test_needs_on_one_disk_add_up_and_disks_are_told_apart(
    free: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(1000)
    (tmp_path / "other").mkdir()
    real = os.stat

    def stat(path: Any, **options: Any) -> Any:
        status = real(path, **options)
        if Path(path) != tmp_path / "other":
            return status
        return os.stat_result([*status[:2], status.st_dev + 1, *status[3:10]])

    monkeypatch.setattr(room.os, "stat", stat)
    limits = DiskConfig(data_root=tmp_path, keep_free_gb=0.0)
    here, there = tmp_path / "here", tmp_path / "other"
    assert list_shortages([Need("a", here, 600), Need("b", there, 600)], limits) == []
    (case,) = list_shortages([Need("a", here, 600), Need("b", here, 601), Need("c", there, 600)], limits)
    assert case.startswith(f"{here}: needs 1.2 kB")


def test_quota_counts_what_the_data_folder_holds_and_only_what_goes_there(tmp_path: Path) -> None:
    root = tmp_path / "자료"
    root.mkdir()
    (root / "file").write_bytes(os.urandom(40_000))
    held = measure_tree(root)
    limits = DiskConfig(data_root=root, quota_gb=(held + 1000) / 1e9, keep_free_gb=0.0)
    assert list_shortages([Need("x", root / "a" / "b", 1000), Need("y", tmp_path, 5000)], limits) == []
    (case,) = list_shortages([Need("x", root / "a" / "b", 1500)], limits)
    assert case.startswith(f"{root}: needs 1.5 kB (1.5 kB x); ")
    assert case.endswith("(disk.quota_gb) are used, so 500 bytes are missing")


def test_remedy_is_not_looked_for_when_there_is_room(tmp_path: Path) -> None:
    require_room("x", [Need("x", tmp_path, 1)], DiskConfig(keep_free_gb=0.0), lambda: pytest.fail("asked"))


def test_free_space_of_a_folder_that_is_not_there_is_that_of_the_one_above(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert abs(measure_free(tmp_path / "아직" / "없다") - free) < 0.05 * free


def test_tree_counts_a_file_with_two_names_once_and_follows_no_link(tmp_path: Path) -> None:
    inner = tmp_path / "tree" / "inner"
    inner.mkdir(parents=True)
    (inner / "a").write_bytes(os.urandom(100_000))
    os.link(inner / "a", tmp_path / "tree" / "b")
    (tmp_path / "outside").write_bytes(os.urandom(300_000))
    (inner / "link").symlink_to(tmp_path / "outside")
    (inner / "round").symlink_to(tmp_path / "tree")
    assert 100_000 <= measure_tree(tmp_path / "tree") < 130_000
    assert measure_tree(tmp_path / "nothing") == 0
