import numpy as np
import pandas as pd
import pytest

from podium.probabilities import make_table, name_columns, to_matrix

CHANCES = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]], dtype=np.float32)


def test_columns_follow_the_labels_beyond_ten() -> None:
    names = name_columns(12)
    assert names[0] == "p_0"
    assert names[-2:] == ["p_10", "p_11"]
    assert len(set(names)) == 12


def test_matrix_comes_back_to_the_bit_from_a_table() -> None:
    matrix = np.random.default_rng(0).random((5, 12)).astype(np.float32)
    table = make_table(pd.Series(list("abcde")), 3, matrix)
    assert to_matrix(table).dtype == np.float32
    assert np.array_equal(to_matrix(table), matrix)


def test_table_has_id_fold_and_one_float32_column_a_class() -> None:
    table = make_table(pd.Series(["가", "나", "다"], index=[9, 4, 2]), 1, CHANCES)
    assert list(table) == ["image_id", "fold", "p_0", "p_1"]
    assert table["image_id"].tolist() == ["가", "나", "다"]
    assert table["fold"].tolist() == [1, 1, 1]
    assert [str(table[name].dtype) for name in ("fold", "p_0", "p_1")] == ["int64", "float32", "float32"]


def test_table_without_rows_keeps_its_columns() -> None:
    table = make_table(pd.Series([], dtype=str), -1, np.empty((0, 3), dtype=np.float32))
    assert list(table) == ["image_id", "fold", "p_0", "p_1", "p_2"]
    assert to_matrix(table).shape == (0, 3)


@pytest.mark.parametrize("n_rows", [2, 4])
def test_ids_of_another_length_are_refused(n_rows: int) -> None:
    with pytest.raises(ValueError, match="Length of values"):
        make_table(pd.Series(["x"] * n_rows), 0, CHANCES)
