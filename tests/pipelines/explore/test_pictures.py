"""Charts hold the numbers that they were given, at three classes and at three hundred."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.explore.rendering import render
from podium.pipelines.explore import pictures
from podium.pipelines.explore.counts import cross_attributes
from podium.plots import MAX_SIDE_INCHES

ATTRIBUTES: dict[str, Any] = {
    "마스크": {"values": ["착용", "미착용"], "raw_column": None, "edges": []},
    "gender": {"values": ["male", "female"], "raw_column": None, "edges": []},
    "age": {"values": ["<30", ">=30"], "raw_column": "age_years", "edges": [30]},
}
TRAIN = pd.DataFrame(
    {
        "group_id": list("abcdef"),
        "마스크": ["착용", "착용", "미착용", "미착용", "착용", "착용"],
        "gender": ["male", "male", "female", "female", "female", "male"],
        "age": ["<30", "<30", ">=30", "<30", "<30", ">=30"],
        "age_years": pd.array([20, 22, 30, 29, 20, 31], dtype="Int64"),
    }
)


def make_counts(n: int, groups_differ: bool = True) -> pd.DataFrame:
    n_images = np.arange(n) + 1
    return pd.DataFrame(
        {
            "class_name": [f"반 {number} {'긴 이름' * (number % 5)}" for number in range(n)], "label": range(n),
            "n_images": n_images, "share": n_images / n_images.sum(),
            "n_groups": n_images // 2 if groups_differ else n_images,
        }
    )  # fmt: skip


@pytest.mark.parametrize("n", [3, 200])
def test_bars_of_classes_hold_images_and_groups_in_order_of_labels(n: int) -> None:
    counts = make_counts(n)
    (axis,) = pictures.draw_class_counts(counts, "제목").axes
    assert [bar.get_width() for bar in axis.patches] == counts["n_images"].tolist()
    assert axis.lines[0].get_xdata().tolist() == counts["n_groups"].tolist()
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "label 0 stands on top"
    assert [label.get_text() for label in axis.get_yticklabels()] == counts["class_name"].tolist()
    assert axis.texts[0].get_text() == f"1 ({counts['share'][0]:.1%})"
    figure = pictures.plot_class_counts(counts, "제목")
    assert list(figure.data[0].x) == counts["n_images"].tolist()
    assert list(figure.data[1].x) == counts["n_groups"].tolist()
    assert list(figure.layout.yaxis.ticktext) == counts["class_name"].tolist()


@pytest.mark.parametrize("n", [3, 200, 500])
def test_bars_of_any_number_of_classes_fit_a_picture_and_do_not_overlap(n: int) -> None:
    figure = pictures.draw_class_counts(make_counts(n), "제목")
    height_in = figure.get_size_inches()[1]
    assert height_in <= MAX_SIDE_INCHES
    letters = [label.get_fontsize() / 72 for label in figure.axes[0].get_yticklabels() if "반" in label.get_text()]
    assert all(size <= (height_in - 1.4) / n for size in letters)
    assert bool(letters) == (n < 500)


@pytest.mark.parametrize(("groups_differ", "told"), [(True, "training images (◆ groups)"), (False, "training images")])
def test_axis_of_counts_names_all_that_it_counts(groups_differ: bool, told: str) -> None:
    counts = make_counts(3, groups_differ=groups_differ)
    assert pictures.draw_class_counts(counts, "t").axes[0].get_xlabel() == told
    assert pictures.plot_class_counts(counts, "t").layout.xaxis.title.text == told


def test_groups_are_not_drawn_where_each_image_is_one() -> None:
    counts = make_counts(3, groups_differ=False)
    assert not pictures.draw_class_counts(counts, "t").axes[0].lines
    assert len(pictures.plot_class_counts(counts, "t").data) == 1


def test_cross_tables_hold_counts_and_shares_of_the_row() -> None:
    tables = cross_attributes(TRAIN, ATTRIBUTES)
    figure = pictures.draw_attribute_tables(tables, "제목")
    axis = figure.axes[0]
    found = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in axis.texts}
    assert found == {(0, 0): "3", (0, 1): "1", (1, 0): "0", (1, 1): "2"}
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("마스크", "gender")
    assert "Cramér's V 0.71" in axis.get_title()
    plot = pictures.plot_attribute_tables(tables, "제목")
    assert len(plot.data) == 3
    np.testing.assert_allclose(plot.data[0].z, [[0.75, 0.25], [0, 1]])
    assert plot.data[0].text.tolist() == [[3, 1], [0, 2]]
    assert list(plot.layout.yaxis.ticktext) == ["착용", "미착용"]


def test_numbers_are_counted_by_every_other_attribute_with_the_edges_of_the_bands() -> None:
    figure = pictures.draw_numbers(TRAIN, ATTRIBUTES, "제목")
    first, second = figure.axes
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["착용", "미착용"]
    assert [text.get_text() for text in second.get_legend().get_texts()] == ["male", "female"]
    counts, edges, _ = first.patches[0].get_data()
    expected = np.histogram([20, 22, 20, 31], bins=np.arange(19.5, 32))[0]
    assert counts.tolist() == expected.tolist()
    assert edges.tolist() == np.arange(19.5, 32).tolist()
    assert [line.get_xdata()[0] for line in first.lines] == [29.5], "30 is the first of the next band"
    assert first.get_xlabel() == "age in years"
    plot = pictures.plot_numbers(TRAIN, ATTRIBUTES, "제목")
    assert [trace.name for trace in plot.data] == ["마스크: 착용", "마스크: 미착용", "gender: male", "gender: female"]
    assert list(plot.data[0].y) == [*expected, 0]


def test_numbers_over_a_wide_range_share_bins_and_lose_none() -> None:
    numbers = pd.array(np.random.default_rng(0).integers(0, 1000, 300), dtype="Int64")
    train = pd.DataFrame({"price_won": numbers, "price": "x"})
    attributes = {"price": {"values": ["x"], "raw_column": "price_won", "edges": [500]}}
    (axis,) = pictures.draw_numbers(train, attributes, "t").axes
    counts, edges, _ = axis.patches[0].get_data()
    assert len(counts) <= 81 and counts.sum() == 300
    assert set(np.diff(edges)) == {13}
    assert axis.get_xlabel() == "price in won, 13 a step"


def test_colours_and_dashes_differ_from_curve_to_curve() -> None:
    axis = pictures.draw_numbers(TRAIN, ATTRIBUTES, "t").axes[0]
    styles = {(patch.get_edgecolor(), patch.get_linestyle()) for patch in axis.patches}
    assert len({colour for colour, _ in styles}) == len({dash for _, dash in styles}) == 2


def test_plain_classes_get_pictures_that_say_so() -> None:
    none = cross_attributes(TRAIN, {})
    for drawn, plotted, note in (
        (pictures.draw_attribute_tables(none, "t"), pictures.plot_attribute_tables(none, "t"), "nothing to cross"),
        (pictures.draw_numbers(TRAIN, {}, "t"), pictures.plot_numbers(TRAIN, {}, "t"), "no attribute has a number"),
    ):
        assert note in drawn.axes[0].texts[0].get_text()
        assert note in plotted.layout.annotations[0].text


def test_korean_names_have_letters_in_every_chart() -> None:
    for figure in (
        pictures.draw_class_counts(make_counts(3), "수업 긁"),
        pictures.draw_attribute_tables(cross_attributes(TRAIN, ATTRIBUTES), "뷁"),
        pictures.draw_numbers(TRAIN, ATTRIBUTES, "나이"),
    ):
        assert render(figure) == []
