"""Deal whole groups into folds, each class spread evenly: scikit-learn's folds, in time for a million groups."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_ROWS_AT_ONCE = 1 << 16
_ATOL, _RTOL = 1e-8, 1e-5  # of numpy.isclose, by which scikit-learn calls two folds equally good


def deal_groups(labels: Integers, groups: Integers, n_folds: int, seed: int) -> Integers:
    """Give every row the fold of its group, as ``StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)`` does.

    The groups whose classes differ most in number come first, those alike in shuffled order. Each goes to the fold with
    which the classes stay spread most evenly, and among equals to the one with the fewest rows. scikit-learn computes
    the spread of all classes anew for every group and fold; here only that of the classes in the group, in the same
    order of additions, so that sums, ties and folds are the same to the last bit.

    Args:
        labels: (n,), of each row.
        groups: (n,), of each row, numbered from 0 without a gap.
        n_folds: At most the number of groups.
        seed: Of the shuffling of groups.

    Returns:
        int64, (n,): 0 to n_folds - 1.
    """
    names, labels, n_rows = np.unique(labels, return_inverse=True, return_counts=True)
    place = _shuffle(int(groups.max()) + 1, seed)[groups]
    cells, counts = np.unique(place * len(names) + labels, return_counts=True)
    group_of, class_of = np.divmod(cells, len(names))
    starts = np.searchsorted(group_of, np.arange(int(place.max()) + 2))
    # Plain lists: the loop below reads single values, for which they are several times quicker than arrays.
    classes, added, bounds = class_of.tolist(), counts.tolist(), starts.tolist()
    folds = Folds(n_folds, n_rows)
    fold_of = np.empty(len(starts) - 1, dtype=np.int64)
    for group in np.argsort(-_measure_spread(group_of, class_of, counts, len(names)), kind="stable").tolist():
        cell = slice(bounds[group], bounds[group + 1])
        fold_of[group] = folds.take(classes[cell], added[cell])
    return fold_of[place]


class Folds:
    """The rows of each class that each fold has so far, and how evenly they are spread.

    It works in arrays that are made once: they are so small that making them would take most of the time.

    Attributes:
        n_rows: Of each fold.
    """

    def __init__(self, n_folds: int, n_rows_of_class: Integers) -> None:
        """Begin with empty folds; ``n_rows_of_class`` is int64 (n_classes,), of all rows to come."""
        self.n_rows = [0] * n_folds
        self._totals = list(n_rows_of_class.astype(np.float64)[:, None])
        self._counts = list(np.zeros((len(self._totals), n_folds)))
        # Row k is the proposal to put a group into fold k: the spread of each class, then of its shares over the folds.
        spread = np.zeros((n_folds, len(self._totals)))
        self._spread, self._spread_of = spread, list(spread.T)
        self._uneven = np.empty(n_folds)
        # Here, column k is.
        self._shares, self._raised, self._mean = np.empty((n_folds, n_folds)), np.empty(n_folds), np.empty(n_folds)
        self._diagonal = self._shares.reshape(-1)[:: n_folds + 1]

    def take(self, classes: list[int], counts: list[int]) -> int:
        """Put a group into the best fold.

        Args:
            classes: Those that the group has.
            counts: Its rows of each of them.

        Returns:
            The fold.
        """
        for label, count in zip(classes, counts, strict=True):
            self._propose(label, count)
        np.add.reduce(self._spread, axis=1, out=self._uneven)
        best = self._choose((self._uneven / len(self._totals)).tolist())
        for label, count in zip(classes, counts, strict=True):
            self._spread_of[label].fill(self._spread_of[label][best])
            self._counts[label][best] += count
            self.n_rows[best] += count
        return best

    def _propose(self, label: int, count: int) -> None:
        """Note the standard deviation of a class's shares over the folds, for each fold that may take more of it."""
        shares, counts, total, mean, n_folds = (
            self._shares, self._counts[label], self._totals[label], self._mean, len(self.n_rows)
        )  # fmt: skip
        np.divide(counts, total, self._raised)
        shares[:] = self._raised[:, None]
        np.add(counts, count, self._raised)
        np.divide(self._raised, total, self._diagonal)
        np.add.reduce(shares, axis=0, out=mean)
        np.divide(mean, n_folds, mean)
        np.subtract(shares, mean, shares)
        np.multiply(shares, shares, shares)
        np.add.reduce(shares, axis=0, out=mean)
        np.divide(mean, n_folds, mean)
        np.sqrt(mean, self._spread_of[label])

    def _choose(self, uneven: list[float]) -> int:
        """Return the fold with the least uneven spread; of nearly equal ones, that with fewer rows."""
        best = 0
        for fold in range(1, len(uneven)):
            is_close = abs(uneven[fold] - uneven[best]) <= _ATOL + _RTOL * abs(uneven[best])
            if uneven[fold] < uneven[best] or (is_close and self.n_rows[fold] < self.n_rows[best]):
                best = fold
        return best


def _shuffle(n: int, seed: int) -> Integers:
    """Return the place of each of ``n`` groups after shuffling, int64 (n,)."""
    order = np.arange(n)
    np.random.RandomState(seed).shuffle(order)
    place = np.empty_like(order)
    place[order] = np.arange(n)
    return place


def _measure_spread(group_of: Integers, class_of: Integers, counts: Integers, n_classes: int) -> Floats:
    """Return the standard deviation of each group's numbers of rows over all classes, float64 (n_groups,).

    Args:
        group_of, class_of, counts: One entry a group and class that occur together, sorted by group.
    """
    n_groups = int(group_of[-1]) + 1
    spread = np.empty(n_groups)
    for start in range(0, n_groups, _ROWS_AT_ONCE):
        some = slice(*np.searchsorted(group_of, [start, start + _ROWS_AT_ONCE]))
        table = np.zeros((min(_ROWS_AT_ONCE, n_groups - start), n_classes))
        table[group_of[some] - start, class_of[some]] = counts[some]
        spread[start : start + len(table)] = np.std(table, axis=1)
    return spread
