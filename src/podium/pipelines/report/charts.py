"""Where everything lies on the charts of the page; ``charts.html`` draws it."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

N_SERIES = 4
"""Series that one chart tells apart, by colour (Okabe and Ito's) and shape at once."""

PLOT_PX, LABEL_PX, ROOM_PX = 460, 240, 16
AXIS_PX = 40  # below a plot, for ticks and the axis' name
MARK_PX = 11  # from one series of a row to the next
LINES_WIDTH_PX, LINES_HEIGHT_PX, LINES_MARGIN_PX = 420, 230, 58
LETTER_PX = 7.2
_N_TICKS = 5
_LEAST_SPAN = 1e-3

Point = tuple[float, float]
Estimate = tuple[float, float, float]
"""A value, and the ends of its interval."""


@dataclass(frozen=True)
class Axis:
    """Values as places.

    Attributes:
        low, high: Values at its ends.
        start_px, end_px: Where these lie; upright axes start below.
    """

    low: float
    high: float
    start_px: float
    end_px: float

    def place(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        return round(self.start_px + (value - self.low) / (self.high - self.low) * (self.end_px - self.start_px), 1)

    def list_ticks(self) -> list[dict[str, Any]]:
        """Choose round values within the range: place and text of each."""
        raw = (self.high - self.low) / _N_TICKS
        power = 10.0 ** math.floor(math.log10(raw))
        step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
        numbers = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [{"at": self.place(number * step), "text": f"{number * step:.10g}"} for number in numbers]


def plan_dots(
    rows: Sequence[tuple[str, Sequence[Estimate | None]]], names: Sequence[str], axis_name: str
) -> dict[str, Any]:
    """Place scores with their intervals: a row each, at most :data:`N_SERIES` marks in it.

    Args:
        rows: What each row is called, and the estimate of each series; None where there is none.
        names: Of the series.
        axis_name: What is measured, with its unit.
    """
    ends = [end for _, estimates in rows for estimate in estimates if estimate for end in estimate]
    left = ROOM_PX + min(LABEL_PX, max((measure_text(label) for label, _ in rows), default=0.0))
    axis = Axis(*_span(ends, 0.0, 1.0), left, left + PLOT_PX)
    row_px = MARK_PX * len(names) + 9
    planned = []
    for number, (label, estimates) in enumerate(rows):
        top = ROOM_PX / 2 + number * row_px
        marks = [
            {
                "series": series,
                "x": axis.place(estimate[0]),
                "low": axis.place(estimate[1]),
                "high": axis.place(estimate[2]),
                "y": round(top + row_px / 2 + (series - (len(names) - 1) / 2) * MARK_PX, 1),
                "title": f"{label}, {names[series]}: {estimate[0]:.4f} ({estimate[1]:.4f} to {estimate[2]:.4f})",
            }
            for series, estimate in enumerate(estimates)
            if estimate is not None
        ]
        planned.append({"label": shorten(label, LABEL_PX), "title": label, "y": top + row_px / 2 + 4, "marks": marks})
    height = ROOM_PX + row_px * len(rows)
    return {
        "width": left + PLOT_PX + ROOM_PX, "height": height + AXIS_PX, "left": left, "right": left + PLOT_PX,
        "bottom": height, "rows": planned, "ticks": axis.list_ticks(), "names": list(names), "axis_name": axis_name,
        "lines": [ROOM_PX / 2 + number * row_px for number in range(1, len(rows))],
    }  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: What it shows.
        points: Of it, left to right; what is not finite is left out.
        series: Its colour.
        is_dashed: Whether it is drawn with gaps.
        marked: Points that are ringed, with what is to be read there.
    """

    name: str
    points: Sequence[Point]
    series: int
    is_dashed: bool = False
    marked: Sequence[tuple[Point, str]] = ()


def plan_lines(
    lines: Sequence[Line],
    axis_names: tuple[str, str],
    *,
    is_square: bool = False,
    whole_x: bool = False,
) -> dict[str, Any]:
    """Place lines, over ticks in both directions.

    Args:
        lines: What is drawn.
        axis_names: Of the level and of the upright axis, with units.
        is_square: Both axes run from 0 to 1, with the diagonal on which both are the same.
        whole_x: The level axis has whole numbers, as epochs are.
    """
    finite = [[point for point in line.points if np.isfinite(point).all()] for line in lines]
    xs, ys = ([point[axis] for points in finite for point in points] for axis in (0, 1))
    width, height = (360, 360) if is_square else (LINES_WIDTH_PX, LINES_HEIGHT_PX)
    x_range = (0.0, 1.0) if is_square else (min(xs, default=0.0), max(xs, default=1.0))
    if x_range[0] == x_range[1]:
        x_range = (x_range[0] - 0.5, x_range[1] + 0.5)
    x_axis = Axis(*x_range, LINES_MARGIN_PX, width - ROOM_PX)
    y_axis = Axis(*((0.0, 1.0) if is_square else _span(ys)), height - AXIS_PX, ROOM_PX / 2)
    planned = [
        {
            "name": line.name, "series": line.series % (N_SERIES + 1), "is_dashed": line.is_dashed,
            "points": [(x_axis.place(x), y_axis.place(y)) for x, y in points],
            "end": None if line.is_dashed or not points else (x_axis.place(points[-1][0]), y_axis.place(points[-1][1])),
            "marked": [
                {"x": x_axis.place(x), "y": y_axis.place(y), "title": text}
                for (x, y), text in line.marked if np.isfinite((x, y)).all()
            ],
        }
        for line, points in zip(lines, finite, strict=True)
    ]  # fmt: skip
    x_ticks = [tick for tick in x_axis.list_ticks() if not whole_x or float(tick["text"]).is_integer()]
    return {
        "width": width, "height": height, "left": LINES_MARGIN_PX, "right": width - ROOM_PX, "top": ROOM_PX / 2,
        "bottom": height - AXIS_PX, "x_ticks": x_ticks, "y_ticks": y_axis.list_ticks(), "lines": planned,
        "x_name": axis_names[0], "y_name": axis_names[1], "is_square": is_square,
    }  # fmt: skip


def measure_text(text: str) -> float:
    """Estimate the width of a text at 12 px; Korean, Japanese and Chinese letters are wide."""
    return sum(LETTER_PX * (1.7 if unicodedata.east_asian_width(letter) in "WF" else 1.0) for letter in text)


def shorten(text: str, width_px: float) -> str:
    """Cut a text so that it fits, its end giving way to an ellipsis."""
    if measure_text(text) <= width_px:
        return text
    kept = text
    while kept and measure_text(kept) + LETTER_PX > width_px:
        kept = kept[:-1]
    return f"{kept}…"


def _span(values: Iterable[float], least: float = -math.inf, most: float = math.inf) -> tuple[float, float]:
    """Make room around finite values, within bounds; 0 to 1 where there are none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    room = max(0.05 * (high - low), _LEAST_SPAN)
    return max(low - room, min(least, low)), min(high + room, max(most, high))
