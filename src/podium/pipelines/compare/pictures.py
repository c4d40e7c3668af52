"""The agreement of teammates as a heat map."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from podium.plots import find_fonts

MAX_NAMES_WITH_NUMBERS = 20
MAX_SIDE_INCHES = 38.5

Matrix = npt.NDArray[np.float64]


def draw_agreement(agreement: pd.DataFrame, names: list[str]) -> Figure:
    """Draw who agrees with whom: shares of images as shades, with kappa below where there is room.

    Args:
        agreement: first, second, agreement, kappa; one row a pair.
        names: Of the teammates.
    """
    shares, kappas = arrange_pairs(agreement, names)
    side = min(max(4.0, 0.75 * len(names) + 2.0), MAX_SIDE_INCHES)
    figure = Figure(figsize=(side + 1.0, side), layout="constrained")
    axis, low = figure.subplots(), _find_lowest(shares)
    shown = axis.imshow(shares, cmap="Blues", vmin=low, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=9, family=find_fonts())
    axis.set_yticks(range(len(names)), names, fontsize=9, family=find_fonts())
    for i, j in np.ndindex(shares.shape) if len(names) <= MAX_NAMES_WITH_NUMBERS else ():
        if i != j:
            colour = "white" if shares[i, j] > (low + 1) / 2 else "black"
            words = word_pair(float(shares[i, j]), float(kappas[i, j]), "\n")
            axis.text(j, i, words, ha="center", va="center", fontsize=8, color=colour)
    axis.set_title("agreement of teammates: share of images, kappa", fontsize=10)
    figure.colorbar(shown, ax=axis, label="share of images with the same class", shrink=0.7)
    return figure


def plot_agreement(agreement: pd.DataFrame, names: list[str]) -> go.Figure:
    """Draw the same as :func:`draw_agreement`, to look at in a browser."""
    shares, kappas = arrange_pairs(agreement, names)
    n = len(names)
    heatmap = go.Heatmap(
        z=shares,
        text=[[word_pair(shares[i, j], kappas[i, j], "<br>") for j in range(n)] for i in range(n)],
        texttemplate="%{text}" if n <= MAX_NAMES_WITH_NUMBERS else None,
        customdata=[[(first, second) for second in names] for first in names],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{text}<extra></extra>",
        colorscale="Blues",
        zmin=_find_lowest(shares),
        zmax=1,
        colorbar={"title": "share of<br>images"},
    )
    ticks = {"tickmode": "array", "tickvals": list(range(n)), "ticktext": names}
    figure = go.Figure(heatmap)
    figure.update_layout(
        title="agreement of teammates: share of images, kappa", template="plotly_white", xaxis=ticks,
        yaxis={"autorange": "reversed", **ticks}, width=max(500, 70 * n + 260), height=max(450, 70 * n + 200),
    )  # fmt: skip
    return figure


def arrange_pairs(agreement: pd.DataFrame, names: list[str]) -> tuple[Matrix, Matrix]:
    """Lay the pairs out as two symmetric matrices, float64 (n, n): agreement and kappa; 1 with oneself."""
    place = {name: position for position, name in enumerate(names)}
    matrices = np.ones((2, len(names), len(names)))
    for row in agreement.itertuples():
        i, j = place[row.first], place[row.second]
        matrices[:, i, j] = matrices[:, j, i] = row.agreement, row.kappa
    return matrices[0], matrices[1]


def word_pair(share: float, kappa: float, between: str) -> str:
    """Write an agreement and a kappa, which may be undefined."""
    return f"{share:.1%}{between}κ {'–' if np.isnan(kappa) else f'{kappa:.2f}'}"


def _find_lowest(shares: Matrix) -> float:
    """Return where the shades begin, in tenths: teammates agree on most images, and differences have to be seen."""
    return min(float(np.floor(shares.min() * 10) / 10), 0.9)
