"""Every size is drawn once, with what is proposed."""

import pandas as pd
import pytest

from pipelines.explore.rendering import render
from podium.pipelines.explore.size_pictures import draw_sizes, plot_sizes

IMAGES = pd.DataFrame(
    {
        "subset": ["train", "train", "train", "test"],
        "width_px": pd.array([100, 100, 50, 80], dtype="Int64"),
        "height_px": pd.array([200, 200, 60, 80], dtype="Int64"),
    }
)
HINT = {"size_px": [64, 32], "largest_size_px": [96, 64]}


def test_sizes_are_drawn_once_each_with_the_proposals() -> None:
    (axis,) = draw_sizes(IMAGES, HINT, "제목").axes
    train, test = axis.collections
    assert sorted(map(tuple, train.get_offsets().tolist())) == [(50, 60), (100, 200)]
    assert test.get_offsets().tolist() == [[80, 80]]
    small, large = sorted(train.get_sizes())
    assert large / small == pytest.approx(2.0), "the area grows with the number of images"
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines] == [(32, 64), (64, 96)]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("width in px", "height in px")
    assert "3 training images, 2 sizes" in [text.get_text() for text in axis.figure.legends[0].get_texts()]
    plot = plot_sizes(IMAGES, HINT, "제목")
    assert list(zip(plot.data[0].x, plot.data[0].y, plot.data[0].customdata, strict=True)) == [
        (50, 60, 1),
        (100, 200, 2),
    ]
    assert plot.layout.xaxis.type == "linear"


def test_sizes_of_a_wide_range_have_logarithmic_axes() -> None:
    images = pd.concat([IMAGES, IMAGES.iloc[:1].assign(width_px=4000, height_px=3000)])
    assert draw_sizes(images, HINT, "t").axes[0].get_xscale() == "log"
    assert plot_sizes(images, HINT, "t").layout.yaxis.type == "log"


def test_parts_have_markers_of_their_own_for_print() -> None:
    (axis,) = draw_sizes(IMAGES, HINT, "t").axes
    outlines = {tuple(map(tuple, part.get_paths()[0].vertices)) for part in axis.collections}
    assert len(outlines) == 2
    plot = plot_sizes(IMAGES, HINT, "t")
    assert plot.data[0].marker.symbol != plot.data[1].marker.symbol


def test_competition_without_a_test_part_is_drawn() -> None:
    train = IMAGES[IMAGES["subset"] == "train"]
    assert len(draw_sizes(train, {**HINT, "largest_size_px": [64, 32]}, "t").axes[0].collections) == 1


def test_names_of_any_script_have_letters() -> None:
    assert render(draw_sizes(IMAGES, HINT, "크기")) == []
