"""Which properties differ between training and test images: tests for dependent images, and effect sizes."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import mannwhitneyu

from podium.pipelines.shift.properties import UNITS

Floats = npt.NDArray[np.float64]

COLUMNS = {
    "property": "str", "unit": "str", "n_train": "int64", "n_test": "int64",
    "train_q25": "float64", "train_median": "float64", "train_q75": "float64",
    "test_q25": "float64", "test_median": "float64", "test_q75": "float64",
    "p_value": "float64", "p_holm": "float64", "cliffs_delta": "float64", "effect": "str",
}  # fmt: skip
_QUARTILES = (0.25, 0.5, 0.75)
_EFFECTS = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"))


def draw_one_a_group(
    values: pd.DataFrame, is_test: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64], seed: int
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Draw one image of each group at random, so that a person with seven pictures counts once.

    Images of one group resemble each other; tests that took them for independent would call any difference real. The
    median or mean of a group would scatter less than a single image does, and most test images stand alone: sides that
    are alike would differ in spread, which upsets the test and swells the effect. A group on both sides, as of copies,
    counts once on each.

    Args:
        values: One row an image.
        is_test: (n_images,).
        groups: (n_images,).
        seed: Of the draw.

    Returns:
        One row a group, training groups first, and whether it is one of test images (n_groups,).
    """
    order = np.random.default_rng(seed).permutation(len(values))
    sides = pd.DataFrame({"is_test": is_test, "group": groups}).iloc[order]
    drawn = sides.drop_duplicates().sort_values(["is_test", "group"]).index.to_numpy()
    return values.iloc[drawn].reset_index(drop=True), is_test[drawn]


def compare_properties(values: pd.DataFrame, is_test: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Compare each property between independent training and test rows.

    Args:
        values: One row a group; see :func:`draw_one_a_group`.
        is_test: (n_groups,).

    Returns:
        A row a property, the largest effect first, with the columns :data:`COLUMNS`; no rows where a side is empty.
        cliffs_delta is the chance that a test value is the larger one of a random pair, less the chance that it is the
        smaller one. Properties that a side has nowhere are left out.
    """
    rows = []
    for name in values:
        column = values[name].to_numpy(np.float64)
        known = ~np.isnan(column)
        train, test = column[known & ~is_test], column[known & is_test]
        if len(train) and len(test):
            rows.append((name, train, test))
    described = []
    p_values = [find_p_value(train, test) for _, train, test in rows]
    for (name, train, test), p_value, p_holm in zip(rows, p_values, adjust_holm(p_values), strict=True):
        quartiles = (*np.quantile(train, _QUARTILES), *np.quantile(test, _QUARTILES))
        delta = measure_effect(train, test)
        effect = (p_value, p_holm, delta, word_effect(delta))
        described.append((name, UNITS[name], len(train), len(test), *quartiles, *effect))
    table = pd.DataFrame(described, columns=list(COLUMNS)).astype(COLUMNS)
    order = (-table["cliffs_delta"].abs()).argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True)


def find_p_value(train: Floats, test: Floats) -> float:
    """Return the p-value of the two-sided test of Mann and Whitney (1947); 1 where all values are equal."""
    if min(train.min(), test.min()) == max(train.max(), test.max()):
        return 1.0
    return float(mannwhitneyu(train, test, alternative="two-sided").pvalue)


def measure_effect(train: Floats, test: Floats) -> float:
    """Return Cliff's delta (1993), -1 to 1: above 0 where test values are the larger ones."""
    sorted_train = np.sort(train)
    below = np.searchsorted(sorted_train, test, side="left").sum()
    above = (len(train) - np.searchsorted(sorted_train, test, side="right")).sum()
    return float(below - above) / (len(train) * len(test))


def word_effect(delta: float) -> str:
    """Call an effect negligible, small, medium or large, with the bounds of Romano et al. (2006)."""
    return next((word for bound, word in _EFFECTS if abs(delta) < bound), "large")


def adjust_holm(p_values: list[float]) -> list[float]:
    """Adjust p-values for their number (Holm, 1979), so that a false alarm among all of them stays as unlikely."""
    p, n = np.asarray(p_values, dtype=np.float64), len(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(n)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * (n - np.arange(n))), 1)
    return adjusted.tolist()
