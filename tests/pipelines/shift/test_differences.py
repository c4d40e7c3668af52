"""Tests and effect sizes agree with their definitions, and dependent images count once."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from podium.pipelines.shift.differences import (
    COLUMNS,
    adjust_holm,
    compare_properties,
    draw_one_a_group,
    find_p_value,
    measure_effect,
    word_effect,
)


def test_p_value_is_scipys_two_sided_one() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=40), rng.normal(0.5, size=30).round(1)
    assert find_p_value(train, test) == mannwhitneyu(train, test, alternative="two-sided").pvalue


def test_equal_values_do_not_differ() -> None:
    assert find_p_value(np.full(5, 3.0), np.full(7, 3.0)) == 1.0
    assert measure_effect(np.full(5, 3.0), np.full(7, 3.0)) == 0.0


def test_effect_counts_all_pairs() -> None:
    rng = np.random.default_rng(1)
    train, test = rng.integers(0, 9, 30).astype(float), rng.integers(2, 11, 20).astype(float)
    signs = np.sign(test[:, None] - train[None, :])
    assert measure_effect(train, test) == pytest.approx(signs.mean(), abs=1e-12)
    assert measure_effect(test, train) == pytest.approx(-signs.mean(), abs=1e-12)
    assert measure_effect(np.zeros(3), np.ones(4)) == 1.0


@pytest.mark.parametrize(
    ("delta", "word"),
    [(0, "negligible"), (-0.146, "negligible"), (0.147, "small"), (-0.33, "medium"), (0.47, "medium"), (-1, "large")],
)
def test_effect_is_worded_by_its_size(delta: float, word: str) -> None:
    assert word_effect(delta) == word


def test_holm_is_as_computed_by_hand() -> None:
    assert adjust_holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjust_holm([0.9, 0.5]) == [1.0, 1.0]
    assert adjust_holm([]) == []


def test_group_counts_once_on_each_side_with_one_of_its_images() -> None:
    values = pd.DataFrame({"brightness": [1.0, 5.0, 3.0, 10.0, 20.0, np.nan], "noise": [1.0, 5.0, 3.0, 10.0, 20.0, 0]})
    is_test = np.array([False, False, False, False, True, True])
    seen = set()
    for seed in range(30):
        drawn, is_test_group = draw_one_a_group(values, is_test, np.array([0, 0, 0, 1, 1, 2]), seed)
        assert is_test_group.tolist() == [False, False, True, True]
        np.testing.assert_array_equal(drawn["brightness"][1:], [10.0, 20.0, np.nan])
        assert drawn["noise"][0] == drawn["brightness"][0], "the properties are those of one image"
        seen.add(drawn["noise"][0])
    assert seen == {1.0, 3.0, 5.0}


def test_image_of_a_group_is_drawn_by_the_seed_alone() -> None:
    values = pd.DataFrame({"noise": np.arange(40.0)})
    sides, groups = np.arange(40) >= 30, np.arange(40) // 5
    first, _ = draw_one_a_group(values, sides, groups, 3)
    pd.testing.assert_frame_equal(first, draw_one_a_group(values, sides, groups, 3)[0])
    assert not first.equals(draw_one_a_group(values, sides, groups, 4)[0])


def test_false_alarms_are_as_rare_as_told_when_training_images_come_in_groups_and_test_images_alone() -> None:
    rng = np.random.default_rng(7)
    groups = np.r_[np.repeat(np.arange(120), 7), np.arange(120, 150)]
    is_test = groups >= 120
    p_values = []
    for seed in range(600):
        values = pd.DataFrame({"noise": 0.5 * rng.normal(size=150)[groups] + rng.normal(size=len(groups))})
        drawn, is_test_group = draw_one_a_group(values, is_test, groups, seed)
        column = drawn["noise"].to_numpy()
        p_values.append(find_p_value(column[~is_test_group], column[is_test_group]))
    assert 0.03 < np.mean(np.array(p_values) < 0.05) < 0.075


def test_largest_effect_comes_first_with_quartiles_of_both_sides() -> None:
    rng = np.random.default_rng(2)
    is_test = np.arange(200) % 2 == 1
    values = pd.DataFrame(
        {"brightness": rng.normal(size=200), "noise": rng.normal(size=200) - 2 * is_test, "contrast": np.nan}
    )
    table = compare_properties(values, is_test)
    assert list(table) == list(COLUMNS)
    assert table["property"].tolist() == ["noise", "brightness"]
    first = table.iloc[0]
    assert (first["n_train"], first["n_test"], first["effect"]) == (100, 100, "large")
    assert first["cliffs_delta"] < -0.474 and first["p_holm"] == pytest.approx(2 * first["p_value"])
    quartiles = np.quantile(values["noise"][is_test], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(first[["test_q25", "test_median", "test_q75"]].to_numpy(float), quartiles)


def test_nothing_is_compared_with_an_empty_side() -> None:
    table = compare_properties(pd.DataFrame({"noise": [1.0, 2.0]}), np.array([False, False]))
    assert (list(table), len(table)) == (list(COLUMNS), 0)
    assert table.dtypes.astype(str).to_dict() == COLUMNS
