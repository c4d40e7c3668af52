"""The store against files decoded one by one, and what its readers are told."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from podium.errors import InputError
from podium.vision import store_index
from podium.vision.image_store import ImageStore, fill_store
from vision.drawn_competition import ROW_BYTES, SIZE_PX, SPEC, DrawnCompetition, write_bad_files


def test_rows_hold_what_each_file_decodes_to(competition: DrawnCompetition, ten: list[str]) -> None:
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused, competition.n_calls) == (10, 0, 10)
    competition.check(filled)
    assert {str(kind) for kind in filled.table.dtypes} == {"str", "Int64"}


def test_counts_are_logged_in_one_line(
    competition: DrawnCompetition, ten: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "podium"):
        competition.fill([*ten, "missing.png"])
    assert caplog.messages == ["image store 12x16-stretch-bicubic: 11 images: 10 decoded, 0 known before; 1 unreadable"]


def test_empty_competition_makes_an_empty_store(competition: DrawnCompetition) -> None:
    filled = competition.fill([])
    assert len(filled.table) == 0
    store = ImageStore(competition.store)
    assert store.n_rows == 0
    assert store.rows_of([]).dtype == np.int64
    assert store.read_rows(store.rows_of([])).shape == (0, *SIZE_PX, 3)


def test_lost_pixel_file_is_noticed_by_readers_and_made_anew(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    competition.find_pixels().unlink()
    with pytest.raises(InputError, match="run ingestion again"):
        ImageStore(competition.store)
    competition.check(competition.fill(ten))


@pytest.mark.parametrize("damage", [b"", b"PAR1 no table", b"PAR1" + bytes(500) + b"PAR1"])
def test_damaged_index_is_named_to_readers_and_made_anew(
    competition: DrawnCompetition, ten: list[str], damage: bytes
) -> None:
    competition.fill(ten)
    (competition.store / "index.parquet").write_bytes(damage)
    with pytest.raises(InputError, match="run ingestion again"):
        ImageStore(competition.store)
    filled = competition.fill(ten)
    assert filled.n_decoded == 10
    competition.check(filled)


def test_store_of_another_version_is_made_anew(
    competition: DrawnCompetition, ten: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    competition.fill(ten)
    monkeypatch.setattr(store_index, "_VERSION", store_index._VERSION + 1)
    with pytest.raises(InputError, match=r"made by version \d+, this is \d+"):
        ImageStore(competition.store)
    assert competition.fill(ten).n_decoded == 10
    competition.check(competition.fill(ten))


def test_unknown_contents_are_listed(competition: DrawnCompetition, ten: list[str]) -> None:
    write_bad_files(competition.root)
    filled = competition.fill([*ten, "text.jpg"])
    bad = filled.table["sha256"].iloc[-1]
    with pytest.raises(InputError) as caught:
        ImageStore(competition.store).rows_of([filled.table["sha256"][0], bad, "0" * 64])
    assert [case.split(":")[0] for case in caught.value.cases] == [f"sha256 {bad}", f"sha256 {'0' * 64}"]


def test_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run ingestion first"):
        ImageStore(tmp_path)


def test_store_travels_to_workers_without_its_pixels(competition: DrawnCompetition, ten: list[str]) -> None:
    filled = competition.fill(ten)
    store = ImageStore(competition.store)
    rows = store.rows_of(filled.table["sha256"])
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    opened: ImageStore = pickle.loads(packed)
    assert opened.size_px == SIZE_PX
    assert opened.preparation == store.preparation == SPEC.preparation
    np.testing.assert_array_equal(opened.read_rows(rows), store.read_rows(rows))
    np.testing.assert_array_equal(opened.rows_of(filled.table["sha256"]), rows)


def test_open_store_keeps_its_rows_while_it_grows(competition: DrawnCompetition, ten: list[str]) -> None:
    first = competition.fill(ten[:3])
    store = ImageStore(competition.store)
    before = store.read_rows(np.arange(3))
    grown = competition.fill(ten)
    np.testing.assert_array_equal(store.read_rows(np.arange(3)), before)
    with pytest.raises(IndexError):
        store.read_rows(np.array([3]))
    assert len(store.rows_of(first.table["sha256"])) == 3
    with pytest.raises(InputError):
        store.rows_of(grown.table["sha256"])


def test_pixels_that_were_read_are_the_callers_own(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    store, rows = ImageStore(competition.store), np.array([4, 2, 2])
    before = store.read_rows(rows)
    assert before.flags.c_contiguous
    store.read_rows(rows)[:] = 0
    np.testing.assert_array_equal(store.read_rows(rows), before)


def test_pixel_file_cut_off_under_a_reader_is_named(competition: DrawnCompetition, ten: list[str]) -> None:
    competition.fill(ten)
    store = ImageStore(competition.store)
    os.truncate(competition.find_pixels(), 5 * ROW_BYTES)
    with pytest.raises(InputError, match="run ingestion again"):
        store.read_rows(np.arange(10))


def test_real_photos_have_the_sizes_that_pillow_reads(real_data_root: Path, tmp_path: Path) -> None:
    root = real_data_root / "mask3_real"
    paths = [file.relative_to(root).as_posix() for file in sorted((root / "train").iterdir())]
    folder, spec = tmp_path / "store", replace(SPEC, height_px=64, width_px=64, resize="pad")
    filled = fill_store(folder, root, paths, spec=spec, max_pixels=10**8, n_jobs=2, progress=False)
    assert filled.table["error"].isna().all()
    for file in filled.table.itertuples():
        with Image.open(root / file.path) as image:
            assert (file.width_px, file.height_px) == image.size
    assert ImageStore(folder).n_rows == filled.table["sha256"].nunique()
