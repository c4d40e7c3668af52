"""How sure a score is: bootstrap over groups, and choices that are scored where they were not made.

Images of one person or one scan are right or wrong together, so whole groups are drawn, never single images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from podium.ensembling.criteria import Criterion, Floats, Labels, Probabilities, log_losses, score_counts

_CHUNK_BYTES = 64 * 2**20

Choose = Callable[[Probabilities, Labels], Callable[[Probabilities], Floats]]
"""From members (n_members, n, n_classes) and labels to what blends members into probabilities (n, n_classes)."""


@dataclass(frozen=True)
class Interval:
    """A score and how far chance may take it.

    Attributes:
        score: The score itself.
        low, high: Ends of the interval.
        sd: Standard deviation of the draws.
    """

    score: float
    low: float
    high: float
    sd: float


def number_groups(groups: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Number groups from 0 in the order of their names, int64 (n_images,)."""
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def deal_parts(labels: Labels, groups: npt.NDArray[np.int64], n_parts: int, seed: int) -> npt.NDArray[np.int64]:
    """Deal groups to parts of about the same size and classes, int64 (n_images,); fewer where groups are fewer.

    Groups are shuffled, then dealt in turn, those of the same most frequent class together: with hundreds of groups
    that balances as well as a search, at no cost.
    """
    n_groups = int(groups.max()) + 1
    n_classes = int(labels.max()) + 1
    counts = np.bincount(groups * n_classes + labels, minlength=n_groups * n_classes).reshape(n_groups, n_classes)
    shuffled = np.random.default_rng(seed).permutation(n_groups)
    order = shuffled[np.lexsort((-counts.sum(axis=1)[shuffled], counts.argmax(axis=1)[shuffled]))]
    part_of = np.empty(n_groups, np.int64)
    part_of[order] = np.arange(n_groups) % min(n_parts, n_groups)
    return part_of[groups]


def choose_nested(
    choose: Choose, probabilities: Probabilities, labels: Labels, parts: npt.NDArray[np.int64]
) -> Probabilities:
    """Make a choice on all parts but one and apply it to that one, for each in turn.

    Args:
        choose: Makes the choice.
        probabilities: float32 (n_members, n_images, n_classes), out of fold.
        labels: int64 (n_images,).
        parts: int64 (n_images,); groups are whole.

    Returns:
        float32 (n_images, n_classes): each image by a choice that did not see it. With one part alone there is nothing
        else to choose on.
    """
    if len(np.unique(parts)) == 1:
        return choose(probabilities, labels)(probabilities).astype(np.float32)
    nested = np.empty(probabilities.shape[1:], np.float32)
    for part in np.unique(parts):
        held = parts == part
        apply = choose(np.ascontiguousarray(probabilities[:, ~held]), labels[~held])
        nested[held] = apply(np.ascontiguousarray(probabilities[:, held]))
    return nested


def bootstrap_scores(
    candidates: Probabilities,
    labels: Labels,
    groups: npt.NDArray[np.int64],
    criterion: Criterion,
    n_draws: int,
    seed: int,
    n_drawn_images: int | None = None,
) -> Floats:
    """Score candidates on groups that are drawn again and again, the same draws for all.

    Args:
        candidates: float32 (n_candidates, n_images, n_classes).
        labels: int64 (n_images,).
        groups: int64 (n_images,), numbered from 0.
        criterion: What is scored.
        n_draws: How often groups are drawn.
        seed: Of the draws.
        n_drawn_images: How many images a draw has, about; none means as many as there are. With a number, it is drawn
            from a draw of all groups, so that the spread is that of a new set of this size, the doubt about the score
            on the present images included.

    Returns:
        float64 (n_candidates, n_draws); more is better.
    """
    n_groups = int(groups.max()) + 1
    tables = [_sum_by_group(candidate, labels, groups, n_groups, criterion) for candidate in candidates]
    n_drawn = None if n_drawn_images is None else max(1, round(n_drawn_images * n_groups / len(labels)))
    scores = np.empty((len(tables), n_draws))
    start = 0
    for weights in _draw_weights(n_groups, n_draws, seed, n_drawn):
        for row, table in enumerate(tables):
            sums = (weights @ table.reshape(n_groups, -1)).reshape(len(weights), *table.shape[1:])
            drawn = -sums[:, 0] / sums[:, 1] if criterion == "log_loss" else score_counts(sums, criterion)
            scores[row, start : start + len(weights)] = drawn
        start += len(weights)
    return scores


def make_interval(
    score: float, draws: Floats, level: float, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Put an interval around a score from draws of it, by their quantiles; their mean is moved onto the score.

    A draw has fewer different images than the whole, which lowers its macro F1 a little, hence the move.

    Args:
        score: In the middle.
        draws: float64 (n_draws,).
        level: Share of the draws within.
        bounds: No end lies beyond these.
    """
    moved = np.clip(draws - draws.mean() + score, *bounds)
    low, high = np.quantile(moved, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(score), float(low), float(high), float(draws.std(ddof=1)))


def _sum_by_group(
    candidate: Probabilities, labels: Labels, groups: npt.NDArray[np.int64], n_groups: int, criterion: Criterion
) -> npt.NDArray[np.float32]:
    """Add up what the score needs: float32 (n_groups, 3, n_classes) of counts, or (n_groups, 2): loss and images."""
    if criterion == "log_loss":
        losses = np.bincount(groups, log_losses(candidate, labels), minlength=n_groups)
        return np.stack([losses, np.bincount(groups, minlength=n_groups)], axis=1).astype(np.float32)
    n_classes = candidate.shape[1]
    predictions = candidate.argmax(axis=1)
    is_hit = predictions == labels
    places = [
        groups[is_hit] * n_classes + labels[is_hit],
        groups * n_classes + predictions,
        groups * n_classes + labels,
    ]
    counts = [np.bincount(place, minlength=n_groups * n_classes).reshape(n_groups, n_classes) for place in places]
    return np.stack(counts, axis=1).astype(np.float32)


def _draw_weights(n_groups: int, n_draws: int, seed: int, n_drawn: int | None) -> Iterator[npt.NDArray[np.float32]]:
    """Draw how often each group counts, in chunks of float32 (some draws, n_groups)."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK_BYTES // (8 * n_groups))
    for start in range(0, n_draws, step):
        weights = np.empty((min(step, n_draws - start), n_groups), np.float32)
        for row in weights:
            drawn = rng.integers(0, n_groups, n_groups)
            if n_drawn is not None:
                drawn = drawn[rng.integers(0, n_groups, n_drawn)]
            row[:] = np.bincount(drawn, minlength=n_groups)
        yield weights
