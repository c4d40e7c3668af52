"""Pictures of a sweep: what each change does, what each leaf explains, and how the best score grew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from podium.plots import COLOURS, clip_text, find_fonts
from podium.sweeps.config import BASE

MAX_NAME_COLUMNS = 40
MAX_ROWS = 60


@dataclass(frozen=True)
class Bars:
    """Points with bars of their spread, one row each, the first on top.

    Attributes:
        names: Of the rows.
        values: Where each point lies.
        low, high: Ends of its bar; null where there is none.
        points: Further, single points of each row.
        zero: Where the upright line is drawn, or None.
    """

    names: Sequence[str]
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    points: Sequence[Sequence[float]]
    zero: float | None


def gather_effects(effects: pd.DataFrame, trials: pd.DataFrame) -> Bars:
    """Gather differences from the base with intervals; scores with a standard deviation where there is no base.

    Args:
        effects: See :func:`podium.sweeps.results.measure_effects`.
        trials: See :func:`podium.sweeps.results.tabulate_trials`.
    """
    finished = trials[trials["state"] == "finished"]
    base = finished[finished["change"] == BASE].set_index("seed")["value"]
    if len(base):
        rows = effects[effects["n_pairs"] > 0].head(MAX_ROWS)
        pairs = [finished[finished["change"] == change].set_index("seed")["value"] - base for change in rows["change"]]
        points = [list(pair.dropna()) for pair in pairs]
        return Bars(list(rows["change"]), list(rows["difference"]), list(rows["low"]), list(rows["high"]), points, 0.0)
    rows = effects.head(MAX_ROWS)
    points = [list(finished.loc[finished["change"] == change, "value"]) for change in rows["change"]]
    return Bars(
        list(rows["change"]), list(rows["mean"]), list(rows["mean"] - rows["sd"]), list(rows["mean"] + rows["sd"]),
        points, None,
    )  # fmt: skip


def gather_importances(importances: pd.DataFrame) -> Bars:
    """Gather the shares that leaves explain, with the standard deviation over forests."""
    rows = importances.head(MAX_ROWS)
    low, high = rows["share"] - rows["sd"], rows["share"] + rows["sd"]
    return Bars(list(rows["leaf"]), list(rows["share"]), list(low), list(high), [[] for _ in range(len(rows))], 0.0)


def draw_bars(bars: Bars, title: str, label: str, nothing: str) -> Figure:
    """Draw rows of points with their spread; says ``nothing`` where there are none."""

    def fill(axis: Axes) -> None:
        rows = range(len(bars.names))
        if bars.zero is not None:
            axis.axvline(bars.zero, color="#888888", linewidth=1)
        for row, points in zip(rows, bars.points, strict=True):
            axis.plot(points, [row] * len(points), ".", color=COLOURS[5], markersize=5)
        axis.hlines(rows, bars.low, bars.high, color=COLOURS[0], linewidth=2)
        axis.plot(bars.values, rows, "o", color=COLOURS[0])
        names = [clip_text(name, MAX_NAME_COLUMNS) for name in bars.names]
        axis.set_yticks(rows, names, fontsize=8, family=find_fonts())
        axis.set_ylim(len(bars.names) - 0.5, -0.5)
        axis.set_xlabel(label)

    return _draw(fill, (8.0, 1.6 + 0.28 * len(bars.names)), title, nothing if not bars.names else "")


def plot_bars(bars: Bars, title: str, label: str, nothing: str) -> go.Figure:
    """Draw the same as :func:`draw_bars`, to look at in a browser."""
    figure = go.Figure()
    rows = list(range(len(bars.names)))
    spread = pd.DataFrame({"value": bars.values, "low": bars.low, "high": bars.high}, dtype="float64")
    error = {
        "type": "data",
        "array": (spread["high"] - spread["value"]).fillna(0.0).tolist(),
        "arrayminus": (spread["value"] - spread["low"]).fillna(0.0).tolist(),
    }
    single = [(point, row) for row, points in zip(rows, bars.points, strict=True) for point in points]
    figure.add_scatter(
        x=[point for point, _ in single], y=[row for _, row in single], mode="markers", name="one trial",
        marker={"color": COLOURS[5], "size": 6},
    )  # fmt: skip
    figure.add_scatter(
        x=list(bars.values), y=rows, error_x=error, mode="markers", name="mean", text=list(bars.names),
        marker={"color": COLOURS[0], "size": 9}, hovertemplate="%{text}<br>%{x:.4f}<extra></extra>",
    )  # fmt: skip
    if bars.zero is not None:
        figure.add_vline(x=bars.zero, line_color="#888888")
    if not rows:
        figure.add_annotation(text=nothing, showarrow=False)
    ticks: dict[str, Any] = {"tickmode": "array", "tickvals": rows, "ticktext": list(bars.names)}
    figure.update_layout(
        title=title, template="plotly_white", xaxis={"title": label}, yaxis={"autorange": "reversed", **ticks},
        width=900, height=220 + 24 * len(rows),
    )  # fmt: skip
    return figure


def gather_history(trials: list[dict[str, Any]]) -> pd.DataFrame:
    """List finished and pruned trials in the order in which they ended: hours, value, best, key, state, worker.

    ``hours`` count from the first that ended; ``best`` is the best value finished by then.
    """
    ended = [trial for trial in trials if trial["value"] is not None and trial.get("ended") is not None]
    rows = pd.DataFrame(
        [{name: trial.get(name) for name in ("ended", "value", "key", "state", "worker")} for trial in ended],
        columns=["ended", "value", "key", "state", "worker"],
    ).sort_values(["ended", "key"], ignore_index=True)
    hours = (rows["ended"] - rows["ended"].min()) / 3600
    best = rows["value"].where(rows["state"] == "finished").cummax().ffill()
    return rows.assign(hours=hours, best=best)[["hours", "value", "best", "key", "state", "worker"]]


def draw_history(history: pd.DataFrame, title: str, label: str) -> Figure:
    """Draw every trial's score over time, by worker, and the best so far."""

    def fill(axis: Axes) -> None:
        axis.step(history["hours"], history["best"], where="post", color=COLOURS[6], linewidth=1, label="best so far")
        for colour, (worker, rows) in enumerate(history.groupby("worker", sort=True)):
            for state, mark in (("finished", "o"), ("pruned", "x")):
                part = rows[rows["state"] == state]
                name = f"{clip_text(str(worker), MAX_NAME_COLUMNS)}, {state}"
                if len(part):
                    axis.plot(part["hours"], part["value"], mark, color=COLOURS[colour % len(COLOURS)], label=name)
        axis.set(xlabel="hours since the first result", ylabel=label)
        axis.legend(fontsize=7, prop={"family": find_fonts(), "size": 7})

    return _draw(fill, (8.0, 4.2), title, "" if len(history) else "no trial has ended")


def plot_history(history: pd.DataFrame, title: str, label: str) -> go.Figure:
    """Draw the same as :func:`draw_history`, to look at in a browser."""
    figure = go.Figure()
    figure.add_scatter(
        x=history["hours"].tolist(), y=history["best"].tolist(), name="best so far", mode="lines",
        line={"shape": "hv", "color": COLOURS[6], "width": 1},
    )  # fmt: skip
    for colour, (worker, rows) in enumerate(history.groupby("worker", sort=True)):
        symbols = ["circle" if state == "finished" else "x" for state in rows["state"]]
        figure.add_scatter(
            x=rows["hours"].tolist(), y=rows["value"].tolist(), name=str(worker), mode="markers",
            text=(rows["key"] + ", " + rows["state"]).tolist(),
            marker={"color": COLOURS[colour % len(COLOURS)], "symbol": symbols, "size": 8},
            hovertemplate="%{text}<br>%{y:.4f}<extra></extra>",
        )  # fmt: skip
    if not len(history):
        figure.add_annotation(text="no trial has ended", showarrow=False)
    figure.update_layout(
        title=title, template="plotly_white", xaxis={"title": "hours since the first result"}, yaxis={"title": label},
        width=900, height=450,
    )  # fmt: skip
    return figure


def _draw(fill: Callable[[Axes], None], size_in: tuple[float, float], title: str, nothing: str) -> Figure:
    """Make a figure of one axis, or of a line that says that there is nothing to draw."""
    figure = Figure(figsize=size_in, layout="constrained")
    axis = figure.subplots()
    if nothing:
        axis.set_axis_off()
        axis.text(0.5, 0.5, nothing, ha="center", va="center", family=find_fonts())
    else:
        fill(axis)
    axis.set_title(title, fontsize=10, family=find_fonts())
    return figure
