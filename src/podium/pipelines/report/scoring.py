"""Scores with intervals: of whole tables, of each class, and of each value of an attribute."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.class_parts import Part
from podium.ensembling.criteria import Criterion, count_classes, log_losses, score_counts
from podium.ensembling.resampling import make_interval
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.vision.metrics import score_classes

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]
Draws = npt.NDArray[np.float32]

OUT_OF_FOLD, NESTED, CHOSEN_HERE = "out of fold", "nested", "chosen on these images"
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


def score_candidates(
    candidates: Sequence[Candidate], part: Part, labels: Labels, groups: Labels, draws: Draws, ensemble: EnsembleConfig
) -> list[dict[str, Any]]:
    """Score tables as a whole, and hold each against the best of them.

    All are scored on the same images, so what one lacks of another is known far better than either score: its interval
    comes from the differences within the same draws (the paired bootstrap; Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapter 16).

    An attribute's value is that of the most probable class, as everywhere; its log loss is of the sum over the classes
    that have the value.

    Args:
        candidates: What is scored; those that were chosen on these images are never the best.
        part: The class, or an attribute.
        labels: True classes, int64 (n_images,).
        groups: int64 (n_images,), numbered from 0.
        draws: See :func:`draw_groups`.
        ensemble: The criterion that the best one is the best by, and the level of the intervals.

    Returns:
        A row a table: member, kind, attribute; macro_f1, accuracy and log_loss, each with ``_low`` and ``_high``;
        n_images; behind, by how much the criterion is worse than that of the best one (in nats for log_loss), never
        below 0, and behind_low and behind_high; NaN for the best one itself and for what was chosen on these images.
    """
    criterion = ensemble.criterion
    scored = [_draw_scores(candidate, part, labels, groups, draws) for candidate in candidates]
    rows = [
        _write_row(candidate, part, scores, ensemble.level, len(labels))
        for candidate, scores in zip(candidates, scored, strict=True)
    ]
    sign = -1.0 if criterion == "log_loss" else 1.0
    honest = [place for place, candidate in enumerate(candidates) if candidate.kind != CHOSEN_HERE]
    best = min(honest, key=lambda place: (-sign * scored[place][criterion][0], candidates[place].member))
    for place, row in enumerate(rows):
        row.update(dict.fromkeys(("behind", "behind_low", "behind_high"), np.nan))
        if place != best and place in honest:
            (score, drawn), (best_score, best_drawn) = scored[place][criterion], scored[best][criterion]
            lacking = (sign * (best_score - score), sign * (best_drawn - drawn))
            row.update(_name_interval("behind", *lacking, ensemble.level, (-np.inf, np.inf)))
    return rows


def _draw_scores(
    candidate: Candidate, part: Part, labels: Labels, groups: Labels, draws: Draws
) -> dict[str, tuple[float, Floats]]:
    """Return each score, with what it is in each draw: float64 (n_draws,)."""
    true, said, n_values = _map_to_part(candidate, part, labels)
    drawn = draw_counts(true, said, groups, n_values, draws)
    counts = count_classes(true, said, n_values)
    losses = log_losses(part.sum_up(candidate.probabilities), true)
    n_groups = draws.shape[1]
    sums = draws @ np.bincount(groups, losses, minlength=n_groups) / (draws @ np.bincount(groups, minlength=n_groups))
    criteria: tuple[Criterion, Criterion] = ("macro_f1", "accuracy")
    scores: dict[str, tuple[float, Floats]] = {
        one: (float(score_counts(counts, one)), score_counts(drawn, one)) for one in criteria
    }
    return {**scores, "log_loss": (float(losses.mean()), sums)}


def _write_row(
    candidate: Candidate, part: Part, scores: Mapping[str, tuple[float, Floats]], level: float, n_images: int
) -> dict[str, Any]:
    row: dict[str, Any] = {"member": candidate.member, "kind": candidate.kind, "attribute": part.attribute}
    for name, (reached, drawn) in scores.items():
        row |= _name_interval(name, reached, drawn, level, (0.0, np.inf if name == "log_loss" else 1.0))
    return {**row, "n_images": n_images}


def score_values(
    candidate: Candidate, part: Part, labels: Labels, groups: Labels, draws: Draws, level: float
) -> Iterator[dict[str, Any]]:
    """Score each class, or each value of an attribute; see :func:`score_candidates`.

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
