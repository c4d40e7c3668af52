"""Scores against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from podium.ensembling.criteria import count_classes, score, score_counts


def draw(seed: int, n: int = 200, n_classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(n_classes, 0.5), n)
    return probabilities, rng.integers(0, n_classes - 1, n)  # the last class is predicted, but never there


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_scikit_learn(seed: int) -> None:
    probabilities, labels = draw(seed)
    said = probabilities.argmax(axis=1)
    assert score(probabilities, labels, "macro_f1") == pytest.approx(f1_score(labels, said, average="macro"), abs=1e-12)
    assert score(probabilities, labels, "accuracy") == pytest.approx(accuracy_score(labels, said), abs=1e-12)
    wanted = -log_loss(labels, probabilities.astype(np.float64), labels=np.arange(6))
    assert score(probabilities, labels, "log_loss") == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("criterion", ["macro_f1", "accuracy"])
def test_many_counts_at_once_score_as_each_alone(criterion: str) -> None:
    tables = [count_classes(labels, p.argmax(axis=1), 6) for p, labels in map(draw, range(4))]
    together = score_counts(np.stack(tables), criterion)  # type: ignore[arg-type]
    np.testing.assert_array_equal(together, [score_counts(table, criterion) for table in tables])  # type: ignore[arg-type]


def test_class_that_is_neither_there_nor_predicted_does_not_count() -> None:
    probabilities, labels = np.eye(5, dtype=np.float32)[[0, 1, 2]], np.array([0, 1, 2])
    assert score(probabilities, labels, "macro_f1") == 1.0


def test_one_sure_mistake_leaves_the_log_loss_finite() -> None:
    assert np.isfinite(score(np.array([[0.0, 1.0]]), np.array([0]), "log_loss"))
