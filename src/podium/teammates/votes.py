"""Votes of several teammates on each image: one a head, by weight, or by the mean of probabilities."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from podium.errors import InputError, raise_if_any, suggest
from podium.teammates.answers import Answers

KINDS = ("hard", "weighted", "soft")

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_ATOL = 1e-9  # sums of weights that differ by less are equal: 0.1 + 0.2 is 0.3


def order_weights(names: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Give each teammate a weight, 1 where none is stated.

    Args:
        names: Of the teammates.
        weights: By name, at least 0.

    Returns:
        float64 (n_teammates,).

    Raises:
        InputError: A weight is for nobody, or all are 0.
    """
    raise_if_any(
        "The weights of teammates are wrong (compare.weights):",
        [
            f"compare.weights.{name}: nobody of that name; {suggest(name, names)}"
            for name in weights
            if name not in names
        ],
    )
    ordered = np.array([weights.get(name, 1.0) for name in names], np.float64)
    if not ordered.sum() > 0:
        raise InputError("The weights of teammates are wrong (compare.weights):", ["all are 0; one has to be above 0"])
    return ordered


def cast_votes(
    answers: Sequence[Answers], weights: Floats, n_classes: int, *, soft_includes_classes: bool = False
) -> dict[str, Labels]:
    """Let teammates vote on every image.

    - ``hard``: the class that most teammates gave; among equals the one with more weight, then with the higher mean
      probability, then the lowest label.
    - ``weighted``: the class that has most weight; among equals the one with more heads, then as above.
    - ``soft``: the class with the highest mean probability, by weight; among equals the lowest label.

    Args:
        answers: One entry a teammate, all of the same images.
        weights: float64 (n_teammates,).
        n_classes: Number of classes.
        soft_includes_classes: Whether a teammate without probabilities counts as certain in the soft vote; else the
            soft vote is left to the others.

    Returns:
        By kind, int64 (n_images,). ``soft`` is missing when nobody who has weight handed over probabilities.
    """
    labels = np.stack([one.labels for one in answers])
    heads = count_votes(labels, np.ones(len(answers)), n_classes)
    weight = count_votes(labels, weights, n_classes)
    known = [one.probabilities for one in answers if one.probabilities is not None]
    mean = [average_probabilities(known, np.ones(len(known)))] if known else []
    votes = {"hard": choose_class(heads, weight, *mean), "weighted": choose_class(weight, heads, *mean)}
    asked = [one.probabilities is not None or soft_includes_classes for one in answers]
    if weights[asked].sum() > 0:
        tables = [_be_certain(one, n_classes) for one, is_asked in zip(answers, asked, strict=True) if is_asked]
        votes["soft"] = average_probabilities(tables, weights[asked]).argmax(axis=1).astype(np.int64)
    return votes


def count_votes(labels: Labels, weights: Floats, n_classes: int) -> Floats:
    """Add up the weights that each class got.

    Args:
        labels: int64 (n_teammates, n_images).
        weights: float64 (n_teammates,).
        n_classes: Number of classes.

    Returns:
        float64 (n_images, n_classes).
    """
    counts = np.zeros((labels.shape[1], n_classes))
    rows = np.arange(labels.shape[1])
    for label, weight in zip(labels, weights, strict=True):
        counts[rows, label] += weight
    return counts


def average_probabilities(tables: Sequence[npt.NDArray[np.float32]], weights: Floats) -> Floats:
    """Return the mean by weight, float64 (n_images, n_classes), of tables of that shape."""
    total = np.zeros(tables[0].shape)
    for table, weight in zip(tables, weights, strict=True):
        total += weight * table
    return total / weights.sum()


def choose_class(*keys: Floats) -> Labels:
    """Choose the class that is highest by the first key; among equals by the next, at last the lowest label.

    Args:
        keys: Each float64 (n_images, n_classes).

    Returns:
        int64 (n_images,).
    """
    is_left = np.ones(keys[0].shape, dtype=bool)
    for key in keys:
        masked = np.where(is_left, key, -np.inf)
        is_left &= masked >= masked.max(axis=1, keepdims=True) - _ATOL
    return is_left.argmax(axis=1).astype(np.int64)


def _be_certain(answers: Answers, n_classes: int) -> npt.NDArray[np.float32]:
    if answers.probabilities is not None:
        return answers.probabilities
    certain = np.zeros((len(answers.labels), n_classes), np.float32)
    certain[np.arange(len(certain)), answers.labels] = 1.0
    return certain
