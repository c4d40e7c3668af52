"""Attributes spread over classes and joined again are products of probabilities."""

import numpy as np
import pytest

from podium.vision.attributes import join_attributes, spread_over_classes

MASK, GENDER, AGE = (np.array([(c // divisor) % n for c in range(18)]) for divisor, n in ((6, 3), (3, 2), (1, 3)))


def draw_probabilities(n_values: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_values), 7).astype(np.float32)


@pytest.mark.parametrize(("values", "n_values"), [(MASK, 3), (GENDER, 2), (AGE, 3), (np.array([0, 0, 1]), 2)])
def test_spread_keeps_the_probability_of_every_value(values: np.ndarray, n_values: int) -> None:
    probabilities = draw_probabilities(n_values, 1)
    spread = spread_over_classes(probabilities, values)
    assert spread.shape == (7, len(values))
    assert spread.dtype == np.float32
    for value in range(n_values):
        assert spread[:, values == value].sum(axis=1) == pytest.approx(probabilities[:, value], abs=1e-6)


def test_join_over_all_combinations_is_the_product_of_the_parts() -> None:
    mask, gender, age = draw_probabilities(3, 1), draw_probabilities(2, 2), draw_probabilities(3, 3)
    joined = join_attributes(
        [spread_over_classes(part, values) for part, values in ((mask, MASK), (gender, GENDER), (age, AGE))]
    )
    expected = np.einsum("nm,ng,na->nmga", mask, gender, age).reshape(7, 18)
    assert joined == pytest.approx(expected, abs=1e-6)
    assert joined.sum(axis=1) == pytest.approx(np.ones(7), abs=1e-6)


def test_parts_that_rule_each_other_out_still_give_probabilities() -> None:
    joined = join_attributes([np.array([[1, 0]], dtype=np.float32), np.array([[0, 1]], dtype=np.float32)])
    assert np.isfinite(joined).all()
    assert joined.sum() == pytest.approx(1)
