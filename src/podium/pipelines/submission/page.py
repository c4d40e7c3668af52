"""The page beside a submission: what it is made of, and what to expect of it."""

from pathlib import Path
from typing import Any

import pandas as pd

from podium.digests import digest_table
from podium.git_state import describe_commit
from podium.pages import render_page
from podium.pipelines.ensemble.choosing import name_used

_TEMPLATE = Path(__file__).with_name("page.html")
_CRITERIA = {"macro_f1": "Macro F1", "accuracy": "Accuracy", "log_loss": "Negated log loss"}


def describe_submission(  # noqa: PLR0913  (a node: one argument a table)
    submission: pd.DataFrame,
    competition: str,
    ensemble_scores: dict[str, Any],
    ensemble_weights: pd.DataFrame,
    member_ranking: pd.DataFrame,
    method_scores: pd.DataFrame,
    ensemble_choice: dict[str, Any],
    decision: dict[str, Any],
    classes: pd.DataFrame,
    targets: pd.DataFrame,
    ensemble_digests: dict[str, str],
) -> str:
    """Write one self-contained HTML page.

    Args:
        submission: As handed in; empty without a test part.
        competition: Its name.
        ensemble_scores, ensemble_weights, member_ranking, method_scores, ensemble_choice, decision, ensemble_digests:
            Of the ensemble pipeline.
        classes: label, class_name and target.
        targets: label of the training images.

    Returns:
        HTML; the same for the same arguments and commit.
    """
    expected = ensemble_scores["expected_private"]
    weights = dict(zip(ensemble_weights["member"], ensemble_weights["weight"], strict=True))
    members = [{**row, "weight": weights.get(row["member"], 0.0)} for row in member_ranking.to_dict("records")]
    names = classes.sort_values("label")["class_name"]
    return render_page(
        _TEMPLATE,
        {"number": lambda value: f"{value:.4f}", "signed": lambda value: f"{value:+.4f}"},
        competition=competition,
        criterion=_CRITERIA[expected["criterion"]],
        expected=expected,
        used=name_used(ensemble_choice),
        reason=ensemble_choice["reason"],
        members=sorted(members, key=lambda row: (-row["weight"], row["rank"])),
        methods=method_scores.to_dict("records"),
        decision=decision,
        offsets=list(zip(names, decision["offsets"], strict=True)) if decision["offsets"] else [],
        answers=_count_answers(submission, classes, targets),
        origin={
            **{name.replace("_", " "): value for name, value in ensemble_digests.items()},
            "answers digest": digest_table(submission) if len(submission) else "none",
            "commit": describe_commit(Path.cwd()),
        },
    )


def _count_answers(submission: pd.DataFrame, classes: pd.DataFrame, targets: pd.DataFrame) -> list[dict[str, Any]]:
    """Count how often each class was answered, beside its share in training; none without a test part."""
    if submission.empty:
        return []
    counts = submission.iloc[:, -1].value_counts()
    shares = targets["label"].value_counts(normalize=True)
    return [
        {
            "class_name": row.class_name,
            "target": row.target,
            "n": int(counts.get(row.target, 0)),
            "share": counts.get(row.target, 0) / len(submission),
            "train_share": shares.get(row.label, 0.0),
        }
        for row in classes.sort_values("label").itertuples()
    ]
