"""Counts of classes, attributes and the numbers behind them as charts, each once to look at and once to print."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from podium.pipelines.explore.counts import Attributes, arrange_pairs, measure_association
from podium.plots import (
    COLOURS,
    DARK,
    MAX_CLASSES_DRAWN,
    MAX_CLASSES_WITH_COUNTS,
    MAX_SIDE_INCHES,
    clip_text,
    draw_note,
    find_fonts,
    plot_note,
)

BLUE, VERMILION = COLOURS[0], COLOURS[1]
DASHES = ("solid", "dashed", "dotted", "dashdot")
PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot")
HALF = 0.5  # from a whole number to the edge of its bar
NAME_COLUMNS = 40
MAX_BINS = 80

NO_PAIRS = "fewer than two attributes: there is nothing to cross"
NO_NUMBERS = "no attribute has a number behind it"
SMALLEST_LETTERS_IN = 0.085
"""Less than this between two lines of text leaves them unreadable."""

Counts = npt.NDArray[np.int64]
Edges = npt.NDArray[np.float64]


def draw_class_counts(counts: pd.DataFrame, title: str) -> Figure:
    """Draw the number of training images of each class as a bar, and of its groups as a diamond.

    Args:
        counts: As :func:`~podium.pipelines.explore.counts.count_classes` returns it.
        title: Of the figure.
    """
    n = len(counts)
    row_in = min(0.27, (MAX_SIDE_INCHES - 1.4) / n)
    figure = Figure(figsize=(8.5, max(2.4, n * row_in + 1.4)), layout="constrained")
    axis, fonts, letters = figure.subplots(), find_fonts(), min(8.0, 72 * 0.75 * row_in)
    axis.barh(range(n), counts["n_images"], height=0.8, color=BLUE, label="images")
    if _has_groups(counts):
        axis.plot(
            counts["n_groups"], range(n), "D", color=VERMILION, mec="white", ms=5, label="groups", linestyle="none"
        )
    if row_in >= SMALLEST_LETTERS_IN:
        axis.set_yticks(
            range(n), [clip_text(name, NAME_COLUMNS) for name in counts["class_name"]], fontsize=letters, family=fonts
        )
        for place, row in enumerate(counts.itertuples()):
            axis.annotate(
                f"{row.n_images} ({row.share:.1%})",
                (row.n_images, place),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=letters,
            )
    axis.set(ylim=(n - HALF, -HALF), xlabel=_name_counts(counts), ylabel="class")
    axis.margins(x=0.18)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    axis.set_title(title, fontsize=10, family=fonts)
    figure.legend(fontsize=8, loc="outside lower center", ncols=2)
    return figure


def plot_class_counts(counts: pd.DataFrame, title: str) -> go.Figure:
    """Draw the same as :func:`draw_class_counts`, to look at in a browser."""
    n = len(counts)
    customdata = counts[["class_name", "share", "n_groups"]].to_numpy()
    hover = "%{customdata[0]}<br>%{x} images (%{customdata[1]:.2%})<br>%{customdata[2]} groups<extra></extra>"
    figure = go.Figure(
        go.Bar(
            x=counts["n_images"], y=list(range(n)), orientation="h", name="images", marker_color=BLUE,
            text=[f"  {n_images}" for n_images in counts["n_images"]], textposition="outside",
            customdata=customdata, hovertemplate=hover,
        )
    )  # fmt: skip
    if _has_groups(counts):
        marker = {"color": VERMILION, "symbol": "diamond", "size": 9, "line": {"color": "white", "width": 1}}
        figure.add_scatter(
            x=counts["n_groups"], y=list(range(n)), mode="markers", name="groups", marker=marker,
            customdata=customdata, hovertemplate=hover,
        )  # fmt: skip
    names = [clip_text(name, NAME_COLUMNS) for name in counts["class_name"]]
    figure.update_layout(
        title=title, template="plotly_white", width=900, height=max(320, 20 * n + 170),
        xaxis={"title": _name_counts(counts)},
        yaxis={"title": "class", "tickvals": list(range(n)), "ticktext": names, "autorange": "reversed"},
        barmode="overlay",
    )  # fmt: skip
    return figure


def _has_groups(counts: pd.DataFrame) -> bool:
    """Tell whether some group has several images."""
    return not (counts["n_images"] == counts["n_groups"]).all()


def _name_counts(counts: pd.DataFrame) -> str:
    """Name what the axis counts: images, and groups where diamonds show them."""
    return "training images (◆ groups)" if _has_groups(counts) else "training images"


def draw_attribute_tables(tables: pd.DataFrame, title: str) -> Figure:
    """Draw the cross table of each two attributes: images as numbers, shares of a row as shades.

    Args:
        tables: As :func:`~podium.pipelines.explore.counts.cross_attributes` returns it.
        title: Of the figure.
    """
    pairs = arrange_pairs(tables)
    if not pairs:
        return draw_note(NO_PAIRS, title)
    wide = [max(2.6, 0.62 * len(columns) + 1.7) for _, _, columns in pairs.values()]
    high = max(max(2.6, 0.5 * len(rows) + 1.9) for _, rows, _ in pairs.values())
    figure = Figure(
        figsize=(min(sum(wide) + 0.8, MAX_SIDE_INCHES), min(high + 0.5, MAX_SIDE_INCHES)), layout="constrained"
    )
    axes = figure.subplots(1, len(pairs), squeeze=False, gridspec_kw={"width_ratios": wide})[0]
    for axis, (names, (counts, rows, columns)) in zip(axes, pairs.items(), strict=True):
        shown = _fill_table(axis, counts, rows, columns)
        axis.set_ylabel(names[0], family=find_fonts())
        axis.set_xlabel(names[1], family=find_fonts())
        axis.set_title(_word_association(names, counts), fontsize=9, family=find_fonts())
    figure.suptitle(title, fontsize=10, family=find_fonts())
    figure.colorbar(shown, ax=axes, label="share of the row", shrink=0.8)
    return figure


def plot_attribute_tables(tables: pd.DataFrame, title: str) -> go.Figure:
    """Draw the same as :func:`draw_attribute_tables`, to look at in a browser."""
    pairs = arrange_pairs(tables)
    if not pairs:
        return plot_note(NO_PAIRS, title)
    titles = [_word_association(names, counts) for names, (counts, _, _) in pairs.items()]
    figure = make_subplots(rows=1, cols=len(pairs), subplot_titles=titles, horizontal_spacing=0.3 / len(pairs))
    for column, (names, (counts, rows, columns)) in enumerate(pairs.items(), start=1):
        heatmap = go.Heatmap(
            z=_share_of_row(counts), text=counts, zmin=0, zmax=1, colorscale="Blues", showscale=column == 1,
            texttemplate="%{text}" if max(counts.shape) <= MAX_CLASSES_WITH_COUNTS else None,
            customdata=[[(first, second) for second in columns] for first in rows],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{text} images, %{z:.1%} of the row<extra></extra>",
            colorbar={"title": "share of<br>the row"},
        )  # fmt: skip
        figure.add_trace(heatmap, row=1, col=column)
        figure.update_xaxes(title_text=names[1], **_name_ticks(columns), row=1, col=column)
        figure.update_yaxes(title_text=names[0], autorange="reversed", **_name_ticks(rows), row=1, col=column)
    tallest = max(len(rows) for _, rows, _ in pairs.values())
    figure.update_layout(
        title=title, template="plotly_white", width=420 * len(pairs) + 120, height=max(420, 30 * tallest + 220)
    )
    return figure


def draw_numbers(train: pd.DataFrame, attributes: Attributes, title: str) -> Figure:
    """Draw how often each number behind a banded attribute occurs, and the edges of its bands, by each other attribute.

    Args:
        train: One row a training image: every attribute, and the raw column of each banded one (Int64).
        attributes: Their values, raw columns and edges.
        title: Of the figure.
    """
    panels = list(_list_panels(train, attributes))
    if not panels:
        return draw_note(NO_NUMBERS, title)
    figure = Figure(figsize=(8.5, 2.7 * len(panels) + 0.5), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (name, by, edges, curves) in zip(axes, panels, strict=True):
        for place, (value, (starts, counts)) in enumerate(curves.items()):
            style = {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[place % len(DASHES)]}
            axis.stairs(counts, starts, label=value, linewidth=1.4, **style)
        for edge in edges:
            axis.axvline(edge - HALF, color="black", linestyle=(0, (4, 3)), linewidth=1)
            axis.annotate(
                f" from {edge}",
                (edge - HALF, 1),
                (0, -9),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize=8,
            )
        axis.set_xlabel(name, family=find_fonts())
        axis.set_ylabel("training images")
        axis.set_ylim(bottom=0)
        axis.legend(
            title=by,
            fontsize=8,
            prop={"family": find_fonts(), "size": 8},
            title_fontproperties={"family": find_fonts(), "size": 8},
        )
    figure.suptitle(title, fontsize=10, family=find_fonts())
    return figure


def plot_numbers(train: pd.DataFrame, attributes: Attributes, title: str) -> go.Figure:
    """Draw the same as :func:`draw_numbers`, to look at in a browser."""
    panels = list(_list_panels(train, attributes))
    if not panels:
        return plot_note(NO_NUMBERS, title)
    titles = [f"{name} by {by}" for name, by, _, _ in panels]
    figure = make_subplots(rows=len(panels), cols=1, subplot_titles=titles)
    for row, (name, by, edges, curves) in enumerate(panels, start=1):
        for place, (value, (starts, counts)) in enumerate(curves.items()):
            line = {
                "color": COLOURS[place % len(COLOURS)],
                "dash": PLOTLY_DASHES[place % len(PLOTLY_DASHES)],
                "shape": "hv",
            }
            trace = go.Scatter(
                x=starts, y=[*counts, 0], mode="lines", line=line, name=f"{by}: {value}",
                hovertemplate=f"{value}<br>from %{{x}}: %{{y}} images<extra></extra>",
            )  # fmt: skip
            figure.add_trace(trace, row=row, col=1)
        for edge in edges:
            figure.add_vline(
                x=edge - HALF, line={"dash": "dash", "color": "black"}, annotation_text=f"from {edge}", row=row, col=1
            )
        figure.update_xaxes(title_text=name, row=row, col=1)
        figure.update_yaxes(title_text="training images", rangemode="tozero", row=row, col=1)
    figure.update_layout(title=title, template="plotly_white", width=900, height=320 * len(panels) + 120)
    return figure


def _fill_table(axis: Axes, counts: Counts, rows: list[str], columns: list[str]) -> Any:
    shares, fonts = _share_of_row(counts), find_fonts()
    shown = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(
        range(len(columns)),
        [clip_text(name, NAME_COLUMNS) for name in columns],
        rotation=45,
        ha="right",
        fontsize=8,
        family=fonts,
    )
    axis.set_yticks(range(len(rows)), [clip_text(name, NAME_COLUMNS) for name in rows], fontsize=8, family=fonts)
    for i, j in np.ndindex(counts.shape) if max(counts.shape) <= MAX_CLASSES_DRAWN else ():
        colour = "white" if shares[i, j] > DARK else "black"
        axis.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=8, color=colour)
    return shown


def _word_association(names: tuple[str, str], counts: Counts) -> str:
    association = measure_association(counts)
    return f"{names[0]} × {names[1]}" + ("" if np.isnan(association) else f" (Cramér's V {association:.2f})")


def _share_of_row(counts: Counts) -> npt.NDArray[np.float64]:
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)


def _name_ticks(names: list[str]) -> dict[str, Any]:
    return {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}


def _list_panels(
    train: pd.DataFrame, attributes: Attributes
) -> Iterator[tuple[str, str, list[int], dict[str, tuple[Edges, Counts]]]]:
    """Yield a panel for each banded attribute and each other one: axis, the other's name, edges, and a curve a value.

    A curve is the edges of its bins, float64 (n_bins + 1,), and the images in each, int64 (n_bins,).
    """
    for name, attribute in attributes.items():
        raw = attribute["raw_column"]
        if raw is None or train[raw].isna().all():
            continue
        known = train[train[raw].notna()]
        numbers = known[raw].to_numpy(np.int64)
        step = int(np.ceil((np.ptp(numbers) + 1) / MAX_BINS))
        bins = np.arange(numbers.min(), numbers.max() + step + 1, step) - HALF
        others = {
            other: list(attributes[other]["values"]) for other in attributes if attributes[other]["raw_column"] is None
        }
        for other, values in (others or {"": ["all"]}).items():
            chosen = {value: numbers[(known[other] == value).to_numpy()] if other else numbers for value in values}
            curves = {value: (bins, np.histogram(part, bins)[0]) for value, part in chosen.items()}
            yield _name_number(name, raw, step), other, list(attribute["edges"]), curves


def _name_number(attribute: str, raw_column: str, step: int) -> str:
    """Name an axis: ``age in years`` for ``age`` and ``age_years``."""
    unit = raw_column.removeprefix(f"{attribute}_")
    name = raw_column if unit == raw_column else f"{attribute} in {unit.replace('_', ' ')}"
    return name if step == 1 else f"{name}, {step} a step"
