"""The sections of the page: what is read before images are looked at."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.browser import Section
from podium.class_parts import WHOLE, Part
from podium.ensembling.criteria import Criterion, name_criterion
from podium.pages import render_page
from podium.pipelines.report.charts import N_SERIES, Estimate, Line, plan_dots, plan_lines
from podium.pipelines.report.configurations import (
    Configuration,
    find_common,
    find_twins,
    list_defaults,
    list_differing,
    list_told_apart,
)
from podium.pipelines.report.explaining import HeatMaps
from podium.pipelines.report.members import ENSEMBLE, Reported
from podium.pipelines.report.reliability import measure_reliability
from podium.pipelines.report.scoring import CHOSEN_HERE, CLASS_SCORES, NESTED
from podium.vision.criterion import MONITORS
from podium.vision.metrics import count_confusion

VOTE = "vote_"
"""Before a member's name, its column in the table of contested test images."""

N_PAIRS = 15
N_LISTED = 20
MOST_SUSPECTS = 0.2
"""Share of the labels: where more are suspected, the models are more likely to be wrong than so many labels."""

N_CURVES_OPEN = 6
SCORE_NAMES = {"macro_f1": "macro F1", "accuracy": "accuracy", "log_loss": "log loss, nats"}
CURVES = {"val_macro_f1": "macro F1", "val_accuracy": "accuracy", "val_loss": "loss, nats"}

_FOLDER = Path(__file__).parent

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Findings:
    """All that the sections tell.

    Attributes:
        reported: Members and ensemble.
        parts: The class, then its attributes.
        scores, class_scores: Tables of :mod:`~podium.pipelines.report.scoring`.
        suspects: Table of suspected labels.
        contested: Table of test images on which members differ.
        configurations: Of each member of ours whose weights are there, best first.
        level: Of all intervals.
        criterion: What members are ordered by.
    """

    reported: Reported
    parts: list[Part]
    scores: pd.DataFrame
    class_scores: pd.DataFrame
    suspects: pd.DataFrame
    contested: pd.DataFrame
    configurations: list[Configuration]
    level: float
    criterion: Criterion

    @property
    def compared(self) -> list[str]:
        """Those that charts show side by side: the ensemble, where there is one, and the best three members."""
        return self.reported.speakers[:N_SERIES]


def write_sections(
    findings: Findings, facts: Mapping[str, Any], heat_maps: HeatMaps, notes: Sequence[str] = ()
) -> list[Section]:
    """Write every section, in the order of the page.

    Args:
        findings: What they tell.
        facts: What is said at the top, by name.
        heat_maps: Those of the page, for what has to be said of them.
        notes: What else the reader has to know of what is missing, in sentences.
    """
    return [
        _write_overview(findings, facts, heat_maps, notes),
        _write_scores(findings),
        _write_confused(findings),
        _write_suspects(findings),
        _write_curves(findings.reported),
        _write_reliability(findings.reported),
        _write_configurations(findings),
    ]


def _write_overview(findings: Findings, facts: Mapping[str, Any], heat_maps: HeatMaps, notes: Sequence[str]) -> Section:
    reported = findings.reported
    return _render(
        "At a glance", "overview", main=reported.main, facts=facts, notes=[*reported.notes, *heat_maps.notes, *notes],
        best=_list_rows(findings.scores, WHOLE)[0], has_ensemble=reported.ensemble is not None,
        explainer=heat_maps.member, n_heat_maps=len(heat_maps.maps), level=findings.level,
    )  # fmt: skip


def _write_scores(findings: Findings) -> Section:
    reported, compared = findings.reported, findings.compared
    weights = reported.ensemble.weights if reported.ensemble else {}
    rows = [{**row, "weight": weights.get(row["member"])} for row in _list_rows(findings.scores, WHOLE)]
    honest = [row for row in rows if row["kind"] != CHOSEN_HERE]
    chart = plan_dots([(_name_row(row), [_estimate(row, "macro_f1")]) for row in honest], [""], "macro F1")
    attributes = [part.attribute for part in findings.parts if part.attribute != WHOLE]
    by_attribute = {
        name: {row["member"]: row for row in _list_rows(findings.scores, name, honest=True)} for name in attributes
    }
    attribute_chart = plan_dots(
        [(name, [_estimate(by_attribute[name][one], "macro_f1") for one in compared]) for name in attributes],
        compared, "macro F1 of the attribute",
    ) if attributes else None  # fmt: skip
    parts = []
    for part in findings.parts:
        values = {one: _list_values(findings.class_scores, one, part.attribute) for one in compared}
        chart_rows = [
            (value, [_estimate(values[one][position], "f1") for one in compared])
            for position, value in enumerate(part.values)
        ]
        title = "Class by class" if part.attribute == WHOLE else f"{part.attribute}, value by value"
        parts.append(
            {
                "title": title,
                "attribute": part.attribute,
                "tables": values,
                "chart": plan_dots(chart_rows, compared, "F1"),
            }
        )
    return _render(
        "Scores", "scores", rows=rows, chart=chart, names=SCORE_NAMES, attributes=by_attribute,
        attribute_chart=attribute_chart, parts=parts, speakers=reported.speakers, class_scores=CLASS_SCORES,
        level=findings.level, nested=NESTED, flattered=CHOSEN_HERE, criterion=findings.criterion,
    )  # fmt: skip


def _write_confused(findings: Findings) -> Section:
    reported = findings.reported
    said = reported.get_oof(reported.main).argmax(axis=1)
    parts = []
    for part in findings.parts:
        pairs = list_pairs(part.of_class[reported.labels], part.of_class[said], len(part.values))
        for pair in pairs:
            true, predicted = pair["true"], pair["predicted"]
            where = {"true": true, "predicted": predicted}
            pair |= {"true_name": part.values[true], "predicted_name": part.values[predicted]}
            pair["link"] = {
                "subset": "train", "member": reported.main,
                **(where if part.attribute == WHOLE else {"attributes": {part.attribute: where}}),
            }  # fmt: skip
        parts.append({"attribute": part.attribute, "pairs": pairs[:N_PAIRS], "n_pairs": len(pairs)})
    return _render("Which classes are confused", "confused", parts=parts, main=reported.main)


def list_pairs(labels: Labels, predictions: Labels, n_values: int) -> list[dict[str, Any]]:
    """List the pairs of true and predicted value that occur and differ, most images first.

    Returns:
        true, predicted (int), n_images, n_true (images of the true value) and share (of these).
    """
    confusion = count_confusion(labels, predictions, n_values)
    there = confusion.sum(axis=1)
    np.fill_diagonal(confusion, 0)
    pairs = [(int(true), int(predicted)) for true, predicted in np.argwhere(confusion)]
    rows = [
        {
            "true": true,
            "predicted": predicted,
            "n_images": int(confusion[true, predicted]),
            "n_true": int(there[true]),
            "share": float(confusion[true, predicted] / there[true]),
        }
        for true, predicted in pairs
    ]
    return sorted(rows, key=lambda row: (-row["n_images"], row["true"], row["predicted"]))


def _write_suspects(findings: Findings) -> Section:
    reported, contested = findings.reported, findings.contested
    votes = [column for column in contested.columns if column.startswith(VOTE)]
    rows = contested.head(N_LISTED).to_dict("records")
    for row in rows:
        counts = Counter(row[vote] for vote in votes)
        row["counts"] = sorted(counts.items(), key=lambda count: (-count[1], count[0]))
    return _render(
        "Labels and test images to look at", "suspects", main=reported.main, n_suspects=len(findings.suspects),
        suspects=findings.suspects.head(N_LISTED).to_dict("records"), n_images=len(reported.labels), contested=rows,
        n_contested=len(contested), n_test=len(reported.members.test_ids), n_members=len(reported.order),
        is_flooded=len(findings.suspects) > MOST_SUSPECTS * len(reported.labels),
    )  # fmt: skip


def _write_curves(reported: Reported) -> Section:
    curves = []
    for name, history in reported.histories.items():
        header = reported.headers[name]
        criterion = "macro_f1" if header is None else str(header["recipe"].get("criterion", "macro_f1"))
        curves.append({"member": name, **plan_curves(history, criterion)})
    folds = sorted({int(fold) for history in reported.histories.values() for fold in history["fold"].unique()})
    others = [name for name in reported.order if name not in reported.histories]
    return _render(
        "Learning curves", "curves", curves=curves, n_open=N_CURVES_OPEN, others=others,
        folds=[f"fold {fold}" for fold in folds[:N_SERIES]], n_folds=len(folds),
    )  # fmt: skip


def plan_curves(history: pd.DataFrame, criterion: str) -> dict[str, Any]:
    """Plan the charts of one member: losses and score of its folds by epoch, the chosen epochs ringed.

    Args:
        history: fold, epoch, train_loss, val_loss, val_macro_f1 and val_accuracy; one row a fold and epoch.
        criterion: Of the recipe: ``macro_f1``, ``accuracy`` or ``loss``.

    Returns:
        charts: of the losses and of the score; epochs: by fold, the chosen one (None where no epoch has a score) and
        the last; is_trained: False where it was put together of others, so that there is but one row a fold.
    """
    monitor, end = MONITORS[criterion]  # type: ignore[index]
    shown = "val_macro_f1" if monitor == "val_loss" else monitor
    losses, scores, epochs = [], [], []
    for number, (fold, rows) in enumerate(history.groupby("fold")):
        series = min(number, N_SERIES)
        ordered = rows.sort_values("epoch")
        best = choose_epoch(ordered, monitor, end)
        chosen = None if best is None else ordered.loc[ordered["epoch"] == best].iloc[0]
        told = f"fold {fold}: epoch {best} was chosen"
        points = {name: list(zip(ordered["epoch"].astype(float), ordered[name].astype(float), strict=True))
                  for name in ("train_loss", "val_loss", shown)}  # fmt: skip
        losses.append(Line(f"fold {fold}, training", points["train_loss"], series, is_dashed=True))
        held_out = [] if chosen is None else [
            ((float(chosen["epoch"]), float(chosen["val_loss"])), f"{told}; loss {chosen['val_loss']:.4f}")
        ]  # fmt: skip
        reached = [] if chosen is None else [
            ((float(chosen["epoch"]), float(chosen[shown])), f"{told}; {CURVES[shown]} {chosen[shown]:.4f}")
        ]  # fmt: skip
        losses.append(Line(f"fold {fold}, held out", points["val_loss"], series, marked=held_out))
        scores.append(Line(f"fold {fold}", points[shown], series, marked=reached))
        score = np.nan if chosen is None else float(chosen[shown])
        epochs.append({"fold": fold, "chosen": best, "last": int(ordered["epoch"].max()), "score": score})
    return {
        "charts": [
            plan_lines(losses, ("epoch, from 0", "loss, nats"), whole_x=True),
            plan_lines(scores, ("epoch, from 0", f"{CURVES[shown]}, held-out fold"), whole_x=True),
        ],
        "epochs": epochs,
        "is_trained": bool(history["train_loss"].notna().any()),
        "monitor": CURVES[monitor],
    }


def choose_epoch(rows: pd.DataFrame, monitor: str, end: str) -> int | None:
    """Return the epoch whose weights were kept: the best by the recipe's criterion, the first of equals.

    None where no epoch has a value, as when a loss ran away from the start.
    """
    values = rows[monitor].to_numpy(np.float64)
    if np.isnan(values).all():
        return None
    best = np.nanmin(values) if end == "min" else np.nanmax(values)
    return int(rows["epoch"].to_numpy()[np.flatnonzero(values == best)[0]])


def _write_reliability(reported: Reported) -> Section:
    labels = reported.labels
    tables = {name: reported.get_oof(name) for name in reported.speakers}
    rows = [{"member": name, "kind": "", **vars(measure_reliability(said, labels))} for name, said in tables.items()]
    ensemble = reported.ensemble
    if ensemble is not None:
        rows[0]["kind"] = "temperature fitted on other images" if ensemble.uncalibrated is not None else ""
        if ensemble.uncalibrated is not None:
            before = vars(measure_reliability(ensemble.uncalibrated, labels))
            rows.insert(1, {"member": ENSEMBLE, "kind": "before temperature and offsets", **before})
    shown = rows[:N_SERIES]
    lines = [
        Line(_name_row(row), list(zip(row["confidence"], row["right"], strict=True)), number)
        for number, row in enumerate(shown)
    ]
    return _render(
        "Reliability", "reliability", rows=rows, names=[_name_row(row) for row in shown],
        chart=plan_lines(lines, ("mean probability of the predicted class", "share of right answers"), is_square=True),
        temperature=None if ensemble is None else ensemble.temperature, n_in_bin=int(rows[0]["n_images"].max()),
    )  # fmt: skip


def _write_configurations(findings: Findings) -> Section:
    configurations = findings.configurations
    defaults, apart = list_defaults(), list_told_apart(configurations)
    table = [
        {
            "leaf": leaf,
            "default": defaults.get(leaf, ""),
            "values": [one.leaves.get(leaf, "") for one in configurations],
            "is_apart": leaf in apart,
        }
        for leaf in list_differing(configurations)
    ]
    known = {one.member for one in configurations}
    common = find_common(configurations)
    members = [
        {
            "member": one.member,
            "n_changed": len(one.from_defaults),
            "changes": [change for change in one.from_defaults if change not in common],
            "base": one.base,
            "from_base": one.from_base,
        }
        for one in configurations
    ]
    unknown = [name for name in findings.reported.order if name not in known]
    return _render(
        "Configuration", "configuration", configurations=members, common=common, table=table, unknown=unknown,
        twins=find_twins(configurations), n_leaves=len(defaults),
    )  # fmt: skip


def _list_rows(scores: pd.DataFrame, attribute: str, honest: bool = False) -> list[dict[str, Any]]:
    rows = scores[scores["attribute"] == attribute]
    return list((rows[rows["kind"] != CHOSEN_HERE] if honest else rows).to_dict("records"))


def _list_values(class_scores: pd.DataFrame, member: str, attribute: str) -> list[dict[str, Any]]:
    rows = class_scores[(class_scores["member"] == member) & (class_scores["attribute"] == attribute)]
    return list(rows.sort_values("label").to_dict("records"))


def _name_row(row: Mapping[str, Any]) -> str:
    told = row["kind"] if row["member"] == ENSEMBLE else ""
    return f"{row['member']}, {told}" if told else str(row["member"])


def _estimate(row: Mapping[str, Any], score: str) -> Estimate | None:
    value, low, high = (float(row[key]) for key in (score, f"{score}_low", f"{score}_high"))
    return None if np.isnan(value) else (value, low, high)


def _render(title: str, anchor: str, **values: Any) -> Section:
    filters = {"number": _write_number, "percent": lambda value: f"{100 * value:.1f} %", "criterion": name_criterion}
    html = render_page(_FOLDER / f"{anchor}.html", filters, **values)
    return Section(title, anchor, html)


def _write_number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"
