"""What a trial is compared by."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from podium.pipelines.trial.nodes import score_trial
from podium.probabilities import make_table

LABELS = np.array([0, 1, 2, 3, 0, 1, 2, 3])
CLASSES = pd.DataFrame({"label": range(4), "class_name": list("abcd"), "mask": ["on", "off", "on", "off"]})
ATTRIBUTES = {"mask": {"values": ["on", "off"]}}
TARGETS = pd.DataFrame({"image_id": list("stuvwxyz"), "label": LABELS})


def make_oof(fold: int, rows: slice) -> pd.DataFrame:
    chances = np.random.default_rng(fold).dirichlet(np.ones(4), 4).astype(np.float32)
    ids = TARGETS["image_id"].iloc[rows].reset_index(drop=True)
    return make_table(ids, fold, chances)


def score(folds: list[int], attribute: str | None = None) -> tuple[dict[str, Any], pd.DataFrame]:
    tables = {f"m-1/fold_{fold}": make_oof(fold, slice(4 * fold, 4 * fold + 4)) for fold in range(2)}
    oof: Any = {name: (lambda name=name: tables[name]) for name in tables}
    member = {"name": "m-1", "folds": folds, "attribute": attribute}
    return score_trial(member, oof, TARGETS, CLASSES, ATTRIBUTES), pd.concat(
        [tables[f"m-1/fold_{fold}"] for fold in folds]
    )


@pytest.mark.parametrize("folds", [[0], [1], [0, 1]])
def test_folds_that_were_trained_are_scored_as_scikit_learn_does(folds: list[int]) -> None:
    scores, table = score(folds)
    chances = table[[f"p_{label}" for label in range(4)]].to_numpy(np.float64)
    labels = TARGETS.set_index("image_id")["label"].loc[table["image_id"]].to_numpy()
    assert scores["n_images"] == len(labels)
    assert scores["member"] == "m-1"
    assert scores["accuracy"] == accuracy_score(labels, chances.argmax(axis=1))
    assert scores["macro_f1"] == pytest.approx(f1_score(labels, chances.argmax(axis=1), average="macro"))
    chances = chances / chances.sum(axis=1, keepdims=True)
    assert scores["log_loss"] == pytest.approx(log_loss(labels, chances, labels=range(4)), rel=1e-5)


def test_recipe_of_one_attribute_is_scored_on_it() -> None:
    scores, table = score([0, 1], "mask")
    predicted = table[[f"p_{label}" for label in range(4)]].to_numpy().argmax(axis=1) % 2
    assert scores["accuracy"] == accuracy_score(LABELS % 2, predicted)
