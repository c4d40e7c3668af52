"""What came out of a sweep, as tables: its trials, what each change does, what each leaf of a search explains."""

import json
import math
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from podium.sweeps.config import BASE

Trials = list[dict[str, Any]]

CONFIDENCE = 0.95

TRIAL_COLUMNS = {
    "key": "str",
    "change": "str",
    "seed": "Int64",
    "values": "str",
    "state": "str",
    "value": "float64",
    "macro_f1": "float64",
    "accuracy": "float64",
    "log_loss": "float64",
    "n_images": "Int64",
    "seconds": "float64",
    "ended": "str",
    "worker": "str",
    "tries": "Int64",
    "member": "str",
    "error": "str",
}
EFFECT_COLUMNS = {
    "change": "str",
    "n_trials": "Int64",
    "mean": "float64",
    "sd": "float64",
    "n_pairs": "Int64",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
}
IMPORTANCE_COLUMNS = {"leaf": "str", "share": "float64", "sd": "float64"}


def tabulate_trials(trials: Trials) -> pd.DataFrame:
    """Lay trials out as a table, one row each; see :data:`TRIAL_COLUMNS`.

    ``values`` says as JSON what was drawn or changed; ``value`` is the criterion, more is better; ``ended`` is in UTC.
    """
    rows = [
        {
            **{name: trial.get(name) for name in TRIAL_COLUMNS},
            "ended": _word_time(trial.get("ended")),
            "values": _word_values(trial),
            "error": _word_error(trial),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows, columns=list(TRIAL_COLUMNS)).astype(TRIAL_COLUMNS)


def _word_values(trial: Mapping[str, Any]) -> str:
    stated = trial.get("stated") or {}
    shown = trial["values"] or {key: value for key, value in stated.items() if key not in ("based_on", "seed")}
    return json.dumps(shown, ensure_ascii=False)


def _word_time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _word_error(trial: Mapping[str, Any]) -> str | None:
    return trial.get("error") if trial["state"] == "failed" else None


def measure_effects(trials: Trials) -> pd.DataFrame:
    """Compare each change with the base, seed by seed.

    Seeds are paired: a change and the base begin from the same weights and see the same draws, as far as the change
    lets them, so what a seed does to both is not taken for noise.

    Returns:
        change, n_trials (finished), mean and sd (over seeds; the sd of a sample, null for one), n_pairs (seeds that
        both finished), difference (mean over pairs), low and high (Student's interval of 95 % of that mean; null for
        fewer than two pairs). The base comes first, then the others by their difference.
    """
    finished = pd.DataFrame(
        [
            {"change": trial["change"], "seed": trial["seed"], "value": trial["value"]}
            for trial in trials
            if trial["state"] == "finished"
        ],
        columns=["change", "seed", "value"],
    )
    base = finished[finished["change"] == BASE].set_index("seed")["value"]
    rows = []
    for change, group in finished.groupby("change", sort=True):
        values = group.set_index("seed")["value"]
        differences = (values - base).dropna() if change != BASE and len(base) else pd.Series(dtype="float64")
        rows.append({"change": change, "n_trials": len(values), "mean": values.mean(), "sd": values.std(),
                     "n_pairs": len(differences), **_find_interval(differences)})  # fmt: skip
    table = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS)).astype(EFFECT_COLUMNS)
    order = table.assign(is_base=table["change"] == BASE, by=table["difference"].fillna(table["mean"]))
    order = order.sort_values(["is_base", "by", "change"], ascending=[False, False, True])
    return table.loc[order.index].reset_index(drop=True)


def _find_interval(differences: pd.Series) -> dict[str, float]:
    n_pairs = len(differences)
    mean = float(differences.mean()) if n_pairs else math.nan
    if n_pairs < 2:
        return {"difference": mean, "low": math.nan, "high": math.nan}
    from scipy.stats import t

    half = float(t.ppf(0.5 + CONFIDENCE / 2, n_pairs - 1)) * float(differences.std()) / math.sqrt(n_pairs)
    return {"difference": mean, "low": mean - half, "high": mean + half}


def tabulate_importances(shares: Mapping[str, list[float]]) -> pd.DataFrame:
    """Give each leaf of a search its mean share over forests and their standard deviation, largest first."""
    rows = [
        {"leaf": leaf, "share": sum(values) / len(values), "sd": float(pd.Series(values).std())}
        for leaf, values in shares.items()
    ]
    table = pd.DataFrame(rows, columns=list(IMPORTANCE_COLUMNS)).astype(IMPORTANCE_COLUMNS)
    return table.sort_values(["share", "leaf"], ascending=[False, True]).reset_index(drop=True)


def collect_recipes(trials: Trials) -> dict[str, Any]:
    """Collect what each finished trial's recipe states, to be copied into ``conf/local``; best first.

    Each states its own: YAML writes what two share once, and the other, copied alone, would refer to nothing.
    """
    stated = [trial for trial in _order_finished(trials) if trial["stated"] is not None]
    return {"recipes": {trial["recipe"]: deepcopy(trial["stated"]) for trial in stated}}


def _order_finished(trials: Trials) -> Trials:
    """List finished trials, best first; of equals, the first by its key."""
    finished = [trial for trial in trials if trial["state"] == "finished"]
    return sorted(finished, key=lambda trial: (-trial["value"], trial["key"]))


def describe_results(name: str, trials: Trials, recipes_file: str) -> list[str]:
    """Say in a few lines how a sweep stands, which trial is best, and how its recipe is trained by hand."""
    states = [trial["state"] for trial in trials]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("finished", "pruned", "failed", "running", "waiting")
        if state in states
    )  # fmt: skip
    lines = [f"sweep '{name}': {len(trials)} trials, {counts}"]
    finished = _order_finished(trials)
    if not finished:
        return lines
    best = finished[0]
    lines.append(f"best: {best['key']} with {best['value']:.4f}, member {best['member']}")
    if best["stated"] is not None:
        lines.append(
            f"to train it on all folds, copy its lines from {recipes_file} into conf/local/parameters_{name}.yml "
            f"(conf/server where --env server is typed), then: kedro run --params recipe={best['recipe']}"
        )
    return lines
