import numpy as np
import pytest

from podium.vision.recipe import VariantsConfig
from podium.vision.samplers import count_variants, weigh_images

LABELS = np.array([0, 0, 0, 2, 2, 5])


def test_without_a_sampler_there_are_no_weights() -> None:
    assert weigh_images("none", LABELS) is None


def test_every_class_is_drawn_equally_often() -> None:
    weights = weigh_images("weighted", LABELS)
    assert weights is not None
    np.testing.assert_allclose(weights, [1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 1])
    np.testing.assert_allclose([weights[label == LABELS].sum() for label in (0, 2, 5)], 1.0)


@pytest.mark.parametrize(
    ("n_per_image", "min_per_class", "expected"),
    [
        (1, 0, [1, 1, 1, 1, 1, 1]),
        (4, 0, [4, 4, 4, 4, 4, 4]),
        (1, 3, [1, 1, 1, 2, 1, 3]),
        (1, 5, [2, 2, 1, 3, 2, 5]),
        (2, 6, [2, 2, 2, 3, 3, 6]),
        (3, 2, [3, 3, 3, 3, 3, 3]),
    ],
)
def test_draws_that_a_class_lacks_go_to_its_images_evenly_first_ones_first(
    n_per_image: int, min_per_class: int, expected: list[int]
) -> None:
    counted = count_variants(VariantsConfig(n_per_image=n_per_image, min_per_class=min_per_class), LABELS)
    assert counted.dtype == np.int64
    assert counted.tolist() == expected


@pytest.mark.parametrize("seed", range(20))
def test_no_class_lacks_draws_and_none_has_more_than_it_needs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, 40)
    config = VariantsConfig(n_per_image=int(rng.integers(1, 4)), min_per_class=int(rng.integers(0, 50)))
    counted = count_variants(config, labels)
    for label in np.unique(labels):
        of_class = counted[labels == label]
        assert of_class.sum() == max(config.min_per_class, config.n_per_image * len(of_class))
        assert of_class.max() - of_class.min() <= 1


def test_no_images_have_no_draws() -> None:
    assert count_variants(VariantsConfig(min_per_class=5), np.array([], dtype=np.int64)).tolist() == []
