"""Scores against scikit-learn's, to 1e-9."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from podium.vision.metrics import accuracy, count_confusion, macro_f1, score_classes

CLOSE = {"rtol": 0, "atol": 1e-9}


def draw_pairs(seed: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions, in which most seeds leave some classes out of one or both."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    there = rng.choice(n_classes, size=int(rng.integers(1, n_classes + 1)), replace=False)
    said = rng.choice(n_classes, size=int(rng.integers(1, n_classes + 1)), replace=False)
    return rng.choice(there, n), rng.choice(said, n)


CASES = [(seed, n_classes) for seed in range(25) for n_classes in (2, 3, 18)]


@pytest.mark.parametrize(("seed", "n_classes"), CASES)
def test_confusion_equals_scikit_learn(seed: int, n_classes: int) -> None:
    labels, predictions = draw_pairs(seed, n_classes)
    counted = count_confusion(labels, predictions, n_classes)
    assert counted.dtype == np.int64
    assert np.array_equal(counted, confusion_matrix(labels, predictions, labels=range(n_classes)))


@pytest.mark.parametrize(("seed", "n_classes"), CASES)
def test_macro_f1_and_accuracy_equal_scikit_learn(seed: int, n_classes: int) -> None:
    labels, predictions = draw_pairs(seed, n_classes)
    confusion = count_confusion(labels, predictions, n_classes)
    np.testing.assert_allclose(macro_f1(confusion), f1_score(labels, predictions, average="macro"), **CLOSE)
    np.testing.assert_allclose(accuracy(confusion), accuracy_score(labels, predictions), **CLOSE)


@pytest.mark.parametrize(("seed", "n_classes"), CASES)
def test_scores_of_each_class_equal_scikit_learn(seed: int, n_classes: int) -> None:
    labels, predictions = draw_pairs(seed, n_classes)
    expected = precision_recall_fscore_support(labels, predictions, labels=range(n_classes), zero_division=0)[:3]
    for mine, theirs in zip(score_classes(count_confusion(labels, predictions, n_classes)), expected, strict=True):
        assert mine.dtype == np.float64
        np.testing.assert_allclose(mine, theirs, **CLOSE)


def test_random_cases_do_leave_classes_out() -> None:
    missing = [set(range(n)) - set(np.concatenate(draw_pairs(seed, n))) for seed, n in CASES]
    assert sum(map(bool, missing)) > len(CASES) / 4


def test_scores_by_hand() -> None:
    confusion = np.array([[3, 1, 0], [0, 2, 2], [0, 0, 0]])
    precision, recall, f1 = score_classes(confusion)
    assert precision.tolist() == [1.0, 2 / 3, 0.0]
    assert recall.tolist() == [0.75, 0.5, 0.0]
    assert f1.tolist() == [6 / 7, 4 / 7, 0.0]
    assert macro_f1(confusion) == pytest.approx((6 / 7 + 4 / 7 + 0) / 3, abs=1e-12)
    assert accuracy(confusion) == 5 / 8


def test_rows_are_true_classes_and_columns_predicted_ones() -> None:
    assert count_confusion([0, 0], [1, 1], 3).tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 0]]


def test_no_image_scores_nothing() -> None:
    empty = count_confusion([], [], 3)
    assert empty.tolist() == [[0, 0, 0]] * 3
    assert macro_f1(empty) == accuracy(empty) == 0.0


def test_millions_of_images_do_not_lose_one() -> None:
    n = 3_000_000
    labels = np.zeros(n, dtype=np.int8)
    predictions = np.zeros(n, dtype=np.int8)
    predictions[:1] = 1
    assert count_confusion(labels, predictions, 200)[0, :2].tolist() == [n - 1, 1]
