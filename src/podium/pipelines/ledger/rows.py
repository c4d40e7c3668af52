"""The ledger's file: a CSV that people may edit, so it is read strictly and every fault is named."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from podium.competitions.label_files import at_lines, read_label_file, report_doubles, report_values
from podium.digests import digest_values
from podium.ensembling.board import BOARD_CRITERIA, HIGHEST_SCORE, LOWEST_SCORE, BoardCriterion
from podium.errors import raise_if_any, suggest

NUMBERS = ["expected", "expected_low", "expected_high", "expected_sd"]
REQUIRED = ["submission", "public_score", "criterion", "sha256"]
COLUMNS = [*REQUIRED, *NUMBERS, "members", "weights_digest", "note"]
MEMBERS_SEPARATOR = " | "  # which no name of a member can hold

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_SHA256 = r"[0-9a-f]{64}"


def read_rows(path: Path) -> pd.DataFrame:
    """Read the ledger; a file that does not exist, or has a header alone, has no rows.

    Returns:
        The columns of the ledger: text, and float64 for public_score and the expected ones, null where not known.

    Raises:
        InputError: Everything that is wrong, by line.
    """
    if not path.exists() or _has_header_alone(path):
        return make_rows([])
    cases: list[str] = []
    table = read_label_file(path.parent, path.name, COLUMNS, cases, exact=True, n_filled=len(REQUIRED))
    if table is not None:
        report_doubles(table["submission"], path.name, cases)
        for name in ["public_score", *NUMBERS]:
            _report_scores(table[name], path.name, cases)
        known = table["criterion"].isin([*BOARD_CRITERIA, ""])
        report_values(table.loc[~known, "criterion"], path.name, f"is not {' or '.join(BOARD_CRITERIA)}", cases)
        if known.all() and table["criterion"].nunique() > 1:
            report_values(table["criterion"], path.name, "stands beside another one; a board has one criterion", cases)
        digests = table["sha256"]
        wrong = digests[~digests.str.fullmatch(_SHA256) & (digests != "")]
        report_values(wrong, path.name, "is no SHA-256, which has 64 hexadecimal digits", cases)
    raise_if_any(f"The ledger is wrong ({path}):", cases)
    assert table is not None
    numbers = {name: pd.to_numeric(table[name].replace("", None)) for name in ["public_score", *NUMBERS]}
    return make_rows(table.assign(**numbers).to_dict("records"))


def make_rows(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Make the table of the ledger from records; texts that are missing are empty, numbers null."""
    table = pd.DataFrame(records, columns=COLUMNS)
    floats = ["public_score", *NUMBERS]
    table[floats] = table[floats].astype("float64")
    texts = [column for column in COLUMNS if column not in floats]
    table[texts] = table[texts].astype("object").fillna("").astype("str")
    return table


def expect_score(scores: dict[str, Any] | None, criterion: BoardCriterion) -> dict[str, float]:
    """Take from an ensemble's scores what its submission is expected to score.

    Args:
        scores: Of ``ensemble_scores``; None when there are none.
        criterion: Of the board.

    Returns:
        expected, and expected_low, expected_high and expected_sd where the scores state an interval for this criterion;
        nan for what is unknown.
    """
    stated = (scores or {}).get("expected_private") or {}
    if stated.get("criterion") == criterion:
        names = {"expected": "score", "expected_low": "low", "expected_high": "high", "expected_sd": "sd"}
        return {name: _to_float(stated.get(key)) for name, key in names.items()}
    return dict.fromkeys(NUMBERS, np.nan) | {"expected": _to_float((scores or {}).get(criterion))}


def choose_criterion(rows: pd.DataFrame, scores: dict[str, Any] | None) -> BoardCriterion:
    """Return the ledger's criterion; of an empty one, that of the expectation, or macro F1."""
    stated = ((scores or {}).get("expected_private") or {}).get("criterion")
    wanted = rows["criterion"].iloc[0] if len(rows) else stated
    return next((name for name in get_args(BoardCriterion) if name == wanted), BOARD_CRITERIA[0])


def describe_members(weights: pd.DataFrame | None) -> dict[str, str]:
    """Return members, in one text, and the digest of names and weights; both empty when they are not known."""
    if weights is None:
        return {"members": "", "weights_digest": ""}
    names, values = weights["member"].tolist(), weights["weight"].tolist()
    pairs = [list(pair) for pair in zip(names, values, strict=True)]
    return {"members": MEMBERS_SEPARATOR.join(names), "weights_digest": digest_values(pairs)}


def check_score(score: float, criterion: str) -> list[str]:
    """Say what is wrong with a score, if it is none that the criterion can give."""
    if LOWEST_SCORE <= score <= HIGHEST_SCORE:
        return []
    hint = f"; {score / 100:.6g} was probably meant" if HIGHEST_SCORE < score <= 100 * HIGHEST_SCORE else ""
    return [f"public_score: {score:g}, and {criterion} lies between {LOWEST_SCORE:g} and {HIGHEST_SCORE:g}{hint}"]


def check_version(version: str, versions: list[str]) -> list[str]:
    """Say which submission was probably meant, if there is none of this version."""
    if version in versions:
        return []
    return [f"submission: there is no version '{version}'; {suggest(version, versions)}"]


def _has_header_alone(path: Path) -> bool:
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    return text.strip() == ",".join(COLUMNS)


def _report_scores(values: pd.Series, name: str, cases: list[str]) -> None:
    """Report what is no number, or no score."""
    filled = values[values != ""]
    is_number = filled.str.fullmatch(_NUMBER)
    report_values(filled[~is_number], name, "is no number; write it like 0.9547", cases)
    numbers = filled[is_number].astype("float64")
    for line, value in numbers[(numbers < LOWEST_SCORE) | (numbers > HIGHEST_SCORE)].items():
        place = at_lines(name, [int(str(line))])
        cases.append(f"{place}: {values.name} {value:g} does not lie between {LOWEST_SCORE:g} and {HIGHEST_SCORE:g}")


def _to_float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else np.nan
