"""Which images an epoch draws, and how often."""

import numpy as np
import numpy.typing as npt

from podium.vision.recipe import Sampler, VariantsConfig

Labels = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int64]


def count_variants(config: VariantsConfig, labels: Labels) -> Counts:
    """Say how often an epoch draws each image.

    Args:
        config: Draws of every image, and the least number of draws of a class.
        labels: Training labels, int64, (n,).

    Returns:
        int64, (n,), at least 1. Draws that a short class lacks are dealt out evenly; what is left over goes to its
        first images.
    """
    n_variants = np.full(len(labels), config.n_per_image, dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        lacking = config.min_per_class - n_variants[members].sum()
        if lacking > 0:
            each, rest = divmod(lacking, len(members))
            n_variants[members] += each
            n_variants[members[:rest]] += 1
    return n_variants


def count_draws(sampler: Sampler, labels: Labels, n_variants: Counts) -> int:
    """Say how many draws :func:`draw_epoch` makes, the same in every epoch."""
    if sampler == "oversample":
        per_class = _sum_by_class(labels, n_variants)
        return int(np.count_nonzero(per_class) * per_class.max())
    return int(n_variants.sum())


def draw_epoch(sampler: Sampler, labels: Labels, n_variants: Counts, rng: np.random.Generator) -> Positions:
    """Draw the images of one epoch, in random order.

    ``none`` draws each image ``n_variants`` times. ``oversample`` does too, and then draws images of smaller classes
    again until each class has as many draws as the largest: all its images equally often, but for a remainder that is
    drawn without replacement, anew in each epoch. ``weighted`` and ``imbalanced`` draw with replacement, an image with
    a chance of 1 over the square root of its class's number of images, or 1 over that number; here the sum of
    ``n_variants`` is the number of draws, and how it is spread over the images is no matter.

    Args:
        sampler: By name.
        labels: Training labels, int64, (n,).
        n_variants: From :func:`count_variants`, int64, (n,), at least 1.
        rng: Random state of the epoch.

    Returns:
        Positions in ``labels``, int64, (:func:`count_draws`,).
    """
    if sampler in ("weighted", "imbalanced"):
        chances = np.bincount(labels)[labels] ** (-0.5 if sampler == "weighted" else -1.0)
        return rng.choice(len(labels), size=n_variants.sum(), p=chances / chances.sum())
    if sampler == "oversample":
        n_variants = n_variants + _deal_extra_draws(labels, n_variants, rng)
    return rng.permutation(np.repeat(np.arange(len(labels)), n_variants))


def _deal_extra_draws(labels: Labels, n_variants: Counts, rng: np.random.Generator) -> Counts:
    per_class = _sum_by_class(labels, n_variants)
    extra = np.zeros_like(n_variants)
    for label in np.flatnonzero(per_class):
        members = np.flatnonzero(labels == label)
        each, rest = divmod(per_class.max() - per_class[label], len(members))
        extra[members] = each
        extra[rng.choice(members, size=rest, replace=False)] += 1
    return extra


def _sum_by_class(labels: Labels, n_variants: Counts) -> Counts:
    """Add up the draws of each class, int64, (largest label + 1,)."""
    per_class = np.zeros(labels.max() + 1, dtype=np.int64)
    np.add.at(per_class, labels, n_variants)
    return per_class
