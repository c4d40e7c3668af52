"""Temperature and class offsets: found where they are known, and never for the worse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from podium.ensembling.criteria import score
from podium.ensembling.decisions import _OFFSETS, Decision, _score_moves, fit_offsets, fit_temperature


def draw(
    seed: int, n: int = 400, n_classes: int = 4, shares: list[float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(n_classes, n, p=shares)
    logits = 1.5 * np.eye(n_classes)[labels] + rng.normal(size=(n, n_classes))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


def test_a_decision_that_changes_nothing_changes_nothing() -> None:
    probabilities, _ = draw(0)
    np.testing.assert_allclose(Decision().apply(probabilities), probabilities, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_that_spoilt_probabilities_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(1)
    true = rng.dirichlet(np.full(5, 0.7), 20_000)
    labels = (true.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    spoilt = Decision(1 / temperature).apply(true)
    assert fit_temperature(spoilt, labels) == pytest.approx(temperature, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_temperature_changes_no_class_and_raises_no_loss(seed: int) -> None:
    probabilities, labels = draw(seed)
    calibrated = Decision(fit_temperature(probabilities, labels)).apply(probabilities)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), probabilities.argmax(axis=1))
    assert score(calibrated, labels, "log_loss") >= score(probabilities, labels, "log_loss") - 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), label=st.integers(0, 3), present=st.sampled_from([-0.5, 0.0, 1.0]))
def test_every_move_of_a_class_scores_as_scikit_learn_says(seed: int, label: int, present: float) -> None:
    probabilities, labels = draw(seed, n=60)
    logits = np.log(probabilities)
    logits[:, label] += present
    scores = _score_moves(logits, labels, label, present, "macro_f1")
    for place in range(0, len(_OFFSETS), 9):
        moved = logits.copy()
        moved[:, label] += _OFFSETS[place] - present
        assert scores[place] == pytest.approx(f1_score(labels, moved.argmax(axis=1), average="macro"), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_offsets_never_lower_the_score_that_they_are_fitted_on(seed: int) -> None:
    probabilities, labels = draw(seed, shares=[0.7, 0.2, 0.08, 0.02])
    offsets = fit_offsets(probabilities, labels, "macro_f1")
    assert len(offsets) == 4
    assert sum(offsets) == pytest.approx(0, abs=1e-9)
    moved = Decision(1.0, offsets).apply(probabilities)
    assert score(moved, labels, "macro_f1") >= score(probabilities, labels, "macro_f1") - 1e-12


def test_offsets_find_the_classes_that_were_pushed_down() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 30_000)
    logits = 2 * np.eye(3)[labels] + rng.normal(size=(30_000, 3)) + np.array([0.0, -1.0, 0.5])
    offsets = np.array(fit_offsets(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels, "macro_f1"))
    np.testing.assert_allclose(offsets - offsets[0], [0.0, 1.0, -0.5], atol=0.15)


def test_right_classes_need_no_offsets() -> None:
    labels = np.array([0, 1, 2, 0])
    assert fit_offsets(np.eye(3)[labels] * 0.9 + 0.1 / 3, labels, "macro_f1") == (0.0, 0.0, 0.0)
