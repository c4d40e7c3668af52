"""Which images an epoch draws, and how often."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from podium.vision.recipe import VariantsConfig

Labels = npt.NDArray[np.int64]


def weigh_images(sampler: Literal["none", "weighted"], labels: Labels) -> npt.NDArray[np.float64] | None:
    """Give each image its chance of being drawn: 1 over the count of its class, or None for one draw a variant."""
    if sampler == "none":
        return None
    return 1.0 / np.bincount(labels)[labels]


def count_variants(config: VariantsConfig, labels: Labels) -> npt.NDArray[np.int64]:
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
