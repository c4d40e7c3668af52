"""Sheets show the pictures that were drawn, each at its place."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from podium.pipelines.explore.sheets import (
    GROUND,
    MAX_CLASSES,
    Layout,
    choose_images,
    draw_mosaic,
    draw_overview,
    find_cell_size,
    fit_cells,
    plan_overview,
)


def encode(colour: tuple[int, int, int], width: int, height: int) -> bytes:
    """Make a JPEG file of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


def make_rows(groups: str) -> pd.DataFrame:
    return pd.DataFrame({"image_id": [f"{number:02d}" for number in range(len(groups))], "group_id": list(groups)})


def test_every_group_is_drawn_before_one_is_drawn_twice() -> None:
    rows = make_rows("aaaaaaaabbbbccd")
    for key in range(20):
        assert set(choose_images(rows, 4, key)["group_id"]) == set("abcd")
        assert choose_images(rows, 7, key)["group_id"].value_counts().to_dict() == {"a": 2, "b": 2, "c": 2, "d": 1}
        chosen = choose_images(rows, 99, key)
        assert sorted(chosen["image_id"]) == rows["image_id"].tolist()


def test_images_without_a_group_stand_for_themselves() -> None:
    rows = make_rows("aaab").assign(group_id=pd.Series([None, None, None, None], dtype="str"))
    assert len(choose_images(rows, 4, 0)) == 4


def test_draw_is_the_same_every_time_and_its_own_for_each_key() -> None:
    rows = make_rows("abcdefghijklmnop")
    first = choose_images(rows, 8, 3)["image_id"].tolist()
    assert choose_images(rows, 8, 3)["image_id"].tolist() == first
    assert len({tuple(choose_images(rows, 8, key)["image_id"]) for key in range(10)}) == 10


def test_thumbnails_keep_their_shape_in_the_middle_of_a_cell() -> None:
    cells = fit_cells([encode((255, 0, 0), 40, 20), encode((0, 0, 255), 10, 30)], (60, 60))
    assert cells.shape == (2, 60, 60, 3)
    for cell, (top, left, height, width), colour in zip(
        cells, [(15, 0, 30, 60), (0, 20, 60, 20)], [(254, 0, 0), (0, 0, 254)], strict=True
    ):
        inside = np.zeros((60, 60), bool)
        inside[top : top + height, left : left + width] = True
        assert np.abs(cell[inside].astype(int) - colour).max() <= 3
        assert (cell[~inside] == GROUND).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((384, 512), (115, 87)), ((512, 384), (87, 115)), ((10, 1000), (141, 71)), ((9, 9), (100, 100))],
)
def test_cells_are_shaped_like_the_pictures_within_limits(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert find_cell_size(pd.DataFrame({"width_px": [size[0]], "height_px": [size[1]]}), 100) == expected


@pytest.mark.parametrize("n", [1, 3, 40, 41, 80, 81, 200, 240, 241, 1000])
def test_overview_of_any_number_of_classes_fits_a_sheet(n: int) -> None:
    layout = plan_overview(n)
    assert layout.n_blocks * layout.n_rows >= min(n, MAX_CLASSES) > (layout.n_blocks - 1) * layout.n_rows
    assert layout.n_rows <= 40
    assert 3 <= layout.n_pictures <= 8
    assert (layout.n_pictures == 8) == (n <= 40)
    assert layout.n_blocks * layout.n_pictures * 94 < 4200 - layout.n_blocks * 2.5 * 110


def cut_cell(figure: Figure, axis: int, row: int, column: int, size: tuple[int, int]) -> np.ndarray:
    sheet = figure.axes[axis].images[0].get_array()
    gap = max(1, size[1] // 16)
    top, left = row * (size[0] + gap), column * (size[1] + gap)
    return sheet[top : top + size[0], left : left + size[1]]


def test_overview_shows_each_class_in_its_block_and_row() -> None:
    rng = np.random.default_rng(0)
    cells = [rng.integers(0, 256, (n, 20, 16, 3), dtype=np.uint8) for n in (2, 0, 1, 2, 2)]
    figure = draw_overview(cells, ["개 · 2", "빈 반 · 0", "c", "d", "e"], Layout(2, 3, 2), "제목")
    for number, pictures in enumerate(cells):
        for column, picture in enumerate(pictures):
            assert np.array_equal(cut_cell(figure, number // 3, number % 3, column, (20, 16)), picture)
    assert (cut_cell(figure, 0, 1, 0, (20, 16)) == GROUND).all()
    names = [[label.get_text() for label in axis.get_yticklabels()] for axis in figure.axes]
    assert names == [["개 · 2", "빈 반 · 0", "c"], ["d", "e"]]
    assert figure.get_suptitle() == "제목"


def test_mosaic_shows_pictures_line_by_line() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (7, 12, 16, 3), dtype=np.uint8)
    figure = draw_mosaic(cells, 3, "고양이")
    for number, picture in enumerate(cells):
        assert np.array_equal(cut_cell(figure, 0, number // 3, number % 3, (12, 16)), picture)
    assert (cut_cell(figure, 0, 2, 1, (12, 16)) == GROUND).all()


@pytest.mark.filterwarnings("error")
def test_korean_names_have_letters_on_sheets() -> None:
    cells = np.zeros((1, 12, 16, 3), np.uint8)
    draw_mosaic(cells, 8, "마스크 착용 <30").canvas.draw()
    draw_overview([cells], ["남성 30대 · 1"], plan_overview(1), "대회").canvas.draw()


def test_pictures_of_a_mosaic_are_saved_pixel_by_pixel() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (4, 128, 128, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    draw_mosaic(cells, 2, "t").savefig(buffer, format="png", dpi=110)
    saved = np.asarray(Image.open(buffer).convert("RGB")).astype(int)
    assert saved.shape[1] == pytest.approx(2 * 136 + 22, abs=2)
    # The place of the sheet is rounded to whole pixels, so look for it.
    best = min(
        np.abs(saved[top : top + 128, left : left + 128] - cells[0]).mean()
        for top in range(40, 75)
        for left in range(6, 16)
    )
    assert best < 8
