"""Draws of groups against plain repetition of rows, and choices that never see what they are scored on."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from podium.ensembling.criteria import Criterion, score
from podium.ensembling.resampling import (
    bootstrap_scores,
    choose_nested,
    deal_parts,
    make_interval,
    number_groups,
)


def draw(seed: int, n_groups: int = 60, n_classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(1, 5, n_groups))
    labels = rng.integers(0, n_classes, len(groups))
    logits = 1.5 * np.eye(n_classes)[labels] + rng.normal(size=(2, len(groups), n_classes))
    members = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return members.astype(np.float32), labels, groups


def test_groups_are_numbered_by_name() -> None:
    np.testing.assert_array_equal(number_groups(["나", "가", "나", "다"]), [1, 0, 1, 2])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n_parts=st.integers(2, 6))
def test_parts_keep_groups_whole_and_are_of_about_the_same_size(seed: int, n_parts: int) -> None:
    _, labels, groups = draw(seed)
    parts = deal_parts(labels, groups, n_parts, seed)
    assert all(len(set(parts[groups == group])) == 1 for group in range(60))
    sizes = np.bincount(parts, minlength=n_parts)
    assert sizes.max() - sizes.min() <= 0.35 * len(labels) / n_parts + 8
    np.testing.assert_array_equal(parts, deal_parts(labels, groups, n_parts, seed))


def test_nested_choice_never_sees_the_groups_it_is_scored_on() -> None:
    members, labels, groups = draw(0)
    members[0, :, 0], members[1, :, 0] = np.arange(len(labels)), groups  # so that a choice can tell images apart
    seen: list[set[float]] = []

    def choose(probabilities: np.ndarray, _: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        known = set(probabilities[1, :, 0])
        seen.append(known)

        def apply(others: np.ndarray) -> np.ndarray:
            assert not known & set(others[1, :, 0])
            return others[0]

        return apply

    parts = deal_parts(labels, groups, 5, 0)
    nested = choose_nested(choose, members, labels, parts)
    np.testing.assert_array_equal(nested, members[0])
    assert len(seen) == 5
    assert set.union(*seen) == set(groups)


@pytest.mark.parametrize("criterion", ["macro_f1", "accuracy", "log_loss"])
def test_draws_score_as_rows_that_are_repeated(criterion: Criterion) -> None:
    members, labels, groups = draw(1, n_groups=12)
    scores = bootstrap_scores(members, labels, groups, criterion, 20, seed=7)
    rng = np.random.default_rng(7)
    for number in range(20):
        rows = np.concatenate([np.flatnonzero(groups == group) for group in rng.integers(0, 12, 12)])
        for member in range(2):
            wanted = score(members[member][rows], labels[rows], criterion)
            assert scores[member, number] == pytest.approx(wanted, abs=1e-6)


def test_spread_of_accuracy_is_that_of_counting() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros(2000, np.int64)
    said = np.eye(2, dtype=np.float32)[(rng.random(2000) > 0.8).astype(int)]
    draws = bootstrap_scores(said[None], labels, np.arange(2000), "accuracy", 2000, seed=1)
    assert draws.std() == pytest.approx(np.sqrt(0.8 * 0.2 / 2000), rel=0.1)
    smaller = bootstrap_scores(said[None], labels, np.arange(2000), "accuracy", 2000, seed=1, n_drawn_images=500)
    assert smaller.std() == pytest.approx(np.sqrt(0.8 * 0.2 * (1 / 2000 + 1 / 500)), rel=0.1)


def test_images_of_one_group_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(200) < 0.7, 10)  # ten pictures of a person, all right or all wrong
    said, labels = np.eye(2, dtype=np.float32)[(~right).astype(int)], np.zeros(2000, np.int64)
    alone, together = (
        bootstrap_scores(said[None], labels, groups, "accuracy", 1000, seed=0).std()
        for groups in (np.arange(2000), np.arange(2000) // 10)
    )
    assert together / alone == pytest.approx(np.sqrt(10), rel=0.15)


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(150):
        members, labels, groups = draw(seed, n_groups=80)
        interval = make_interval(
            score(members[0], labels, "accuracy"),
            bootstrap_scores(members[:1], labels, groups, "accuracy", 300, seed)[0],
            0.9,
        )
        covered += interval.low <= TRUE_ACCURACY <= interval.high
    assert 0.82 <= covered / 150 <= 0.97


def _true_accuracy() -> float:
    rng = np.random.default_rng(99)
    return float(((1.5 + rng.normal(size=400_000)) > rng.normal(size=(400_000, 2)).max(axis=1)).mean())


TRUE_ACCURACY = _true_accuracy()


def test_macro_f1_of_a_draw_leaves_out_what_it_does_not_have() -> None:
    labels, groups = np.array([0, 1]), np.array([0, 1])
    sure = np.eye(2, dtype=np.float32)[labels]
    draws = bootstrap_scores(sure[None], labels, groups, "macro_f1", 50, seed=0)
    np.testing.assert_array_equal(draws, f1_score(labels, labels, average="macro"))
