"""What is written is read back; an index is there as a whole, of this version, or refused."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from podium.vision import store_index
from podium.vision.source_files import FileStamp
from podium.vision.store_index import (
    _VERSION,
    ContentRecord,
    DamagedIndexError,
    FileRecord,
    StoreHeader,
    list_files,
    read_index,
    write_index,
)
from vision.drawn_competition import fail_after

HEADER = StoreHeader(height=12, width=16, preparation="12x16-pad-bicubic", pixels="pixels-3.u8", n_rows=7)
GOOD = FileRecord(FileStamp(5000, 2**60, 2**61), "a" * 64, ContentRecord(6, 40, 30, "f" * 64, None, 10**6))
BAD = FileRecord(FileStamp(0, -1, 0), "b" * 64, ContentRecord(None, None, None, None, "empty file", 10**6))


@pytest.mark.parametrize("files", [{}, {"나.jpg": BAD, "가/ㄱ.png": GOOD}, {"b": BAD}])
def test_index_reads_back_as_it_was_written(tmp_path: Path, files: dict[str, FileRecord]) -> None:
    write_index(tmp_path, HEADER, files)
    header, table = read_index(tmp_path)
    assert (header, list_files(table)) == (HEADER, files)
    assert [file.name for file in tmp_path.iterdir()] == ["index.parquet"]


def test_bytes_do_not_hang_on_the_order_of_files(tmp_path: Path) -> None:
    write_index(tmp_path, HEADER, {"a": GOOD, "b": BAD})
    before = (tmp_path / "index.parquet").read_bytes()
    write_index(tmp_path, HEADER, {"b": BAD, "a": GOOD})
    assert (tmp_path / "index.parquet").read_bytes() == before


def test_header_gives_the_size_of_a_row() -> None:
    assert (HEADER.size_px, HEADER.row_bytes) == ((12, 16), 12 * 16 * 3)


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        (GOOD.content, {1199: False, 1200: True, 10**9: True}),  # 40 x 30 px
        (BAD.content, {10**6 - 1: False, 10**6: True, 10**6 + 1: False}),  # only the same limit is sure to end the same
    ],
)
def test_limit_decides_whether_a_record_still_holds(content: ContentRecord, limits: dict[int, bool]) -> None:
    assert {limit: content.is_valid_for(limit) for limit in limits} == limits


def test_missing_index_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_index(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"PAR1 no table", b"PAR1" + bytes(500) + b"PAR1"])
def test_damaged_index_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "index.parquet").write_bytes(damage)
    with pytest.raises(DamagedIndexError, match="not an index of this version"):
        read_index(tmp_path)


@pytest.mark.parametrize("header", [None, "text", [1], {}, {"version": _VERSION, "height": 12}])
def test_table_without_a_whole_header_is_refused(tmp_path: Path, header: Any) -> None:
    metadata = {} if header is None else {"podium_image_store": json.dumps(header)}
    pq.write_table(pa.table({"path": ["a"]}).replace_schema_metadata(metadata), tmp_path / "index.parquet")
    with pytest.raises(DamagedIndexError, match="not an index of this version"):
        read_index(tmp_path)


def test_table_without_a_column_is_refused(tmp_path: Path) -> None:
    write_index(tmp_path, HEADER, {"a": GOOD})
    pq.write_table(pq.read_table(tmp_path / "index.parquet").drop_columns("row"), tmp_path / "index.parquet")
    with pytest.raises(DamagedIndexError, match="not an index of this version"):
        read_index(tmp_path)


def test_index_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_index(tmp_path, HEADER, {})
    monkeypatch.setattr(store_index, "_VERSION", _VERSION + 1)
    with pytest.raises(DamagedIndexError, match=f"made by version {_VERSION}, this is {_VERSION + 1}"):
        read_index(tmp_path)


def test_index_of_an_older_version_with_other_fields_is_called_so(tmp_path: Path) -> None:
    write_index(tmp_path, HEADER, {"a": GOOD})
    header = {"version": 1, "height": 12, "width": 16, "resize": "pad", "pixels": "pixels-3.u8", "n_rows": 7}
    table = pq.read_table(tmp_path / "index.parquet")
    pq.write_table(
        table.replace_schema_metadata({"podium_image_store": json.dumps(header)}), tmp_path / "index.parquet"
    )
    with pytest.raises(DamagedIndexError, match=f"made by version 1, this is {_VERSION}"):
        read_index(tmp_path)


@pytest.mark.parametrize("step", ["pq.write_table", "os.fsync", "os.replace"])
def test_failed_write_leaves_the_old_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    write_index(tmp_path, HEADER, {"a": GOOD})
    with monkeypatch.context() as patch:
        patch.setattr(f"podium.vision.store_index.{step}", fail_after(0, 28))
        with pytest.raises(OSError, match=os.strerror(28)):
            write_index(tmp_path, HEADER, {"b": BAD})
    assert list_files(read_index(tmp_path)[1]) == {"a": GOOD}


def test_who_has_the_old_index_open_still_reads_it_whole(tmp_path: Path) -> None:
    write_index(tmp_path, HEADER, {"a": GOOD})
    before = (tmp_path / "index.parquet").read_bytes()
    with (tmp_path / "index.parquet").open("rb") as reader:
        write_index(tmp_path, HEADER, {"b": BAD})
        assert reader.read() == before
