"""Probabilities of single attributes, spread over composite classes and joined again."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]


def spread_over_classes(probabilities: Probabilities, values: npt.NDArray[np.int64]) -> Probabilities:
    """Share the probability of each value evenly among the classes that have it.

    Args:
        probabilities: float32 (n, n_values), rows summing to 1.
        values: int64 (n_classes,), the value of each class; every value occurs.

    Returns:
        float32 (n, n_classes), rows summing to 1: what a model says of the classes that knows this attribute alone.
    """
    n_sharing = np.bincount(values, minlength=probabilities.shape[1])
    return (probabilities / n_sharing)[:, values].astype(np.float32)


def join_attributes(parts: Sequence[Probabilities]) -> Probabilities:
    """Multiply what models of single attributes say, taking the attributes as independent given the picture.

    Args:
        parts: Each float32 (n, n_classes), from :func:`spread_over_classes`.

    Returns:
        float32 (n, n_classes), rows summing to 1. Where the classes are all combinations of values, the probability of
        a class is the product of its values' probabilities.
    """
    tiny = np.finfo(np.float32).tiny  # keeps a row apart in which every class has a zero somewhere
    logs = sum(np.log(np.maximum(part.astype(np.float64), tiny)) for part in parts)
    chances = np.exp(logs - np.max(logs, axis=1, keepdims=True))
    return (chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)
