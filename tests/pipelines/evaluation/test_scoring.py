"""Scores of tables against scikit-learn on the labels themselves."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_recall_fscore_support

from podium.pipelines.evaluation.scoring import (
    align_labels,
    count_attribute_confusions,
    count_predictions,
    score_probabilities,
    summarize_confusion,
    tabulate_classes,
)
from podium.probabilities import make_table, to_matrix
from podium.vision.metrics import count_confusion

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "마스크": {"values": ["착용", "턱", "미착용"]},
    "gender": {"values": ["male", "female"]},
    "age": {"values": ["<30", "30-59", ">=60"]},
}
CLASSES = pd.DataFrame(
    [(m, g, a) for m in ATTRIBUTES["마스크"]["values"] for g in ("male", "female") for a in ("<30", "30-59", ">=60")],
    columns=list(ATTRIBUTES),
).assign(label=range(18), class_name=[f"반 {i}" for i in range(18)])
CLOSE = {"rel": 0, "abs": 1e-9}


def draw_predictions(seed: int, n: int = 80) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return probabilities of three folds in one order of images and targets in another."""
    rng = np.random.default_rng(seed)
    there = rng.choice(18, size=int(rng.integers(2, 18)), replace=False)  # some classes are missing
    labels = rng.choice(there, n)
    logits = rng.normal(size=(n, 18)) + 2 * np.eye(18)[labels]
    chances = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    ids = pd.Series([f"train/{i}.jpg" for i in range(n)])
    predictions = make_table(ids, 0, chances).assign(fold=rng.integers(0, 3, n))
    targets = pd.DataFrame({"image_id": ids, "label": labels, "training_label": 0})
    return predictions, targets.sample(frac=1, random_state=seed)


@pytest.mark.parametrize("seed", range(8))
def test_scores_equal_scikit_learn_whole_by_fold_and_by_attribute(seed: int) -> None:
    predictions, targets = draw_predictions(seed)
    scores = score_probabilities(predictions, targets, CLASSES, ATTRIBUTES)
    true = predictions.merge(targets, on="image_id")["label"].to_numpy()
    said = to_matrix(predictions).argmax(axis=1)

    def require_equal(part: dict[str, Any], labels: Any, guesses: Any) -> None:
        assert part["macro_f1"] == pytest.approx(f1_score(labels, guesses, average="macro"), **CLOSE)
        assert part["accuracy"] == pytest.approx(accuracy_score(labels, guesses), **CLOSE)
        assert part["n_images"] == len(labels)

    require_equal(scores, true, said)
    for name in ATTRIBUTES:
        values = CLASSES[name].to_numpy()
        require_equal(scores["attributes"][name], values[true], values[said])
    assert set(scores["folds"]) == {"fold_0", "fold_1", "fold_2"}
    for fold in range(3):
        chosen = (predictions["fold"] == fold).to_numpy()
        require_equal(scores["folds"][f"fold_{fold}"], true[chosen], said[chosen])


@pytest.mark.parametrize("seed", range(4))
def test_log_loss_equals_scikit_learn(seed: int) -> None:
    predictions, targets = draw_predictions(seed)
    true = predictions.merge(targets, on="image_id")["label"]
    matrix = to_matrix(predictions).astype(np.float64)
    expected = log_loss(true, matrix / matrix.sum(axis=1, keepdims=True), labels=range(18))
    assert score_probabilities(predictions, targets, CLASSES, {})["log_loss"] == pytest.approx(expected, abs=1e-6)


def test_log_loss_of_a_sure_mistake_is_finite() -> None:
    predictions = make_table(pd.Series(["a"]), 0, np.array([[1.0, 0.0]], dtype=np.float32))
    targets = pd.DataFrame({"image_id": ["a"], "label": [1]})
    scores = score_probabilities(predictions, targets, CLASSES.iloc[:2], {})
    assert scores["log_loss"] == pytest.approx(-np.log(1e-15))


def test_index_of_the_predictions_does_not_matter() -> None:
    predictions, targets = draw_predictions(0)
    shuffled = predictions.sample(frac=1, random_state=5)
    whole = score_probabilities(predictions, targets, CLASSES, ATTRIBUTES)
    scores = score_probabilities(shuffled, targets, CLASSES, ATTRIBUTES)
    assert scores.pop("log_loss") == pytest.approx(whole.pop("log_loss"))
    assert scores == whole


@pytest.mark.parametrize("seed", range(8))
def test_attribute_confusion_is_the_one_of_the_attribute_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, said = rng.integers(0, 18, 100), rng.integers(0, 18, 100)
    confusions = count_attribute_confusions(count_confusion(true, said, 18), CLASSES, ATTRIBUTES)
    assert set(confusions) == set(ATTRIBUTES)
    for name, attribute in ATTRIBUTES.items():
        number = CLASSES[name].map(attribute["values"].index).to_numpy()
        expected = count_confusion(number[true], number[said], len(attribute["values"]))
        assert np.array_equal(confusions[name], expected)
        summary = summarize_confusion(confusions[name])
        assert summary["macro_f1"] == pytest.approx(f1_score(number[true], number[said], average="macro"), **CLOSE)


def test_right_mask_of_the_wrong_age_is_right_for_the_mask() -> None:
    confusion = count_confusion([0], [2], 18)  # a masked man under 30, taken for one over 60
    parts = count_attribute_confusions(confusion, CLASSES, ATTRIBUTES)
    assert {name: summarize_confusion(part)["accuracy"] for name, part in parts.items()} == {
        "마스크": 1.0,
        "gender": 1.0,
        "age": 0.0,
    }


def test_classes_without_attributes_have_no_parts() -> None:
    predictions, targets = draw_predictions(0)
    assert score_probabilities(predictions, targets, CLASSES, {})["attributes"] == {}


def test_labels_stand_beside_their_images() -> None:
    predictions, targets = draw_predictions(3)
    expected = predictions.merge(targets, on="image_id")["label"].tolist()
    assert align_labels(predictions, targets).tolist() == expected


def test_image_without_a_target_is_refused() -> None:
    predictions, targets = draw_predictions(3)
    with pytest.raises(KeyError, match=r"train/0\.jpg"):
        align_labels(predictions, targets[targets["image_id"] != "train/0.jpg"])


def test_class_table_equals_scikit_learn() -> None:
    predictions, targets = draw_predictions(1)
    labels = align_labels(predictions, targets)
    table = tabulate_classes(count_predictions(predictions, labels, 18), CLASSES)
    said = to_matrix(predictions).argmax(axis=1)
    expected = precision_recall_fscore_support(labels, said, labels=range(18), zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "n_images"), expected, strict=True):
        np.testing.assert_allclose(table[name], column, atol=1e-9)
    assert table["class_name"].tolist() == CLASSES["class_name"].tolist()
