"""Which two submissions to choose in the end, and why."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from podium.ensembling.board import combine_estimates
from podium.ensembling.criteria import Floats
from podium.pipelines.ledger.draws import BoardDraws

_LEAST_SD = 1e-6  # keeps one estimate of no stated spread from ruling out all others


@dataclass(frozen=True)
class Estimates:
    """What each submission is worth, as far as both sources tell.

    Attributes:
        offset: By how much the board lies above what was expected, on average; it says nothing about which is better.
        values: Both sources together, float64 (n,).
        sds: Their standard deviations, float64 (n,).
        board_shares: Weight of the board in each, 0 to 1, float64 (n,).
    """

    offset: float
    values: Floats
    sds: Floats
    board_shares: Floats


def estimate_scores(rows: pd.DataFrame, draws: BoardDraws) -> Estimates:
    """Combine what was expected and what the board says, each weighed by the inverse of its variance.

    Where no interval was stated, the expectation counts as much as the board. What all board scores have in common, a
    test part that is harder say, is first added to what was expected.

    Args:
        rows: The ledger.
        draws: For the spread of each public score.
    """
    expected, public = (rows[name].to_numpy(np.float64) for name in ("expected", "public_score"))
    gaps = (public - expected)[~np.isnan(expected)]
    offset = float(gaps.mean()) if len(gaps) else 0.0
    public_sds = np.maximum(draws.public_sds, _LEAST_SD)
    stated = rows["expected_sd"].to_numpy(np.float64)
    expected_sds = np.maximum(np.where(np.isnan(stated), public_sds, stated), _LEAST_SD)
    values, sds = combine_estimates(np.stack([expected + offset, public]), np.stack([expected_sds, public_sds]))
    return Estimates(offset, values, sds, np.square(sds / public_sds))


def choose_pair(rows: pd.DataFrame, draws: BoardDraws) -> dict[str, Any]:
    """Propose two submissions.

    The first has the best expected score, which no board score went into. The second lies within noise of the best, by
    expectation and board together, and answers most differently, so that one piece of bad luck does not take both.

    Args:
        rows: The ledger.
        draws: Noise, and the shares of images that are answered differently.

    Returns:
        submissions (two versions, or fewer), reasons (sentences), and estimates: submission, estimate, sd, board_share
        and differing (from the first; null where it is not known) of each row.
    """
    if rows.empty:
        return {
            "submissions": [],
            "reasons": ["No score is noted yet, so there is nothing to choose."],
            "estimates": [],
        }
    estimates = estimate_scores(rows, draws)
    first, reasons = _choose_first(rows, estimates)
    second, why = _choose_second(rows, draws, estimates, first)
    chosen = [first] if second is None else [first, second]
    return {
        "submissions": [rows["submission"].iloc[row] for row in chosen],
        "reasons": [*reasons, *why, *_explain_estimates(rows, estimates)],
        "estimates": [
            {
                "submission": version,
                "estimate": float(estimates.values[row]),
                "sd": float(estimates.sds[row]),
                "board_share": float(estimates.board_shares[row]),
                "differing": None if np.isnan(draws.differing[first, row]) else float(draws.differing[first, row]),
            }
            for row, version in enumerate(rows["submission"])
        ],
    }


def _choose_first(rows: pd.DataFrame, estimates: Estimates) -> tuple[int, list[str]]:
    """Take the best expected score; of equals the better estimate, then the older one."""
    expected = rows["expected"].to_numpy(np.float64)
    if np.isnan(expected).all():
        row = int(np.argmax(estimates.values))
        why = f"First: {rows['submission'].iloc[row]}, the best on the board; no expected score is known of any."
        return row, [why]
    ranked = np.lexsort((-np.arange(len(rows)), estimates.values, np.where(np.isnan(expected), -1.0, expected)))
    row = int(ranked[-1])
    version, public, low = (rows[name].iloc[row] for name in ("submission", "public_score", "expected_low"))
    why = (
        f"First: {version}, with the best score out of fold, {expected[row]:.4f}; the board, which had no part in this "
        f"choice, says {public:.4f}."
    )
    if public < low:
        return row, [
            why,
            f"Caution: {public:.4f} lies below all that was expected of {version} ({low:.4f} and more). Look for a "
            "mistake, in the submission or in the folds, before you choose it.",
        ]
    return row, [why]


def _choose_second(
    rows: pd.DataFrame, draws: BoardDraws, estimates: Estimates, first: int
) -> tuple[int | None, list[str]]:
    """Take the one that differs most, of those within noise of the best; else the best that is left."""
    others = [row for row in range(len(rows)) if row != first]
    if not others:
        return None, ["There is one submission in the ledger, so there is no second to propose."]
    candidates = [row for row in others if draws.differing[first, row] != 0]
    if not candidates:
        return None, ["All other submissions give the same answers, so a second one would add nothing."]
    values = estimates.values
    best = int(np.argmax(values))
    near = [row for row in candidates if row == best or values[best] - values[row] <= draws.find_noise(best, row)]
    if not near:
        row = max(candidates, key=lambda row: (values[row], -row))
        return row, [
            f"Second: {rows['submission'].iloc[row]}, the best of the others. None of them lies within noise of the "
            f"best, {rows['submission'].iloc[best]}: {values[row]:.4f} against {values[best]:.4f}, and the noise is "
            f"{draws.find_noise(best, row):.4f}."
        ]
    differing = np.nan_to_num(draws.differing[first], nan=-1.0)
    row = max(near, key=lambda row: (differing[row], values[row], -row))
    version = rows["submission"].iloc[row]
    how = (
        f"It answers {100 * differing[row]:.1f} % of the test images differently from the first"
        if differing[row] >= 0
        else "Its answers cannot be compared with those of the first"
    )
    which = "" if len(near) == 1 or differing[row] < 0 else f", the most of {len(near)} submissions as good"
    if row == best:
        worth = f"Its estimate, {values[row]:.4f}, is the best of all."
    else:
        worth = (
            f"Its estimate, {values[row]:.4f}, lies within the noise of {draws.find_noise(best, row):.4f} of the best, "
            f"{values[best]:.4f}."
        )
    return row, [f"Second: {version}. {how}{which}, so that one piece of bad luck does not take both. {worth}"]


def _explain_estimates(rows: pd.DataFrame, estimates: Estimates) -> list[str]:
    """Say how much the board counts, and what all its scores have in common."""
    low, high = 100 * estimates.board_shares.min(), 100 * estimates.board_shares.max()
    share = f"{low:.0f} %" if round(low) == round(high) else f"{low:.0f} to {high:.0f} %"
    told = [
        f"In the estimates the board counts for {share}, by its own spread, and the score out of fold for the rest."
    ]
    if rows["expected"].notna().any():
        where = "above" if estimates.offset >= 0 else "below"
        told.append(
            f"On average the board lies {abs(estimates.offset):.4f} {where} what was expected; that is added to all "
            "expected scores, since it does not tell the submissions apart."
        )
    return told
