"""Rows of a file by position, against the bytes that were written."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from podium.vision import row_file
from podium.vision.row_file import RowFile

N_ROWS, ROW_BYTES = 20, 1000


@pytest.fixture
def written() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N_ROWS, ROW_BYTES), np.uint8)


@pytest.fixture
def path(tmp_path: Path, written: np.ndarray) -> Path:
    path = tmp_path / "rows.u8"
    path.write_bytes(written.tobytes() + b"a torn tail")
    return path


@pytest.fixture(params=["preadv", "seek"])
def opened(path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RowFile:
    if request.param == "seek":
        monkeypatch.delattr(os, "preadv", raising=False)
    return RowFile(path, N_ROWS, ROW_BYTES)


def read(opened: RowFile, rows: list[int]) -> np.ndarray:
    out = np.full((len(rows), ROW_BYTES), 7, np.uint8)
    opened.read_into(out, np.array(rows, np.int64))
    return out


@pytest.mark.parametrize(
    "rows", [[], [0], [19], [3, 4, 5], [5, 4, 3], [7, 7], [0, 1, 9, 2, 3, 4, 19], list(range(N_ROWS))]
)
def test_rows_come_in_the_order_asked_for(opened: RowFile, written: np.ndarray, rows: list[int]) -> None:
    np.testing.assert_array_equal(read(opened, rows), written[np.array(rows, np.int64)])


def test_rows_that_follow_one_another_are_one_read(
    opened: RowFile, written: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, read_at = [], row_file._read_at
    monkeypatch.setattr(row_file, "_read_at", lambda fd, out, at: (sizes.append(len(out)), read_at(fd, out, at))[1])
    np.testing.assert_array_equal(read(opened, [4, 5, 6, 2, 3, 9]), written[[4, 5, 6, 2, 3, 9]])
    assert sizes == [3 * ROW_BYTES, 2 * ROW_BYTES, ROW_BYTES]


def test_short_reads_are_continued(opened: RowFile, written: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    read_at = row_file._read_at
    monkeypatch.setattr(row_file, "_read_at", lambda fd, out, at: read_at(fd, out[:300], at))
    np.testing.assert_array_equal(read(opened, [2, 3, 11]), written[[2, 3, 11]])


def test_threads_share_a_file(opened: RowFile, written: np.ndarray) -> None:
    orders = [np.random.default_rng(seed).permutation(N_ROWS).tolist() for seed in range(200)]
    with ThreadPoolExecutor(8) as pool:
        for order, found in zip(orders, pool.map(lambda rows: read(opened, rows), orders), strict=True):
            np.testing.assert_array_equal(found, written[order])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_share_a_file(path: Path, written: np.ndarray) -> None:
    opened = RowFile(path, N_ROWS, ROW_BYTES)
    children = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(N_ROWS).tolist()
        if not (child := os.fork()):
            os._exit(0 if all((read(opened, order) == written[order]).all() for _ in range(50)) else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]


@pytest.mark.parametrize("row", [-1, N_ROWS])
def test_row_that_is_not_there_is_refused(opened: RowFile, row: int) -> None:
    with pytest.raises(IndexError, match="of a file of 20"):
        read(opened, [3, row])


def test_file_that_is_too_short_is_refused(path: Path) -> None:
    with pytest.raises(OSError, match="shorter than 21 rows"):
        RowFile(path, N_ROWS + 1, ROW_BYTES)


def test_file_cut_off_after_opening_is_noticed(opened: RowFile, path: Path) -> None:
    os.truncate(path, 5 * ROW_BYTES + 10)
    with pytest.raises(OSError, match="ends at 5010 bytes"):
        read(opened, [5])


def test_file_is_closed_with_its_reader(path: Path) -> None:
    opened = RowFile(path, N_ROWS, ROW_BYTES)
    descriptor = opened._descriptor
    del opened
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
