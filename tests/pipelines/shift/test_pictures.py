"""Pictures hold what the tables say."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import auc, roc_curve

from podium.pipelines.shift.differences import compare_properties
from podium.pipelines.shift.pictures import (
    cut_bins,
    draw_distributions,
    draw_rows,
    draw_verdict,
    plot_distributions,
    plot_verdict,
    share_in_bins,
    trace_roc,
    word_panel,
)


@pytest.fixture
def values() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"noise": rng.normal(5, 1, 200), "sharpness": rng.lognormal(5, 2, 200), "width_px": np.full(200, 640.0)}
    )


def test_shares_of_each_side_add_up_to_a_hundred_per_cent() -> None:
    column = np.array([*np.linspace(0, 10, 500), 1e9, -1e9, np.nan])
    edges = cut_bins(column, is_logarithmic=False)
    shares = share_in_bins(column, edges)
    assert len(edges) == len(shares) + 1 and (np.diff(edges) > 0).all()
    assert shares.sum() == pytest.approx(100)
    assert edges[-1] < 100, "a few outliers do not stretch the axis"


def test_bins_are_those_of_numpy_between_outliers() -> None:
    column = np.random.default_rng(1).uniform(0, 1, 1000)
    edges = cut_bins(column, is_logarithmic=False)
    inside = column[(column > edges[0]) & (column < edges[-1])]
    np.testing.assert_allclose(
        share_in_bins(inside, edges), np.histogram(inside, edges)[0] / len(inside) * 100, atol=1e-9
    )


def test_logarithmic_bins_grow_by_one_factor_unless_values_reach_zero() -> None:
    column = np.geomspace(1, 1000, 300)
    ratios = np.diff(np.log(cut_bins(column, is_logarithmic=True)))
    np.testing.assert_allclose(ratios, ratios[0])
    steps = np.diff(cut_bins(np.array([*np.zeros(10), *column]), is_logarithmic=True))
    np.testing.assert_allclose(steps, steps[0])


def test_each_property_has_a_panel_with_its_effect_and_unit(values: pd.DataFrame) -> None:
    is_test = np.arange(200) % 2 == 0
    differences = compare_properties(values, is_test)
    figure = draw_distributions(values, is_test, differences, "얼굴")
    panels = {axis.get_title(): axis for axis in figure.axes if axis.get_title()}
    assert [title.split("\n")[0] for title in panels] == [name.replace("_", " ") for name in differences["property"]]
    by_name = {title.split("\n")[0]: axis for title, axis in panels.items()}
    assert by_name["noise"].get_xlabel() == "levels of 255"
    assert by_name["sharpness"].get_xscale() == "log"
    assert "all images: 640" in by_name["width px"].texts[0].get_text()
    plot = plot_distributions(values, is_test, differences, "얼굴")
    titles = [title.replace("\n", "<br>") for title in panels]
    assert [note.text for note in plot.layout.annotations] == [*titles, "all images: 640<br>(px)"]
    assert [trace.name for trace in plot.data] == ["train", "test"] * 2
    assert plot.layout.title.text == "얼굴"


@pytest.mark.parametrize(("p_holm", "told"), [(0.0004, "p < 0.001"), (0.0123, "p = 0.012"), (1.0, "p = 1.000")])
def test_panel_tells_the_p_value_that_is_adjusted_for_the_number_of_properties(p_holm: float, told: str) -> None:
    table = pd.DataFrame({"property": ["line_direction"], "cliffs_delta": [-0.4], "effect": ["medium"]})
    (row,) = table.assign(p_value=1e-9, p_holm=p_holm).itertuples()
    assert word_panel(row) == f"line direction\nδ = -0.40 (medium), Holm's {told}"


def test_roc_curve_holds_the_area_that_is_told() -> None:
    rng = np.random.default_rng(2)
    is_test = rng.random(100) < 0.5
    p_test = np.clip(rng.normal(0.4 + 0.3 * is_test, 0.2), 0, 1)
    false, true = trace_roc(p_test, is_test)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert auc(false, true) == pytest.approx(auc(*roc_curve(is_test, p_test)[:2]))


def test_verdict_shows_auc_and_every_property() -> None:
    is_test, p_test = np.arange(20) % 2 == 0, np.linspace(0, 1, 20)
    scores = {"auc": 0.5, "auc_low": 0.25, "auc_high": 0.75}
    properties = pd.DataFrame({"property": ["noise", "aspect_ratio"], "auc": [0.8, 0.45]})
    left, right = draw_verdict(p_test, is_test, scores, properties, "얼굴").axes
    assert left.get_legend().get_texts()[0].get_text() == "AUC 0.50 (0.25 to 0.75)"
    assert [tick.get_text() for tick in right.get_yticklabels()] == ["noise", "aspect ratio"]
    assert [round(bar.get_x() + bar.get_width(), 6) for bar in right.patches] == [0.8, 0.45]
    bars = plot_verdict(p_test, is_test, scores, properties, "얼굴").data[-1]
    np.testing.assert_allclose(np.array(bars.x) + bars.base, [0.8, 0.45])


def test_pictures_of_all_shapes_stand_whole_in_their_squares() -> None:
    rows = []
    for size in ((40, 20), (20, 40)):
        data = io.BytesIO()
        Image.new("RGB", size, "red").save(data, "JPEG")
        rows.append((f"행 {size}", [data.getvalue()]))
    sheet = np.asarray(draw_rows(rows, "얼굴").axes[0].images[0].get_array())
    is_red = (sheet[..., 0] > 200) & (sheet[..., 1] < 50)
    assert is_red.sum() == pytest.approx(2 * 160 * 80, rel=0.02)
