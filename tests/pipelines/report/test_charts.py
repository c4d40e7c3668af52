import numpy as np
import pytest

from podium.pipelines.report.charts import (
    Axis,
    Line,
    measure_text,
    plan_dots,
    plan_lines,
    shorten,
)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.93, 0.97), (-3.0, 250.0), (0.5, 0.5012), (0.0, 4.0)])
def test_ticks_are_few_round_evenly_spaced_and_within_the_axis(low: float, high: float) -> None:
    ticks = Axis(low, high, 100.0, 500.0).list_ticks()
    values = [float(tick["text"]) for tick in ticks]
    assert 2 <= len(ticks) <= 7
    assert low - 1e-9 <= min(values) and max(values) <= high + 1e-9
    np.testing.assert_allclose(np.diff(values), np.diff(values)[0])
    np.testing.assert_allclose([tick["at"] for tick in ticks], 100 + 400 * (np.array(values) - low) / (high - low),
                               atol=0.06)  # fmt: skip


def test_upright_axis_begins_below() -> None:
    axis = Axis(0.0, 1.0, 200.0, 10.0)
    assert (axis.place(0.0), axis.place(1.0)) == (200.0, 10.0)


def test_marks_lie_in_order_between_the_ends_of_their_intervals_and_within_the_plot() -> None:
    chart = plan_dots([("가", [(0.5, 0.4, 0.7), None]), ("나", [(0.9, 0.85, 0.95), (0.2, 0.1, 0.3)])], ["a", "b"], "F1")
    marks = [mark for row in chart["rows"] for mark in row["marks"]]
    assert [mark["series"] for mark in marks] == [0, 0, 1]
    for mark in marks:
        assert chart["left"] <= mark["low"] < mark["x"] < mark["high"] <= chart["right"]
        assert 0 < mark["y"] < chart["bottom"] < chart["height"]
    first, second, third = marks
    assert third["x"] < first["x"] < second["x"]
    assert second["y"] < third["y"]
    assert first["title"] == "가, a: 0.5000 (0.4000 to 0.7000)"


def test_scores_of_shares_never_leave_0_to_1() -> None:
    chart = plan_dots([("가", [(1.0, 0.999, 1.0)]), ("나", [(0.0, 0.0, 0.01)])], [""], "F1")
    assert [float(tick["text"]) for tick in chart["ticks"]] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])


def test_chart_without_anything_known_is_empty_rather_than_broken() -> None:
    chart = plan_dots([("가", [None])], ["a"], "F1")
    assert chart["rows"][0]["marks"] == []
    lines = plan_lines([Line("가", [(0.0, np.nan)], 0)], ("epoch", "loss"))
    assert lines["lines"][0]["points"] == [] and lines["lines"][0]["end"] is None


def test_points_that_are_not_finite_are_left_out_and_rings_with_them() -> None:
    points = [(0.0, 1.0), (1.0, np.nan), (2.0, np.inf), (3.0, 3.0)]
    line = Line("가", points, 0, marked=[((1.0, np.nan), "x"), ((3.0, 3.0), "y")])
    (planned,) = plan_lines([line], ("epoch", "loss"))["lines"]
    assert len(planned["points"]) == 2
    assert [mark["title"] for mark in planned["marked"]] == ["y"]


def test_epochs_have_whole_ticks() -> None:
    chart = plan_lines([Line("가", [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)], 0)], ("epoch", "loss"), whole_x=True)
    assert [tick["text"] for tick in chart["x_ticks"]] == ["0", "1", "2"]


def test_single_epoch_has_a_place() -> None:
    chart = plan_lines([Line("가", [(0.0, 0.7)], 0)], ("epoch", "loss"))
    assert chart["left"] < chart["lines"][0]["points"][0][0] < chart["right"]


def test_square_runs_from_0_to_1_both_ways() -> None:
    chart = plan_lines([Line("가", [(0.5, 0.5)], 0)], ("p", "right"), is_square=True)
    x, y = chart["lines"][0]["points"][0]
    assert (x, y) == ((chart["left"] + chart["right"]) / 2, (chart["top"] + chart["bottom"]) / 2)


def test_long_names_are_cut_to_fit_and_korean_letters_count_as_wide() -> None:
    assert shorten("wear male <30", 240) == "wear male <30"
    for name in ("a" * 100, "가" * 100):
        short = shorten(name, 240)
        assert short.endswith("…") and measure_text(short) <= 240
    assert len(shorten("가" * 100, 240)) < len(shorten("a" * 100, 240))
