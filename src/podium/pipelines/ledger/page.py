"""The page of the ledger: one HTML file without scripts or further files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.pages import render_page
from podium.pipelines.ledger.draws import BoardDraws
from podium.pipelines.ledger.rows import MEMBERS_SEPARATOR

_TEMPLATE = Path(__file__).with_name("page.html")
WIDTH_PX, HEIGHT_PX, MARGIN_PX = 560, 420, 56
_LEAST_SPAN = 0.01
_N_TICKS = 5
_N_MEMBERS_SHOWN = 3
_CRITERION_NAMES = {"macro_f1": "macro F1", "accuracy": "accuracy"}


@dataclass(frozen=True)
class Scale:
    """Scores as places on the plot; both axes have the same range, so that the diagonal is one.

    Attributes:
        low, high: Scores at the ends of both axes.
    """

    low: float
    high: float

    def x(self, score: float) -> float:
        """Return pixels from the left."""
        return round(MARGIN_PX + (score - self.low) / (self.high - self.low) * (WIDTH_PX - 1.5 * MARGIN_PX), 1)

    def y(self, score: float) -> float:
        """Return pixels from the top."""
        inner = HEIGHT_PX - 1.5 * MARGIN_PX
        return round(HEIGHT_PX - MARGIN_PX - (score - self.low) / (self.high - self.low) * inner, 1)

    def list_ticks(self) -> list[float]:
        """Choose round scores within the range."""
        raw = (self.high - self.low) / _N_TICKS
        power = 10.0 ** np.floor(np.log10(raw))
        step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw)
        first = np.ceil(self.low / step - 1e-9)
        return [float(tick) for tick in np.arange(first, np.floor(self.high / step + 1e-9) + 1) * step]


def render_ledger(
    ledger: pd.DataFrame,
    board_draws: BoardDraws,
    board_gains: pd.DataFrame,
    warnings: list[str],
    proposed_pair: dict[str, Any],
    competition: str,
    n_sds: float,
) -> str:
    """Fill the template; every text is escaped.

    Args:
        ledger, board_draws, board_gains, proposed_pair: As the nodes give them.
        warnings: Of each row's gain; empty where there is nothing to warn of.
        competition: Its name.
        n_sds: How many standard deviations noise is.
    """
    rows = [_describe_row(*parts, proposed_pair) for parts in zip(
        range(len(ledger)), ledger.to_dict("records"), board_gains.to_dict("records"), warnings, strict=True
    )]  # fmt: skip
    noise = n_sds * float(np.median(board_draws.part_sds)) if rows else None
    return render_page(
        _TEMPLATE,
        {},
        competition=competition,
        criterion=_CRITERION_NAMES.get(ledger["criterion"].iloc[0], "") if rows else "",
        rows=rows,
        warnings=[warning for warning in warnings if warning],
        pair=proposed_pair,
        noise=noise,
        plot=_plan_plot(ledger, noise or 0.0, proposed_pair),
        size=(WIDTH_PX, HEIGHT_PX),
    )


def _describe_row(
    place: int, row: dict[str, Any], gain: dict[str, Any], warning: str, pair: dict[str, Any]
) -> dict[str, Any]:
    """Turn a row of the ledger into texts."""
    expected, low, high = (row[name] for name in ("expected", "expected_low", "expected_high"))
    interval = "" if np.isnan(low) or np.isnan(high) else f" [{low:.4f}, {high:.4f}]"
    has_gain = not np.isnan(gain["gain"])
    if warning:
        verdict = "within noise"
    elif has_gain and gain["is_within_noise"]:
        verdict = "no gain"
    elif has_gain:
        verdict = "a gain" if gain["gain"] > 0 else "worse"
    else:
        verdict = ""
    position = pair["submissions"].index(row["submission"]) if row["submission"] in pair["submissions"] else None
    return {
        "number": place + 1,
        "submission": row["submission"],
        "expected": "not known" if np.isnan(expected) else f"{expected:.4f}{interval}",
        "public": f"{row['public_score']:.4f}",
        "is_outside": bool(row["public_score"] < low or row["public_score"] > high),
        "gain": f"{gain['gain']:+.4f}" if has_gain else "",
        "noise": f"{gain['noise']:.4f}" if has_gain else "",
        "verdict": verdict,
        "is_noise": bool(warning),
        "final": "" if position is None else ("first", "second")[position],
        "members": _shorten_members(row["members"]),
        "note": row["note"],
    }


def _shorten_members(members: str) -> str:
    """Name the first members, and count the others: the ledger's file has them all."""
    names = members.split(MEMBERS_SEPARATOR)
    shown = ", ".join(names[:_N_MEMBERS_SHOWN])
    return f"{shown} and {len(names) - _N_MEMBERS_SHOWN} more" if len(names) > _N_MEMBERS_SHOWN else shown


def _plan_plot(ledger: pd.DataFrame, noise: float, pair: dict[str, Any]) -> dict[str, Any] | None:
    """Find the place of everything on the plot, in pixels; None when no expected score is known."""
    known = ledger[ledger["expected"].notna()]
    if known.empty:
        return None
    scale = _fit_scale(known[["expected", "expected_low", "expected_high", "public_score"]].to_numpy(np.float64), noise)
    low, high = scale.low, scale.high
    corners = [(low, low + noise), (high, high + noise), (high, high - noise), (low, low - noise)]
    points = []
    for place, row in known.iterrows():
        has_interval = not (np.isnan(row["expected_low"]) or np.isnan(row["expected_high"]))
        points.append(
            {
                "number": int(str(place)) + 1,
                "x": scale.x(row["expected"]),
                "y": scale.y(row["public_score"]),
                "x_low": scale.x(row["expected_low"]) if has_interval else None,
                "x_high": scale.x(row["expected_high"]) if has_interval else None,
                "is_final": row["submission"] in pair["submissions"],
                "title": f"{row['submission']}: expected {row['expected']:.4f}, board {row['public_score']:.4f}",
            }
        )
    return {
        "band": " ".join(f"{scale.x(x)},{scale.y(y)}" for x, y in corners),
        "diagonal": (scale.x(low), scale.y(low), scale.x(high), scale.y(high)),
        "ticks": [{"x": scale.x(tick), "y": scale.y(tick), "text": f"{tick:.10g}"} for tick in scale.list_ticks()],
        "frame": (scale.x(low), scale.y(high), scale.x(high) - scale.x(low), scale.y(low) - scale.y(high)),
        "points": points,
    }


def _fit_scale(scores: npt.NDArray[np.float64], noise: float) -> Scale:
    """Make room for all scores, intervals and the band around them."""
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    room = max(noise, 0.05 * (high - low), _LEAST_SPAN / 2)
    return Scale(low - room, high + room)
