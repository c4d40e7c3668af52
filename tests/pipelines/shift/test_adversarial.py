"""The verdict is about images that were not learned, equals scikit-learn's numbers, and does not hang on threads."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from podium.pipelines.shift.adversarial import count_folds, draw_interval, measure_auc, tell_apart


def draw_sides(n: int, difference: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    is_test = rng.random(n) < 0.4
    values = rng.normal(size=(n, 3))
    values[is_test, 1] += difference
    values[rng.random((n, 3)) < 0.05] = np.nan
    return values, is_test, np.arange(n)


@pytest.mark.parametrize("weighted", [True, False])
def test_auc_is_that_of_scikit_learn_with_ties_and_weights(weighted: bool) -> None:
    rng = np.random.default_rng(3)
    scores, is_test = rng.integers(0, 12, 300) / 12, rng.random(300) < 0.3
    weights = rng.integers(0, 4, 300).astype(float) if weighted else None
    assert measure_auc(scores, is_test, weights) == pytest.approx(roc_auc_score(is_test, scores, sample_weight=weights))


def test_alike_sides_are_not_told_apart_and_different_ones_are() -> None:
    values, is_test, groups = draw_sides(400, 0.0)
    assert measure_auc(tell_apart(values, is_test, groups, 4, 1), is_test) == pytest.approx(0.5, abs=0.1)
    values, is_test, groups = draw_sides(400, 3.0)
    assert measure_auc(tell_apart(values, is_test, groups, 4, 1), is_test) > 0.95


def test_training_images_that_are_more_like_test_are_judged_so() -> None:
    rng = np.random.default_rng(6)
    is_test = np.arange(600) % 2 == 0
    values = rng.normal(size=(600, 1)) + 1.5 * is_test[:, None]
    p_test = tell_apart(values, is_test, np.arange(600), 3, 1)
    assert np.corrcoef(p_test[~is_test], values[~is_test, 0])[0, 1] > 0.6


def test_group_is_not_recognised_by_what_was_learned_of_it() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(60), 8)
    is_test = np.repeat(rng.random(60) < 0.5, 8)
    values = np.repeat(rng.normal(size=(60, 3)), 8, axis=0)  # a fingerprint of the group, which says nothing of others
    assert measure_auc(tell_apart(values, is_test, groups, 5, 1), is_test) < 0.7
    split_by_image = tell_apart(values, is_test, np.arange(480), 5, 1)
    assert measure_auc(split_by_image, is_test) > 0.95


@pytest.mark.parametrize(("n_train", "n_test"), [(20, 10), (12, 12), (200, 6)])
def test_few_images_that_differ_clearly_are_told_apart(n_train: int, n_test: int) -> None:
    is_test = np.arange(n_train + n_test) >= n_train
    values = np.random.default_rng(8).uniform(size=(len(is_test), 3)) + is_test[:, None] * [0, 2, 0]
    p_test = tell_apart(values, is_test, np.arange(len(is_test)), 3, 1)
    assert measure_auc(p_test, is_test) > 0.9


def test_few_images_that_are_alike_are_seldom_told_apart() -> None:
    rng, is_test, low = np.random.default_rng(9), np.arange(30) >= 20, []
    for seed in range(20):
        p_test = tell_apart(rng.normal(size=(30, 5)), is_test, np.arange(30), 5, seed)
        low.append(draw_interval(p_test, is_test, np.arange(30), 200, 0.95, seed)[0])
    assert np.mean(np.array(low) > 0.5) <= 0.15


def test_few_test_images_do_not_make_test_improbable() -> None:
    values, is_test, _ = draw_sides(1500, 2.0)
    few = is_test & (np.arange(1500) % 6 == 0)
    kept = ~is_test | few
    p_test = tell_apart(values[kept], few[kept], np.arange(kept.sum()), 3, 1)
    assert few[kept].mean() < 0.12
    assert np.median(p_test[few[kept]]) > 0.7


def test_number_of_threads_changes_not_a_bit() -> None:
    values, is_test, groups = draw_sides(300, 1.0)
    with threadpool_limits(1):
        one = tell_apart(values, is_test, groups, 3, 1)
    with threadpool_limits(2):
        np.testing.assert_array_equal(tell_apart(values, is_test, groups, 3, 1), one)


def test_interval_holds_the_auc_and_widens_when_images_come_in_groups() -> None:
    rng = np.random.default_rng(5)
    scores, is_test = rng.normal(size=400), np.arange(400) % 2 == 0
    scores[is_test] += 1
    low, high = draw_interval(scores, is_test, np.arange(400), 300, 0.9, 1)
    assert low < roc_auc_score(is_test, scores) < high
    assert (low, high) == draw_interval(scores, is_test, np.arange(400), 300, 0.9, 1)
    repeated, repeated_test = np.repeat(scores[:100], 4), np.repeat(is_test[:100], 4)
    by_image = draw_interval(repeated, repeated_test, np.arange(400), 300, 0.9, 1)
    by_group = draw_interval(repeated, repeated_test, np.repeat(np.arange(100), 4), 300, 0.9, 1)
    assert by_group[1] - by_group[0] > 1.5 * (by_image[1] - by_image[0])


def test_there_are_no_more_folds_than_groups_of_the_smaller_side() -> None:
    is_test = np.array([False] * 6 + [True] * 4)
    assert count_folds(is_test, np.array([0, 0, 1, 2, 3, 4, 5, 5, 6, 6]), 5) == 2
    assert count_folds(np.zeros(3, dtype=bool), np.arange(3), 5) == 0


def test_one_sided_folds_are_judged_undecided() -> None:
    groups = np.array([0, 0, 1, 1])  # each group on both sides
    p_test = tell_apart(np.zeros((4, 1)), np.array([False, True, False, True]), groups, 2, 1)
    assert p_test.tolist() == [0.5] * 4
