"""Counts agree with counting by hand, and with pandas' and SciPy's own tables."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association

from podium.pipelines.explore.counts import (
    arrange_pairs,
    count_attributes,
    count_classes,
    cross_attributes,
    measure_association,
)

ATTRIBUTES = {
    "마스크": {"values": ["wear", "없음", "never"], "raw_column": None, "edges": []},
    "gender": {"values": ["male", "female"], "raw_column": None, "edges": []},
    "age": {"values": ["<30", ">=30"], "raw_column": "age_years", "edges": [30]},
}
TRAIN = pd.DataFrame(
    {
        "label": pd.array([0, 0, 2, 2, 2], dtype="Int64"),
        "group_id": ["a", "a", "b", "c", "c"],
        "마스크": ["wear", "wear", "없음", "wear", "없음"],
        "gender": ["male", "male", "female", "female", "female"],
        "age": ["<30", "<30", ">=30", "<30", "<30"],
    }
)
CLASSES = pd.DataFrame(
    {"label": [0, 1, 2], "class_name": ["개", "빈 반", "NA"], "target": [5, 6, 7], "gender": ["male", "male", "female"]}
)


def test_classes_are_counted_with_their_groups_and_attributes_and_empty_ones_too() -> None:
    counts = count_classes(TRAIN, CLASSES)
    expected = pd.DataFrame(
        {
            "class_name": ["개", "빈 반", "NA"], "label": [0, 1, 2], "n_images": [2, 0, 3], "share": [0.4, 0.0, 0.6],
            "n_groups": [1, 0, 2], "gender": ["male", "male", "female"],
        }
    )  # fmt: skip
    pd.testing.assert_frame_equal(counts, expected)


def test_values_of_attributes_are_counted_in_their_order() -> None:
    counts = count_attributes(TRAIN, ATTRIBUTES)
    assert counts.columns.tolist() == ["attribute", "value", "n_images", "share", "n_groups"]
    assert counts.to_numpy().tolist() == [
        ["마스크", "wear", 3, 0.6, 2], ["마스크", "없음", 2, 0.4, 2], ["마스크", "never", 0, 0.0, 0],
        ["gender", "male", 2, 0.4, 1], ["gender", "female", 3, 0.6, 2], ["age", "<30", 4, 0.8, 2],
        ["age", ">=30", 1, 0.2, 1],
    ]  # fmt: skip


def test_cross_tables_equal_pandas_own() -> None:
    tables = arrange_pairs(cross_attributes(TRAIN, ATTRIBUTES))
    assert list(tables) == [("마스크", "gender"), ("마스크", "age"), ("gender", "age")]
    for (first, second), (counts, rows, columns) in tables.items():
        expected = pd.crosstab(TRAIN[first], TRAIN[second]).reindex(index=rows, columns=columns, fill_value=0)
        assert (rows, columns) == (ATTRIBUTES[first]["values"], ATTRIBUTES[second]["values"])
        np.testing.assert_array_equal(counts, expected)


def test_cross_tables_hold_groups_and_shares_of_the_first_value() -> None:
    rows = cross_attributes(TRAIN, ATTRIBUTES).set_index(["first_value", "second_value"])
    assert rows.loc[("없음", "female"), ["n_images", "share_of_first", "n_groups"]].tolist() == [2, 1.0, 2]
    assert rows.loc[("wear", "male"), "share_of_first"] == pytest.approx(2 / 3)
    assert rows.loc[("never", "male"), "share_of_first"] == 0.0


def test_plain_classes_have_tables_without_rows() -> None:
    for table in (
        count_attributes(TRAIN, {}),
        cross_attributes(TRAIN, {}),
        cross_attributes(TRAIN, {"gender": ATTRIBUTES["gender"]}),
    ):
        assert len(table) == 0 and table["n_images"].dtype == "int64"
    assert arrange_pairs(cross_attributes(TRAIN, {})) == {}


@pytest.mark.parametrize("seed", range(5))
def test_association_equals_scipys(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 50, (2 + seed, 4))
    assert measure_association(counts) == pytest.approx(association(counts, method="cramer"))


def test_association_leaves_empty_values_out_and_is_unknown_without_two() -> None:
    counts = np.array([[9, 0, 1], [0, 0, 0], [1, 0, 9]])
    assert measure_association(counts) == pytest.approx(association(counts[[0, 2]][:, [0, 2]], method="cramer"))
    assert np.isnan(measure_association(np.array([[3, 4], [0, 0]])))
    assert measure_association(np.diag([5, 5])) == pytest.approx(1.0)
