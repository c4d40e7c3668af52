"""Pictures: every figure of the project is drawn here, with fonts that know all scripts."""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from noto_cjk_sans_otc import FONT_PATH
from plotly.subplots import make_subplots

DARK = 0.72
"""Share from which on white letters are easier to read than black ones on its blue."""

MAX_CLASSES_WITH_COUNTS = 30
MAX_CLASSES_DRAWN = 80  # with names and counts; beyond, a picture of them would not fit into memory
MAX_SIDE_INCHES = 38.5

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's, which colour-blind people tell apart; blue and vermilion first, whose greys differ in print."""


@cache
def find_fonts() -> list[str]:
    """Name the font families to draw with, in the order in which matplotlib looks for a glyph.

    Latin, Greek and Cyrillic letters come from matplotlib's own DejaVu Sans, Korean, Japanese and Chinese ones from the
    Noto font that the project depends on, so that a name looks the same on every machine.
    """
    font_manager.fontManager.addfont(FONT_PATH)
    return ["DejaVu Sans", font_manager.FontProperties(fname=FONT_PATH).get_name()]


def draw_grid(
    images: npt.NDArray[np.uint8], row_titles: Sequence[str], column_titles: Sequence[str], title: str
) -> Figure:
    """Lay images out as a grid, on one sheet: axes for each of them would take a second to lay out and draw.

    Args:
        images: uint8, (n_rows, n_columns, height, width, 3).
        row_titles: One a row, drawn at its left.
        column_titles: One a column, drawn above.
        title: Of the whole figure.
    """
    n_rows, n_columns, height, width = images.shape[:4]
    titles_in = 0.3 + 0.11 * max(map(len, row_titles))  # a wide letter of 8 points takes 0.11 inches
    size_in = (1.3 * n_columns + titles_in, 1.3 * n_rows * height / width + 0.9)
    figure = Figure(figsize=size_in, layout="constrained")
    axis, fonts = figure.subplots(), find_fonts()
    fill_grid(axis, images, row_titles, column_titles)
    figure.suptitle(title, fontsize=10, family=fonts)
    return figure


def fill_grid(
    axis: Axes,
    images: npt.NDArray[np.uint8],
    row_titles: Sequence[str],
    column_titles: Sequence[str],
    ground: int = 255,
) -> None:
    """Lay images out on one axis, as :func:`draw_grid` does.

    Args:
        axis: To fill.
        images: uint8, (n_rows, n_columns, height, width, 3).
        row_titles: One a row, or none.
        column_titles: One a column, or none.
        ground: Grey of the gaps, 0 to 255; white pages want one that is darker.
    """
    n_rows, n_columns, height, width = images.shape[:4]
    gap, fonts = max(1, width // 16), find_fonts()
    spaced = np.pad(images, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=ground)
    axis.imshow(spaced.transpose(0, 2, 1, 3, 4).reshape(n_rows * (height + gap), n_columns * (width + gap), 3))
    for set_ticks, n, side, titles in (
        (axis.set_xticks, n_columns, width, column_titles),
        (axis.set_yticks, n_rows, height, row_titles),
    ):
        middles = (np.arange(n if len(titles) else 0) + 0.5) * (side + gap) - gap / 2
        set_ticks(middles, titles, fontsize=8, family=fonts)
    axis.tick_params(length=0, labelbottom=False, labeltop=True)
    axis.spines[:].set_visible(False)


def measure_text(text: str) -> int:
    """Count the columns that a text takes: a Latin letter is one wide, a Korean one two."""
    return sum(_count_columns(letter) for letter in text)


def clip_text(text: str, max_columns: int) -> str:
    """Cut a text that takes more columns, and end it with an ellipsis."""
    if measure_text(text) <= max_columns:
        return text
    n_kept = int(np.searchsorted(np.cumsum([_count_columns(letter) for letter in text]), max_columns - 1, side="right"))
    return text[:n_kept].rstrip() + "…"


def draw_confusion(confusion: npt.NDArray[np.int64], names: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix: counts as numbers, shares of the true class as shades.

    Args:
        confusion: int, (n, n): rows are true classes, columns predicted ones.
        names: Of the classes.
        title: Of the figure.
    """
    side = min(max(4.0, 0.45 * len(names) + 2.5), MAX_SIDE_INCHES)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axis = figure.subplots()
    shown = _fill_confusion(axis, confusion, names)
    axis.set_title(title, fontsize=10, family=find_fonts())
    figure.colorbar(shown, ax=axis, label="share of the true class", shrink=0.7)
    return figure


def plot_confusion(confusion: npt.NDArray[np.int64], names: Sequence[str], title: str) -> go.Figure:
    """Draw the same as :func:`draw_confusion`, to look at in a browser with counts under the pointer."""
    n = len(names)
    figure = go.Figure(_make_heatmap(confusion, names, showscale=True))
    ticks: dict[str, Any] = {"tickmode": "array", "tickvals": list(range(n)), "ticktext": list(names)}
    figure.update_layout(
        title=title, template="plotly_white", xaxis={"title": "predicted class", **ticks},
        yaxis={"title": "true class", "autorange": "reversed", **ticks}, width=max(500, 34 * n + 260),
        height=max(450, 34 * n + 220),
    )  # fmt: skip
    return figure


def draw_confusions(parts: Mapping[str, tuple[npt.NDArray[np.int64], Sequence[str]]], title: str) -> Figure:
    """Draw the confusion of each attribute side by side; says so where there is none.

    Args:
        parts: By attribute, its confusion (n, n) and the names of its values.
        title: Of the figure.
    """
    figure = Figure(figsize=(4.2 * max(len(parts), 1), 4.2), layout="constrained")
    axes = figure.subplots(1, max(len(parts), 1), squeeze=False)[0]
    if not parts:
        axes[0].set_axis_off()
        axes[0].text(0.5, 0.5, "classes without attributes", ha="center")
    for axis, (name, (confusion, names)) in zip(axes, parts.items(), strict=False):
        _fill_confusion(axis, confusion, names)
        axis.set_title(name, fontsize=10, family=find_fonts())
    figure.suptitle(title, fontsize=10, family=find_fonts())
    return figure


def plot_confusions(parts: Mapping[str, tuple[npt.NDArray[np.int64], Sequence[str]]], title: str) -> go.Figure:
    """Draw the same as :func:`draw_confusions`, to look at in a browser."""
    figure = make_subplots(rows=1, cols=max(len(parts), 1), subplot_titles=list(parts), horizontal_spacing=0.12)
    for column, (confusion, names) in enumerate(parts.values(), start=1):
        figure.add_trace(_make_heatmap(confusion, names, showscale=column == 1), row=1, col=column)
        ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": list(names)}
        figure.update_xaxes(title_text="predicted", **ticks, row=1, col=column)
        figure.update_yaxes(title_text="true", autorange="reversed", **ticks, row=1, col=column)
    if not parts:
        figure.add_annotation(text="classes without attributes", showarrow=False)
    figure.update_layout(title=title, template="plotly_white", width=max(450, 380 * len(parts) + 120), height=450)
    return figure


def plot_curves(history: Any, title: str, score: str = "val_macro_f1") -> go.Figure:
    """Draw losses and one score of every fold over the epochs.

    Args:
        history: fold, epoch, train_loss, val_loss and the score; one row a fold and epoch.
        title: Of the figure.
        score: Column of the score.
    """
    figure = make_subplots(
        rows=1, cols=2, subplot_titles=("loss", f"{score.removeprefix('val_').replace('_', ' ')} on the held-out fold")
    )
    for fold, rows in history.groupby("fold"):
        line = {"color": COLOURS[int(fold) % len(COLOURS)]}
        for column, name, dash, panel in (
            ("train_loss", f"fold {fold}, training", "dot", 1),
            ("val_loss", f"fold {fold}, held out", "solid", 1),
            (score, f"fold {fold}", "solid", 2),
        ):
            trace = go.Scatter(
                x=rows["epoch"], y=rows[column], name=name, line={**line, "dash": dash}, mode="lines+markers"
            )
            figure.add_trace(trace, row=1, col=panel)
    figure.update_xaxes(title_text="epoch")
    figure.update_layout(title=title, template="plotly_white", width=1000, height=450)
    return figure


def draw_lr_curve(curve: Any, marks: Mapping[str, float], title: str) -> Figure:
    """Draw the losses of a learning-rate range test, and upright lines at some learning rates.

    Args:
        curve: lr and loss; one row a step. What is not finite is left out.
        marks: Learning rates by what is to be read beside them.
        title: Of the figure.
    """
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axis = figure.subplots()
    known = curve[np.isfinite(curve["loss"])]
    axis.plot(known["lr"], known["loss"], color="#0072B2")
    for colour, (name, lr) in zip(["#000000", "#D55E00", "#009E73"], marks.items(), strict=False):
        axis.axvline(lr, color=colour, linestyle="--", linewidth=1, label=f"{name}: {lr:.1e}")
    axis.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    axis.set_title(title, fontsize=10, family=find_fonts())
    axis.legend(fontsize=8)
    return figure


def _count_columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _fill_confusion(axis: Axes, confusion: npt.NDArray[np.int64], names: Sequence[str]) -> AxesImage:
    shares = _share_of_true(confusion)
    shown = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in zip(*np.nonzero(confusion if len(names) <= MAX_CLASSES_DRAWN else 0 * confusion), strict=True):
        colour = "white" if shares[i, j] > DARK else "black"
        axis.text(j, i, str(confusion[i, j]), ha="center", va="center", fontsize=7, color=colour)
    if len(names) <= MAX_CLASSES_DRAWN:
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=8, family=find_fonts())
        axis.set_yticks(range(len(names)), names, fontsize=8, family=find_fonts())
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    return shown


def _make_heatmap(confusion: npt.NDArray[np.int64], names: Sequence[str], showscale: bool) -> go.Heatmap:
    """Place classes by number, since two names may be equal once a browser has trimmed them."""
    return go.Heatmap(
        z=_share_of_true(confusion),
        text=confusion,
        texttemplate="%{text}" if len(names) <= MAX_CLASSES_WITH_COUNTS else None,
        customdata=[[(true, predicted) for predicted in names] for true in names],
        hovertemplate="true %{customdata[0]}<br>predicted %{customdata[1]}<br>%{text} images<extra></extra>",
        colorscale="Blues",
        zmin=0,
        zmax=1,
        showscale=showscale,
        colorbar={"title": "share of<br>true class"},
    )


def _share_of_true(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    total = confusion.sum(axis=1, keepdims=True)
    return np.divide(confusion, total, out=np.zeros(confusion.shape), where=total > 0)


def draw_note(text: str, title: str) -> Figure:
    """Draw a picture that says why there is nothing to see."""
    figure = Figure(figsize=(6.0, 2.0), layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", va="center", family=find_fonts())
    figure.suptitle(title, fontsize=10, family=find_fonts())
    return figure


def plot_note(text: str, title: str) -> go.Figure:
    """Draw the same as :func:`draw_note`, to look at in a browser."""
    figure = go.Figure()
    figure.add_annotation(text=text, showarrow=False)
    figure.update_layout(title=title, template="plotly_white", width=600, height=300)
    return figure
