"""Figures hold the numbers that they were given, and every letter of a Korean name."""

import io
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from podium import plots

SAVED_DPI = 110  # of the catalog
CONFUSION = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 0]])
SHARES = [[0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 0]]  # of each true class; the last one has no image
NAMES = ["마스크 착용", "미착용", "턱스크"]


def render(figure: Figure) -> list[str]:
    """Draw a figure and return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(io.BytesIO(), format="png", dpi=50)
    return [str(warning.message) for warning in caught]


def list_counts(axis: Any) -> dict[tuple[int, int], int]:
    """Return the numbers written into a confusion matrix, by row and column."""
    return {(text.get_position()[1], text.get_position()[0]): int(text.get_text()) for text in axis.texts}


NONZERO = {(0, 0): 3, (0, 1): 1, (1, 1): 2, (1, 2): 2}


@pytest.mark.parametrize("name", ["한글 이름", "漢字と仮名", "ελ Кир é", "긁 뷁 힣"])
def test_names_of_any_script_are_drawn_whole(name: str) -> None:
    grid = plots.draw_grid(np.zeros((1, 1, 4, 4, 3), np.uint8), [name], [name], name)
    for figure in (
        grid,
        plots.draw_confusion(np.eye(2, dtype=np.int64), [name, "b"], name),
        plots.draw_confusions({name: (np.eye(2, dtype=np.int64), [name, "b"])}, name),
    ):
        assert [message for message in render(figure) if "Glyph" in message or "findfont" in message] == []


def test_grid_shows_each_image_at_its_place_with_its_titles() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 3), dtype=np.uint8)
    figure = plots.draw_grid(images, ["row a", "row b"], ["x", "y", "z"], "all")
    (axis,) = figure.axes
    sheet = axis.images[0].get_array()
    for row, y in enumerate(axis.get_yticks()):
        for column, x in enumerate(axis.get_xticks()):
            top, left = round(y - 4 / 2), round(x - 5 / 2)
            assert np.array_equal(sheet[top : top + 4, left : left + 5], images[row, column])
    assert [label.get_text() for label in axis.get_xticklabels()] == ["x", "y", "z"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["row a", "row b"]
    assert figure.get_suptitle() == "all"


def test_confusion_writes_counts_and_shades_shares_of_the_true_class() -> None:
    axis = plots.draw_confusion(CONFUSION, NAMES, "제목").axes[0]
    assert list_counts(axis) == NONZERO
    np.testing.assert_allclose(axis.images[0].get_array(), SHARES)
    assert [label.get_text() for label in axis.get_yticklabels()] == NAMES
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("predicted class", "true class", "제목")


def test_confusions_of_attributes_stand_side_by_side() -> None:
    figure = plots.draw_confusions({"마스크": (CONFUSION, NAMES), "b": (CONFUSION[:2, :2], ["0", "1"])}, "전체")
    assert [axis.get_title() for axis in figure.axes] == ["마스크", "b"]
    assert list_counts(figure.axes[0]) == NONZERO
    assert list_counts(figure.axes[1]) == {(0, 0): 3, (0, 1): 1, (1, 1): 2}


def test_plot_of_a_confusion_holds_the_same_numbers() -> None:
    figure = plots.plot_confusion(CONFUSION, NAMES, "제목")
    heatmap = figure.data[0]
    np.testing.assert_allclose(heatmap.z, SHARES)
    assert np.array_equal(heatmap.text, CONFUSION)
    assert list(figure.layout.xaxis.ticktext) == list(figure.layout.yaxis.ticktext) == NAMES
    assert figure.layout.yaxis.autorange == "reversed"
    true, predicted = heatmap.customdata[1][2]
    assert (true, predicted) == (NAMES[1], NAMES[2])


def test_equal_names_stay_two_rows_of_a_plot() -> None:
    figure = plots.plot_confusion(np.eye(2, dtype=np.int64), ["개", "개"], "t")
    assert list(figure.layout.yaxis.tickvals) == [0, 1]
    assert np.array_equal(figure.data[0].z, np.eye(2))


@pytest.mark.parametrize(("n", "is_shown"), [(30, True), (31, False)])
def test_counts_are_written_into_a_plot_as_long_as_they_are_readable(n: int, is_shown: bool) -> None:
    figure = plots.plot_confusion(np.eye(n, dtype=np.int64), [str(i) for i in range(n)], "t")
    assert (figure.data[0].texttemplate is not None) == is_shown


def test_plot_of_attributes_has_one_panel_each() -> None:
    figure = plots.plot_confusions({"마스크": (CONFUSION, NAMES), "나이": (CONFUSION[:2, :2], ["0", "1"])}, "t")
    assert [note.text for note in figure.layout.annotations] == ["마스크", "나이"]
    np.testing.assert_allclose(figure.data[0].z, SHARES)
    assert np.array_equal(figure.data[1].text, CONFUSION[:2, :2])
    assert list(figure.layout.yaxis2.ticktext) == ["0", "1"]


def test_classes_without_attributes_are_said_to_have_none() -> None:
    assert [note.text for note in plots.plot_confusions({}, "t").layout.annotations] == ["classes without attributes"]
    drawn = plots.draw_confusions({}, "t")
    assert [text.get_text() for text in drawn.axes[0].texts] == ["classes without attributes"]
    assert render(drawn) == []


def test_curves_show_each_fold_in_a_colour_of_its_own() -> None:
    history = pd.DataFrame(
        {
            "fold": [0, 0, 1, 1],
            "epoch": [0, 1, 0, 1],
            "train_loss": [4.0, 3.0, 5.0, 2.0],
            "val_loss": [4.5, 3.5, 5.5, 2.5],
            "val_macro_f1": [0.1, 0.2, 0.3, 0.4],
        }
    )
    figure = plots.plot_curves(history, "기준-0a1b")
    shown = {trace.name: (list(trace.x), list(trace.y), trace.xaxis) for trace in figure.data}
    assert shown == {
        "fold 0, training": ([0, 1], [4.0, 3.0], "x"),
        "fold 0, held out": ([0, 1], [4.5, 3.5], "x"),
        "fold 0": ([0, 1], [0.1, 0.2], "x2"),
        "fold 1, training": ([0, 1], [5.0, 2.0], "x"),
        "fold 1, held out": ([0, 1], [5.5, 2.5], "x"),
        "fold 1": ([0, 1], [0.3, 0.4], "x2"),
    }
    colours = {trace.name.split(",")[0]: set() for trace in figure.data}
    for trace in figure.data:
        colours[trace.name.split(",")[0]].add(trace.line.color)
    assert all(len(of_fold) == 1 for of_fold in colours.values())
    assert colours["fold 0"] != colours["fold 1"]
    other = plots.plot_curves(history.assign(val_accuracy=[0.5, 0.6, 0.7, 0.8]), "기준-0a1b", "val_accuracy")
    assert {trace.name: list(trace.y) for trace in other.data}["fold 1"] == [0.7, 0.8], "the score that is asked for"
    assert other.layout.annotations[1].text == "accuracy on the held-out fold"


def test_curves_have_colours_for_any_number_of_folds() -> None:
    folds = range(9)
    history = pd.DataFrame({"fold": folds, "epoch": 0, "train_loss": 1.0, "val_loss": 1.0, "val_macro_f1": 0.5})
    assert len(plots.plot_curves(history, "t").data) == 27


@pytest.mark.parametrize("n", [81, 1000])
def test_thousand_classes_are_drawn_in_bounded_size_without_names_and_counts(n: int) -> None:
    confusion = np.random.default_rng(0).integers(1, 9, (n, n))
    figure = plots.draw_confusion(confusion, [f"반 {i}" for i in range(n)], "제목")
    width_px, height_px = figure.get_size_inches() * SAVED_DPI
    assert max(width_px, height_px) < 5000
    axis = figure.axes[0]
    assert list_counts(axis) == {}
    assert not any(label.get_text().startswith("반") for label in axis.get_yticklabels())
    np.testing.assert_allclose(axis.images[0].get_array(), confusion / confusion.sum(axis=1, keepdims=True))
    render(figure)


def test_eighty_classes_still_have_names_and_counts() -> None:
    names = [f"반 {i}" for i in range(80)]
    figure = plots.draw_confusion(np.eye(80, dtype=np.int64), names, "t")
    assert len(list_counts(figure.axes[0])) == 80
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names
    assert max(figure.get_size_inches()) * SAVED_DPI < 5000


def test_range_test_is_drawn_over_a_logarithmic_axis_without_what_is_not_finite() -> None:
    curve = pd.DataFrame({"lr": [1e-3, 1e-2, 1e-1], "loss": [2.0, 1.0, np.inf]})
    figure = plots.draw_lr_curve(curve, {"present": 4e-3, "steepest descent": 2e-3}, "range test of 가면")
    (axis,) = figure.axes
    line, *marks = axis.get_lines()
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1e-3, 1e-2], [2.0, 1.0])
    assert [mark.get_xdata()[0] for mark in marks] == [4e-3, 2e-3]
    shown = [text.get_text() for text in axis.get_legend().get_texts()]
    assert shown == ["present: 4.0e-03", "steepest descent: 2.0e-03"]
    assert axis.get_xscale() == "log"
    assert render(figure) == []
