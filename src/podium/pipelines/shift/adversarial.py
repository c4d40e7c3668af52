"""Adversarial validation: a classifier that tells training from test images, judged where it has not learned."""

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from podium.pipelines.splitting.dealing import deal_groups

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def count_folds(is_test: Flags, groups: Integers, n_folds: int) -> int:
    """Return how many folds there can be: at most one a group of the smaller side; less than 2 say that none can."""
    return min(n_folds, len(np.unique(groups[is_test])), len(np.unique(groups[~is_test])))


def tell_apart(values: Floats, is_test: Flags, groups: Integers, n_folds: int, seed: int) -> Floats:
    """Learn to tell test from training images on all folds but one, and judge the images of that one, for each fold.

    Boosted trees (HistGradientBoosting of scikit-learn) take properties of any scale, and those that are unknown.

    Args:
        values: (n_images, n_properties), NaN where unknown.
        is_test: (n_images,).
        groups: (n_images,), numbered from 0 without a gap; a group lies in one fold.
        n_folds: At least 2; see :func:`count_folds`.
        seed: Of the folds.

    Returns:
        float64, (n_images,): the probability of test, as if there were as many test as training images.
    """
    fold = deal_groups(is_test.astype(np.int64), groups, n_folds, seed)
    p_test = np.full(len(values), 0.5)
    with threadpool_limits(1, user_api="openmp"):  # sums in another order would move the last digits
        for held_out in range(n_folds):
            is_inside = fold == held_out
            if is_inside.any() and len(np.unique(is_test[~is_inside])) == 2:  # copies may leave folds one-sided
                model = _make_classifier(is_test[~is_inside]).fit(values[~is_inside], is_test[~is_inside])
                p_test[is_inside] = model.predict_proba(values[is_inside])[:, 1]
    return p_test


def _make_classifier(is_test: Flags) -> HistGradientBoostingClassifier:
    """Make small trees: on doc17's 286 pages, those of 15 leaves came to the same AUC of 0.97 as these of 8.

    A leaf may hold half of the smaller side at most: 20, scikit-learn's own choice, leave 30 images in one leaf.
    """
    n_smaller = min(int(is_test.sum()), int((~is_test).sum()))
    return HistGradientBoostingClassifier(
        max_iter=100,
        max_leaf_nodes=8,
        min_samples_leaf=max(2, min(20, len(is_test) // 20, n_smaller // 2)),
        early_stopping=False,
        class_weight="balanced",
        random_state=0,
    )


def measure_auc(scores: Floats, is_test: Flags, weights: Floats | None = None) -> float:
    """Return the area under the ROC curve: the chance that a test image scores above a training image, ties half.

    Args:
        scores: (n_images,).
        is_test: (n_images,), with both kinds.
        weights: (n_images,), how often each image counts; None: once.
    """
    _, rank = np.unique(scores, return_inverse=True)
    return _measure_ranked(rank, is_test, np.ones(len(scores)) if weights is None else weights)


def _measure_ranked(rank: npt.NDArray[np.intp], is_test: Flags, weights: Floats) -> float:
    n_ranks = int(rank.max()) + 1
    test = np.bincount(rank, weights * is_test, minlength=n_ranks)
    train = np.bincount(rank, weights * ~is_test, minlength=n_ranks)
    below = np.cumsum(train) - train / 2
    return float(test @ below / (test.sum() * train.sum()))


def draw_interval(
    scores: Floats, is_test: Flags, groups: Integers, n_draws: int, level: float, seed: int
) -> tuple[float, float]:
    """Return the interval of the AUC over bootstrap draws of whole groups, of training and of test images by itself.

    Percentiles (Efron, 1979). Drawing groups keeps images that resemble each other together.

    Args:
        scores: (n_images,).
        is_test: (n_images,).
        groups: (n_images,).
        n_draws: How often groups are drawn.
        level: Share of the draws within the interval.
        seed: Of the draws.
    """
    _, unit = np.unique(2 * groups + is_test, return_inverse=True)  # a group on both sides is drawn on each
    unit_is_test = np.zeros(unit.max() + 1, dtype=bool)
    unit_is_test[unit] = is_test
    sides = [np.flatnonzero(unit_is_test == side) for side in (False, True)]
    _, rank = np.unique(scores, return_inverse=True)
    rng = np.random.default_rng(seed)
    aucs = np.empty(n_draws)
    for draw in range(n_draws):
        drawn = np.concatenate([rng.choice(side, len(side)) for side in sides])
        weights = np.bincount(drawn, minlength=len(unit_is_test))[unit].astype(np.float64)
        aucs[draw] = _measure_ranked(rank, is_test, weights)
    low, high = np.quantile(aucs, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
