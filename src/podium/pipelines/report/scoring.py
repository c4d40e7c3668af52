"""Scores with intervals: of whole tables, of each class, and of each value of an attribute."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.ensembling.criteria import Criterion, count_classes, log_losses, score_counts
from podium.ensembling.resampling import make_interval
from podium.vision.metrics import score_classes

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]
Draws = npt.NDArray[np.float32]

OUT_OF_FOLD, NESTED, CHOSEN_HERE = "out of fold", "nested", "chosen on these images"
WHOLE = ""
"""In the column ``attribute``: the class itself, not one of its attributes."""
SCORES = ("macro_f1", "accuracy", "log_loss")
CLASS_SCORES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Candidate:
    """One table of probabilities to be scored.

    Attributes:
        member: Whose.
        kind: ``out of fold``, ``nested`` or ``chosen on these images``.
        probabilities: float32 (n_images, n_classes).
    """

    member: str
    kind: str
    probabilities: Probabilities


@dataclass(frozen=True)
class Part:
    """What is scored: the class, or one attribute of it.

    Attributes:
        attribute: Its name; ``''`` is the class itself.
        values: Names of what is told apart.
        of_class: int64 (n_classes,): the value that each class has.
    """

    attribute: str
    values: list[str]
    of_class: Labels

    def sum_up(self, probabilities: Probabilities) -> Probabilities:
        """Add the probabilities of the classes of each value up, float32 (n_images, n_values)."""
        if self.attribute == WHOLE:
            return probabilities
        has_value = np.eye(len(self.values), dtype=np.float32)[self.of_class]
        return np.asarray(np.minimum(probabilities @ has_value, 1.0), dtype=np.float32)


def list_parts(classes: pd.DataFrame, attributes: Mapping[str, Mapping[str, Any]]) -> list[Part]:
    """List what is scored: the class first, then its attributes."""
    ordered = classes.sort_values("label")
    parts = [Part(WHOLE, ordered["class_name"].tolist(), np.arange(len(ordered)))]
    for name, attribute in attributes.items():
        values = [str(value) for value in attribute["values"]]
        of_class = np.array([values.index(str(value)) for value in ordered[name]], dtype=np.int64)
        parts.append(Part(name, values, of_class))
    return parts


def draw_groups(groups: Labels, n_draws: int, seed: int) -> Draws:
    """Draw as many groups as there are, with replacement, again and again.

    The draws are those of :func:`podium.ensembling.resampling.bootstrap_scores`, so intervals of the same score are the
    same in both places.

    Args:
        groups: int64 (n_images,), numbered from 0.
        n_draws: How often.
        seed: Of the draws.

    Returns:
        How often each group was drawn, float32 (n_draws, n_groups).
    """
    n_groups = int(groups.max()) + 1
    rng = np.random.default_rng(seed)
    draws = np.empty((n_draws, n_groups), np.float32)
    for row in draws:
        row[:] = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)
    return draws


def score_all(
    candidate: Candidate, part: Part, labels: Labels, groups: Labels, draws: Draws, level: float
) -> dict[str, Any]:
    """Score a table as a whole.

    An attribute's value is that of the most probable class, as everywhere; its log loss is of the sum over the classes
    that have the value.

    Args:
        candidate: What is scored.
        part: The class, or an attribute.
        labels: True classes, int64 (n_images,).
        groups: int64 (n_images,), numbered from 0.
        draws: See :func:`draw_groups`.
        level: Of the intervals.

    Returns:
        member, kind, attribute; macro_f1, accuracy and log_loss, each with ``_low`` and ``_high``; n_images.
    """
    true, said, n_values = _map_to_part(candidate, part, labels)
    drawn = draw_counts(true, said, groups, n_values, draws)
    counts = count_classes(true, said, n_values)
    losses = log_losses(part.sum_up(candidate.probabilities), true)
    row: dict[str, Any] = {"member": candidate.member, "kind": candidate.kind, "attribute": part.attribute}
    criteria: tuple[Criterion, Criterion] = ("macro_f1", "accuracy")
    for criterion in criteria:
        reached = float(score_counts(counts, criterion))
        row |= _name_interval(criterion, reached, score_counts(drawn, criterion), level, (0.0, 1.0))
    n_groups = draws.shape[1]
    sums = draws @ np.bincount(groups, losses, minlength=n_groups) / (draws @ np.bincount(groups, minlength=n_groups))
    row |= _name_interval("log_loss", float(losses.mean()), sums, level, (0.0, np.inf))
    return {**row, "n_images": len(labels)}


def score_values(
    candidate: Candidate, part: Part, labels: Labels, groups: Labels, draws: Draws, level: float
) -> Iterator[dict[str, Any]]:
    """Score each class, or each value of an attribute; see :func:`score_all`.

    Yields:
        member, kind, attribute, label (int), value (its name), n_images; precision, recall and f1, each with ``_low``
        and ``_high``. What is neither there nor predicted has no scores: NaN.
    """
    true, said, n_values = _map_to_part(candidate, part, labels)
    hits, predicted, there = np.moveaxis(draw_counts(true, said, groups, n_values, draws), 1, 0)
    confusion = np.zeros((n_values, n_values), np.int64)
    np.add.at(confusion, (true, said), 1)
    reached = dict(zip(CLASS_SCORES, score_classes(confusion), strict=True))
    drawn = {
        "precision": _divide(hits, predicted),
        "recall": _divide(hits, there),
        "f1": _divide(2 * hits, predicted + there),
    }
    shown = {
        "precision": confusion.sum(axis=0) > 0,
        "recall": confusion.sum(axis=1) > 0,
        "f1": confusion.sum(axis=0) + confusion.sum(axis=1) > 0,
    }
    for position, value in enumerate(part.values):
        row: dict[str, Any] = {
            "member": candidate.member, "kind": candidate.kind, "attribute": part.attribute, "label": position,
            "value": value, "n_images": int(confusion[position].sum()),
        }  # fmt: skip
        for name in CLASS_SCORES:
            if shown[name][position]:
                score = float(reached[name][position])
                row |= _name_interval(name, score, drawn[name][:, position], level, (0.0, 1.0))
            else:
                row |= {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
        yield row


def draw_counts(labels: Labels, predictions: Labels, groups: Labels, n_values: int, draws: Draws) -> Floats:
    """Count by value, in each draw, the images found, predicted and there.

    Args:
        labels, predictions, groups: int64 (n_images,).
        n_values: How many are told apart.
        draws: float32 (n_draws, n_groups).

    Returns:
        float64 (n_draws, 3, n_values).
    """
    from scipy.sparse import csr_array

    is_hit = predictions == labels
    rows = np.concatenate([groups[is_hit], groups, groups])
    columns = np.concatenate([labels[is_hit], n_values + predictions, 2 * n_values + labels])
    shape = (draws.shape[1], 3 * n_values)
    table = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    sums = np.asarray((table.T @ draws.T).T, dtype=np.float64)
    return sums.reshape(len(draws), 3, n_values)


def _map_to_part(candidate: Candidate, part: Part, labels: Labels) -> tuple[Labels, Labels, int]:
    said = candidate.probabilities.argmax(axis=1)
    return part.of_class[labels], part.of_class[said], len(part.values)


def _name_interval(
    name: str, score: float, draws: Floats, level: float, bounds: tuple[float, float]
) -> dict[str, float]:
    known = draws[np.isfinite(draws)]  # a class may be missing from a draw
    interval = make_interval(score, known if len(known) > 1 else np.full(2, score), level, bounds)
    return {name: interval.score, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _divide(parts: Floats, wholes: Floats) -> Floats:
    return np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0)
