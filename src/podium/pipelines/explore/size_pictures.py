"""Sizes of images as charts, each once to look at and once to print."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from podium.plots import COLOURS, find_fonts

BLUE, VERMILION = COLOURS[0], COLOURS[1]
PARTS = {
    "train": ("training images", BLUE, "o", "circle-open"),
    "test": ("test images", VERMILION, "^", "triangle-up-open"),
}
"""By subset: its name, and its colour and marker in both kinds of chart; markers tell the parts apart in print."""

LARGEST_MARKER = 32.0
"""Diameter in points, where all images of a part have one size."""


def draw_sizes(images: pd.DataFrame, hint: Mapping[str, Any], title: str) -> Figure:
    """Draw width against height: a marker for each size, larger for more images, and the size of input to begin with.

    Args:
        images: subset, width_px and height_px.
        hint: size_px and largest_size_px, (height, width).
        title: Of the figure.
    """
    figure = Figure(figsize=(7.2, 6.4), layout="constrained")
    axis = figure.subplots()
    for subset, sizes in _count_sizes(images).items():
        name, colour, marker, _ = PARTS[subset]
        label = f"{int(sizes['n_images'].sum())} {name}, {len(sizes)} sizes"
        axis.scatter(
            sizes["width_px"], sizes["height_px"], s=_scale_markers(sizes["n_images"]) ** 2, marker=marker,
            facecolors="none", edgecolors=colour, linewidths=1.2, alpha=0.7, label=label,
        )  # fmt: skip
    for name, (height, width), marker in _list_proposals(hint):
        axis.plot(
            width, height, marker, color="black", ms=11, mew=2, linestyle="none", label=f"{name}: {height} x {width} px"
        )
    axis.set_xlabel("width in px")
    axis.set_ylabel("height in px")
    is_wide, sides = _is_wide_range(images), images[["width_px", "height_px"]].to_numpy(np.float64)
    limits = (0.8 * sides.min(), 1.25 * sides.max()) if is_wide else (0.0, 1.08 * sides.max())
    scale = "log" if is_wide else "linear"
    axis.set(xscale=scale, yscale=scale, xlim=limits, ylim=limits, aspect="equal")
    axis.grid(alpha=0.3, which="both")
    for handle in figure.legend(fontsize=8, loc="outside lower center", ncols=2).legend_handles:
        if isinstance(handle, PathCollection):  # else the marker of the first size, which may be any
            handle.set_sizes([40.0])
    axis.set_title(title, fontsize=10, family=find_fonts())
    return figure


def plot_sizes(images: pd.DataFrame, hint: Mapping[str, Any], title: str) -> go.Figure:
    """Draw the same as :func:`draw_sizes`, to look at in a browser."""
    figure = go.Figure()
    hover = "%{x} x %{y} px (width x height)<br>%{customdata} images<extra></extra>"
    for subset, sizes in _count_sizes(images).items():
        name, colour, _, symbol = PARTS[subset]
        marker: dict[str, Any] = {
            "color": colour,
            "symbol": symbol,
            "size": _scale_markers(sizes["n_images"]),
            "line": {"width": 1.5},
        }
        figure.add_scatter(
            x=sizes["width_px"], y=sizes["height_px"], mode="markers", name=f"{int(sizes['n_images'].sum())} {name}",
            marker=marker, customdata=sizes["n_images"], hovertemplate=hover,
        )  # fmt: skip
    for (name, (height, width), _), symbol in zip(_list_proposals(hint), ("cross-thin", "x-thin"), strict=False):
        marker = {"symbol": symbol, "size": 14, "color": "black", "line": {"width": 2.5, "color": "black"}}
        figure.add_scatter(x=[width], y=[height], mode="markers", name=f"{name}: {height} x {width} px", marker=marker)
    kind = "log" if _is_wide_range(images) else "linear"
    axes = {"type": kind, "rangemode": "tozero"}
    figure.update_layout(
        title=title, template="plotly_white", width=860, height=720, xaxis={"title": "width in px", **axes},
        yaxis={"title": "height in px", "scaleanchor": "x", **axes}, legend={"orientation": "h", "y": -0.12},
    )  # fmt: skip
    return figure


def _count_sizes(images: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Count the images of each size: by part, width_px, height_px, n_images."""
    parts = {subset: images[images["subset"] == subset] for subset in PARTS}
    return {
        subset: rows.groupby(["width_px", "height_px"]).size().rename("n_images").reset_index()
        for subset, rows in parts.items()
        if len(rows)
    }


def _scale_markers(n_images: pd.Series) -> npt.NDArray[np.float64]:
    """Return the diameter of each marker, in points: its area grows with the share of the part's images."""
    return np.maximum(5.0, LARGEST_MARKER * np.sqrt(n_images.to_numpy(np.float64) / n_images.sum()))


def _list_proposals(hint: Mapping[str, Any]) -> list[tuple[str, tuple[int, int], str]]:
    first, largest = tuple(hint["size_px"]), tuple(hint["largest_size_px"])
    proposals = [("input to begin with (height x width)", first, "+")]
    return proposals + ([] if first == largest else [("largest that shows more", largest, "x")])


def _is_wide_range(images: pd.DataFrame) -> bool:
    sides = images[["width_px", "height_px"]].to_numpy(np.float64)
    return bool(sides.max() > 10 * sides.min())
