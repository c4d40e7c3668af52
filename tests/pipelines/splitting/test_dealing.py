"""Folds equal to those of scikit-learn's splitter, which deals in the same way but computes everything anew."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from podium.pipelines.splitting import dealing
from podium.pipelines.splitting.dealing import deal_groups


def deal_by_sklearn(labels: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    folds = np.empty(len(labels), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
            folds[held_out] = fold
    return folds


def draw_rows(n: int, n_classes: int, n_groups: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of unevenly frequent classes, not all of which occur, and groups numbered by first appearance."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(n_classes, n, p=rng.dirichlet(np.ones(n_classes))) * 3
    labels[: n // 4] = [0, 3] * (n // 8)  # so that two classes are larger than any number of folds here
    return labels, pd.factorize(rng.integers(0, n_groups, n))[0]


@pytest.mark.parametrize("n_folds", [2, 3, 5, 8, 13])
@pytest.mark.parametrize("n_classes", [2, 7, 18, 150])
@pytest.mark.parametrize("n_groups", [40, 150, 3000])
def test_folds_equal_those_of_scikit_learn(n_folds: int, n_classes: int, n_groups: int) -> None:
    for seed in range(2):
        labels, groups = draw_rows(160, n_classes, n_groups, seed)
        expected = deal_by_sklearn(labels, groups, n_folds, seed)
        assert np.array_equal(deal_groups(labels, groups, n_folds, seed), expected)


@pytest.mark.parametrize("seed", range(3))
def test_folds_of_single_images_equal_those_of_scikit_learn(seed: int) -> None:
    labels, groups = draw_rows(600, 18, 600, seed)[0], np.arange(600)
    assert np.array_equal(deal_groups(labels, groups, 3, seed), deal_by_sklearn(labels, groups, 3, seed))


def test_folds_do_not_depend_on_how_many_groups_are_looked_at_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, groups = draw_rows(400, 18, 150, 0)
    expected = deal_groups(labels, groups, 5, 1)
    monkeypatch.setattr(dealing, "_ROWS_AT_ONCE", 7)
    assert np.array_equal(deal_groups(labels, groups, 5, 1), expected)


def test_one_class_is_dealt_evenly() -> None:
    folds = deal_groups(np.zeros(40, dtype=np.int64), np.arange(40), 10, 0)
    assert np.bincount(folds).tolist() == [4] * 10
