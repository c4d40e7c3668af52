"""Pictures of train against test: distributions side by side, the ROC curve, and pictures that look like test."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image
from plotly.subplots import make_subplots

from podium.pipelines.shift.properties import LOGARITHMIC, UNITS
from podium.plots import draw_grid, draw_note, find_fonts, plot_note

# Okabe and Ito's blue and vermilion, which colour-blind people tell apart; in print, a filled area and a line.
TRAIN_COLOUR, TEST_COLOUR = "#56B4E9", "#D55E00"
NO_TEST = "there is no test part to compare with"
_N_BINS, _N_COLUMNS = 24, 3
_TILE_PX = 160

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def draw_distributions(values: pd.DataFrame, is_test: Flags, differences: pd.DataFrame, title: str) -> Figure:
    """Draw the distribution of each property in train and test, the largest difference first.

    Args:
        values: One row a group; see :func:`podium.pipelines.shift.differences.draw_one_a_group`.
        is_test: (n_groups,).
        differences: property, cliffs_delta, effect, p_holm; a panel each.
        title: Of the figure.
    """
    if differences.empty:
        return draw_note(NO_TEST, title)
    n_rows = -(-len(differences) // _N_COLUMNS)
    figure = Figure(figsize=(3.4 * _N_COLUMNS, 2.45 * n_rows + 0.9), layout="constrained")
    axes = figure.subplots(n_rows, _N_COLUMNS, squeeze=False).ravel()
    for axis, row in zip(axes, differences.itertuples(), strict=False):
        axis.set_title(word_panel(row), fontsize=9)
        _fill_panel(axis, values[row.property].to_numpy(np.float64), is_test, row.property)
    for axis in axes[len(differences) :]:
        axis.set_axis_off()
    labels = [Patch(color=TRAIN_COLOUR, label="train"), Line2D([], [], color=TEST_COLOUR, label="test")]
    figure.legend(handles=labels, loc="outside lower center", ncols=2, fontsize=9)
    figure.suptitle(title, fontsize=10, family=find_fonts())
    return figure


def _fill_panel(axis: Axes, column: Floats, is_test: Flags, name: str) -> None:
    """Draw the distribution of one property; where all images have the same value, say so."""
    edges = cut_bins(column, name in LOGARITHMIC)
    if len(edges) == 2:
        axis.set(xticks=[], yticks=[])
        axis.text(0.5, 0.5, word_constant(column, name), ha="center", va="center", transform=axis.transAxes, fontsize=9)
        return
    train, test = (share_in_bins(column[is_test == side], edges) for side in (False, True))
    axis.stairs(train, edges, fill=True, color=TRAIN_COLOUR)
    axis.stairs(test, edges, color=TEST_COLOUR, linewidth=1.8)
    axis.set_xscale("log" if _is_logarithmic(edges) else "linear")
    axis.set_xlabel(UNITS[name], fontsize=8)
    axis.set_ylabel("share of groups, %", fontsize=8)
    axis.tick_params(labelsize=7)
    _thin_ticks(axis, edges)


def plot_distributions(values: pd.DataFrame, is_test: Flags, differences: pd.DataFrame, title: str) -> go.Figure:
    """Draw the same as :func:`draw_distributions`, to look at in a browser."""
    if differences.empty:
        return plot_note(NO_TEST, title)
    n_rows = -(-len(differences) // _N_COLUMNS)
    panels = [word_panel(row).replace("\n", "<br>") for row in differences.itertuples()]
    figure = make_subplots(
        rows=n_rows, cols=_N_COLUMNS, subplot_titles=panels, vertical_spacing=0.38 / n_rows, horizontal_spacing=0.08
    )
    named = False
    for number, name in enumerate(differences["property"]):
        place = {"row": number // _N_COLUMNS + 1, "col": number % _N_COLUMNS + 1}
        column = values[name].to_numpy(np.float64)
        edges = cut_bins(column, name in LOGARITHMIC)
        if len(edges) == 2:
            text = word_constant(column, name).replace("\n", "<br>")
            middle = {"xref": "x domain", "yref": "y domain", "x": 0.5, "y": 0.5, "showarrow": False}
            figure.add_annotation(text=text, **middle, **place)
            figure.update_xaxes(visible=False, **place)
            figure.update_yaxes(visible=False, **place)
            continue
        for side, label, colour, fill in (
            (False, "train", TRAIN_COLOUR, "tozeroy"),
            (True, "test", TEST_COLOUR, "none"),
        ):
            shares = share_in_bins(column[is_test == side], edges)
            trace = go.Scatter(
                x=edges, y=[*shares, shares[-1]], line={"shape": "hv", "color": colour}, fill=fill, name=label,
                legendgroup=label, showlegend=not named, hovertemplate="%{y:.1f} % from %{x:.4g}",
            )  # fmt: skip
            figure.add_trace(trace, **place)
        named = True
        axis_type = "log" if _is_logarithmic(edges) else "linear"
        figure.update_xaxes(title={"text": UNITS[name], "standoff": 4, "font_size": 11}, type=axis_type, **place)
        figure.update_yaxes(title_text="share, %", rangemode="tozero", **place)
    figure.update_annotations(font_size=12)
    figure.update_layout(title=title, template="plotly_white", width=1050, height=275 * n_rows + 120)
    return figure


def word_panel(row: Any) -> str:
    """Name a property with its effect and its adjusted p-value, as the title of a panel, in two lines."""
    delta = round(row.cliffs_delta, 2) + 0.0  # no -0.00
    p_value = "p < 0.001" if row.p_holm < 0.001 else f"p = {row.p_holm:.3f}"
    return f"{row.property.replace('_', ' ')}\nδ = {delta:+.2f} ({row.effect}), Holm's {p_value}"


def word_constant(column: Floats, name: str) -> str:
    """Say that nearly all images have one value."""
    return f"all images: {np.nanmedian(column):.4g}\n({UNITS[name]})"


def cut_bins(column: Floats, is_logarithmic: bool) -> Floats:
    """Cut the range of a property into bins; the outermost half per cent on each side lies in the first and last.

    Args:
        column: Values of train and test, NaN where unknown.
        is_logarithmic: Whether bins grow with the value; they do not where values reach 0.

    Returns:
        float64, (n_bins + 1,), rising; a single bin where hardly a value differs from the others.
    """
    known = column[~np.isnan(column)]
    low, high = np.quantile(known, [0.005, 0.995])
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    if is_logarithmic and low > 0:
        return np.geomspace(low, high, _N_BINS + 1)
    return np.linspace(low, high, _N_BINS + 1)


def share_in_bins(column: Floats, edges: Floats) -> Floats:
    """Return how many per cent of the known values lie in each bin, those outside in the nearest one."""
    known = column[~np.isnan(column)]
    return np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0] * (100 / max(len(known), 1))


def _is_logarithmic(edges: Floats) -> bool:
    steps = np.diff(edges)
    return len(steps) > 1 and bool(steps[-1] > 1.5 * steps[0])


def _thin_ticks(axis: Axes, edges: Floats) -> None:
    """Keep few ticks: a logarithmic axis of less than two decades would have one or dozens of its own."""
    if not _is_logarithmic(edges):
        axis.locator_params(axis="x", nbins=5)
    elif edges[-1] < 100 * edges[0]:
        ticks = np.geomspace(edges[0], edges[-1], 4)
        axis.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
        axis.minorticks_off()


def draw_verdict(
    p_test: Floats, is_test: Flags, scores: dict[str, Any], properties: pd.DataFrame, title: str
) -> Figure:
    """Draw the ROC curve of the classifier, and how much each property gives away.

    Args:
        p_test: Out of fold, (n_images,).
        is_test: (n_images,).
        scores: auc, auc_low, auc_high, level.
        properties: property and auc, the largest first.
        title: Of the figure.
    """
    if scores["auc"] is None:
        return draw_note(NO_TEST, title)
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(*trace_roc(p_test, is_test), color="#0072B2", label=word_auc(scores))
    left.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1, label="chance")
    left.set(xlabel="share of training images taken for test", ylabel="share of test images found", aspect="equal")
    left.legend(fontsize=8, loc="lower right")
    names = [name.replace("_", " ") for name in properties["property"]]
    right.barh(np.arange(len(names)), properties["auc"] - 0.5, left=0.5, color="#56B4E9")
    right.set_yticks(np.arange(len(names)), names, fontsize=8)
    right.invert_yaxis()
    right.axvline(0.5, color="black", linestyle=":", linewidth=1)
    right.set(xlim=(min(0.4, properties["auc"].min()), 1), xlabel="AUC by this property alone")
    figure.suptitle(title, fontsize=10, family=find_fonts())
    return figure


def plot_verdict(
    p_test: Floats, is_test: Flags, scores: dict[str, Any], properties: pd.DataFrame, title: str
) -> go.Figure:
    """Draw the same as :func:`draw_verdict`, to look at in a browser."""
    if scores["auc"] is None:
        return plot_note(NO_TEST, title)
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.22)
    x, y = trace_roc(p_test, is_test)
    figure.add_trace(go.Scatter(x=x, y=y, name=word_auc(scores), line={"color": "#0072B2"}), row=1, col=1)
    chance = go.Scatter(x=[0, 1], y=[0, 1], name="chance", mode="lines", line={"color": "black", "dash": "dot"})
    figure.add_trace(chance, row=1, col=1)
    names = [name.replace("_", " ") for name in properties["property"]]
    bars = go.Bar(
        y=names, x=properties["auc"] - 0.5, base=0.5, orientation="h", marker={"color": "#56B4E9"}, showlegend=False,
        customdata=properties["auc"], hovertemplate="%{y}: %{customdata:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(bars, row=1, col=2)
    figure.update_xaxes(title_text="share of training images taken for test", row=1, col=1)
    figure.update_yaxes(title_text="share of test images found", row=1, col=1)
    figure.update_xaxes(title_text="AUC by this property alone", row=1, col=2)
    figure.update_yaxes(autorange="reversed", row=1, col=2)
    figure.update_layout(title=title, template="plotly_white", width=1050, height=480)
    return figure


def word_auc(scores: dict[str, Any]) -> str:
    """Tell an AUC with its interval."""
    return f"AUC {scores['auc']:.2f} ({scores['auc_low']:.2f} to {scores['auc_high']:.2f})"


def trace_roc(p_test: Floats, is_test: Flags) -> tuple[Floats, Floats]:
    """Return false and true positive rates over falling thresholds, from (0, 0) to (1, 1)."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(is_test, p_test)
    return false, true


def draw_rows(rows: list[tuple[str, list[bytes]]], title: str) -> Figure:
    """Lay thumbnails out in titled rows, each in a square of its own.

    Args:
        rows: The title of each row, and its JPEG files.
        title: Of the figure.
    """
    n_columns = max((len(row) for _, row in rows), default=0)
    if not n_columns:
        return draw_note(NO_TEST, title)
    sheet = np.full((len(rows), n_columns, _TILE_PX, _TILE_PX, 3), 255, dtype=np.uint8)
    for number, (_, row) in enumerate(rows):
        for column, data in enumerate(row):
            sheet[number, column] = _fit_into_square(data)
    return draw_grid(sheet, [name for name, _ in rows], [""] * n_columns, title)


def _fit_into_square(data: bytes) -> npt.NDArray[np.uint8]:
    """Put a picture into the middle of a light gray square."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = _TILE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("RGB", (_TILE_PX, _TILE_PX), (235, 235, 235))
    square.paste(image.resize(size, Image.Resampling.BILINEAR), ((_TILE_PX - size[0]) // 2, (_TILE_PX - size[1]) // 2))
    return np.asarray(square)
