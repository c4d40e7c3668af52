"""Halving a picture, against means of blocks."""

import numpy as np
import pytest

from podium.vision.reduction import halve


@pytest.mark.parametrize(
    ("shape", "least_px", "n_halvings"),
    [
        ((80, 120), (20, 20), 2),
        ((80, 120), (21, 20), 1),
        ((80, 120), (41, 20), 0),
        ((80, 120), (20, 70), 0),
        ((80, 60), (1, 1), 2),  # 20 x 15: one side is odd
        ((81, 120), (10, 10), 0),
        ((1, 1), (1, 1), 0),
    ],
)
def test_picture_is_halved_while_it_is_even_and_large_enough(
    shape: tuple[int, int], least_px: tuple[int, int], n_halvings: int
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    side = 2**n_halvings
    means = image.reshape(shape[0] // side, side, shape[1] // side, side, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(halve(image, least_px), means, atol=1 / 2 + (n_halvings > 1) / 2)
