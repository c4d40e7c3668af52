"""Draws against exact counts, and against a chi-square test where they are random."""

from typing import get_args

import numpy as np
import pytest
from scipy.stats import chisquare

from podium.vision.recipe import Sampler, VariantsConfig
from podium.vision.samplers import count_draws, count_variants, draw_epoch

LABELS = np.array([0, 0, 0, 2, 2, 5])


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


def draw(
    sampler: Sampler, labels: np.ndarray, n_variants: list[int] | np.ndarray | None = None, seed: int = 0
) -> np.ndarray:
    counts = np.ones(len(labels), dtype=np.int64) if n_variants is None else np.array(n_variants)
    return draw_epoch(sampler, labels, counts, np.random.default_rng(seed))


@pytest.mark.parametrize("sampler", get_args(Sampler))
def test_draws_are_as_many_as_counted_repeat_for_a_seed_and_differ_for_another(sampler: Sampler) -> None:
    labels = np.random.default_rng(1).integers(0, 6, 50)
    n_variants = np.random.default_rng(2).integers(1, 4, 50)
    drawn = draw(sampler, labels, n_variants, seed=3)
    assert drawn.dtype == np.int64
    assert len(drawn) == count_draws(sampler, labels, n_variants)
    assert drawn.tolist() == draw(sampler, labels, n_variants, seed=3).tolist()
    assert drawn.tolist() != draw(sampler, labels, n_variants, seed=4).tolist()
    assert drawn.tolist() != sorted(drawn.tolist())


def test_without_a_sampler_every_variant_is_drawn_once() -> None:
    assert np.bincount(draw("none", LABELS, [1, 2, 3, 1, 1, 4])).tolist() == [1, 2, 3, 1, 1, 4]


@pytest.mark.parametrize(
    ("sampler", "shares"),
    [("imbalanced", [1 / 3, 1 / 3, 1 / 3]), ("weighted", np.array([30, 10, 3]) / 43)],
)
def test_classes_are_drawn_evenly_or_by_the_square_root_of_their_count(
    sampler: Sampler, shares: list[float] | np.ndarray
) -> None:
    """Of 900, 100 and 9 images: a chance of 1 / sqrt(count) leaves a class the sum of 30, 10 and 3."""
    labels = np.repeat([0, 3, 7], [900, 100, 9])
    drawn = draw(sampler, labels, [30] * 1009)
    assert len(drawn) == 30 * 1009
    of_class = np.bincount(labels[drawn])[[0, 3, 7]]
    assert chisquare(of_class, np.array(shares) * len(drawn)).pvalue > 0.01
    of_image = np.bincount(drawn)[-9:]
    assert chisquare(of_image).pvalue > 0.01, "images of a class have the same chance"


@pytest.mark.parametrize("sampler", ["imbalanced", "weighted"])
def test_with_replacement_variants_say_how_many_are_drawn_and_not_which(sampler: Sampler) -> None:
    labels = np.repeat([0, 1], [40, 10])
    even, uneven = [2] * 50, [1] * 25 + [3] * 25
    assert draw(sampler, labels, even).tolist() == draw(sampler, labels, uneven).tolist()


@pytest.mark.parametrize("seed", range(20))
def test_oversampling_draws_all_classes_as_often_as_the_largest_and_images_of_a_class_evenly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 1, 4, 9], 60, p=[0.6, 0.2, 0.15, 0.05])
    n_each = int(rng.integers(1, 4))
    drawn = np.bincount(draw("oversample", labels, [n_each] * 60, seed), minlength=60)
    largest = n_each * np.unique(labels, return_counts=True)[1].max()
    for label in np.unique(labels):
        of_class = drawn[labels == label]
        assert of_class.sum() == largest
        assert of_class.min() >= n_each
        assert of_class.max() - of_class.min() <= 1


def test_oversampling_starts_from_the_variants_of_every_image() -> None:
    drawn = np.bincount(draw("oversample", LABELS, [2, 3, 2, 1, 1, 7]))
    assert drawn[:3].sum() == drawn[3:5].sum() == drawn[5] == 7
    assert drawn[:3].tolist() == [2, 3, 2]
    assert sorted(drawn[3:5].tolist()) == [3, 4]


def test_images_that_oversampling_draws_once_more_change_by_epoch_and_are_any() -> None:
    labels = np.repeat([0, 1], [13, 10])
    often = [tuple(np.flatnonzero(np.bincount(draw("oversample", labels, seed=seed))[13:] == 2)) for seed in range(200)]
    assert {len(images) for images in often} == {3}
    assert len(set(often)) > 50
    assert chisquare(np.bincount(np.concatenate(often), minlength=10)).pvalue > 0.01


@pytest.mark.parametrize("labels", [np.array([3, 3, 3]), np.array([0, 1, 2]), np.array([4])])
def test_even_classes_are_not_oversampled(labels: np.ndarray) -> None:
    assert sorted(draw("oversample", labels).tolist()) == list(range(len(labels)))
