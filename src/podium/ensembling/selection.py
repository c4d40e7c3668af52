"""Which members make an ensemble, and with what weight: chosen on out-of-fold probabilities.

Greedy forward selection with replacement, and its bagging, are those of Caruana et al. (2004), "Ensemble selection from
libraries of models": the member that helps most is added again and again, and the best moment counts. No weight is
negative, they sum to 1, and the choice never scores below the best single member that tells images apart, on the images
it was made on.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from podium.ensembling.criteria import (
    LEAST_PROBABILITY,
    Criterion,
    Floats,
    Labels,
    Probabilities,
    count_classes,
    score,
    score_counts,
)

_CHUNK_BYTES = 8 * 2**20  # of sums that are compared at a time
_N_THREADS = 4  # bags at a time; each holds a copy of its members
_ROUNDING = 1e-4  # sums of float32: what comes so near is looked at


@dataclass(frozen=True)
class Bags:
    """Random subsets of the members, each selected from by itself.

    Attributes:
        n: How many; 0 selects from all members at once.
        share: Chance of a member to be in a bag.
        seed: Of the subsets.
    """

    n: int = 20
    share: float = 0.5
    seed: int = 0


def blend(probabilities: Probabilities, weights: npt.NDArray[np.floating]) -> Floats:
    """Average members by weight.

    Args:
        probabilities: float32 (n_members, n_images, n_classes).
        weights: (n_members,), summing to 1.

    Returns:
        float64 (n_images, n_classes).
    """
    blended = np.zeros(probabilities.shape[1:])
    for member, weight in zip(probabilities, weights, strict=True):
        if weight:
            blended += float(weight) * member
    return blended


def select_best_single(probabilities: Probabilities, labels: Labels, criterion: Criterion) -> Floats:
    """Give all weight to the member with the best score; to the first of equals."""
    scores = [score(member, labels, criterion) for member in probabilities]
    return np.eye(len(scores))[int(np.argmax(scores))]


def select_greedily(
    probabilities: Probabilities, labels: Labels, criterion: Criterion = "macro_f1", max_picks: int = 50
) -> Floats:
    """Add the member that helps the score most, again and again, and keep the best moment.

    Of members that help as much the one with the lower log loss is taken, then the first. Most images need no second
    look: what all members find most probable stays so in any mean, and where no member believes enough in another
    class, and none little enough in the leading one, no further pick can turn the lead.

    Args:
        probabilities: float32 (n_members, n_images, n_classes), rows summing to 1.
        labels: int64 (n_images,), true classes.
        criterion: What is to be raised.
        max_picks: How often a member is added.

    Returns:
        float64 (n_members,): the share of picks of each.
    """
    n_members, n_images, _ = probabilities.shape
    if n_members == 1:
        return np.ones(1)
    true = probabilities[:, np.arange(n_images), labels]
    true_sum: Probabilities = np.zeros(n_images, np.float32)
    contest = None if criterion == "log_loss" else _Contest(probabilities, labels, criterion)
    picks: list[int] = []
    best_score, best_length = -np.inf, 0
    for _ in range(max_picks):
        if contest is None:
            scores = _score_likelihoods(true, true_sum, len(picks) + 1)
            pick = int(np.argmax(scores))
        else:
            scores = contest.score_additions()
            equals = np.flatnonzero(scores == scores.max())
            likelihoods = _score_likelihoods(true[equals], true_sum, len(picks) + 1) if len(equals) > 1 else np.zeros(1)
            pick = int(equals[np.argmax(likelihoods)])
            contest.add(pick)
        picks.append(pick)
        true_sum += true[pick]
        if scores[pick] > best_score:
            best_score, best_length = float(scores[pick]), len(picks)
    return np.bincount(picks[:best_length], minlength=n_members) / best_length


class _Contest:
    """The images whose class is still open among members, and the sum of picks so far on them."""

    def __init__(self, probabilities: Probabilities, labels: Labels, criterion: Criterion) -> None:
        n_classes = probabilities.shape[2]
        said = probabilities.argmax(axis=2)
        is_open = (said != said[0]).any(axis=0)
        self._criterion = criterion
        self._members = np.ascontiguousarray(probabilities[:, is_open])
        self._labels = labels[is_open]
        self._least, self._most = self._members.min(axis=0), self._members.max(axis=0)
        self._sums: Probabilities = np.zeros(self._least.shape, np.float32)
        self._agreed = count_classes(labels[~is_open], said[0, ~is_open], n_classes)
        self._agreed[2] = np.bincount(labels, minlength=n_classes)

    def add(self, member: int) -> None:
        """Add a pick."""
        self._sums += self._members[member]

    def score_additions(self) -> Floats:
        """Score the most probable classes after each possible pick, float64 (n_members,)."""
        n_members, n_images, n_classes = self._members.shape
        rows, leaders = np.arange(n_images), self._sums.argmax(axis=1)
        reach = self._sums + self._most
        reach[rows, leaders] = -np.inf
        is_open = reach.max(axis=1) >= self._sums[rows, leaders] + self._least[rows, leaders] - _ROUNDING
        settled = count_classes(self._labels[~is_open], leaders[~is_open], n_classes)
        counts = np.tile(self._agreed, (n_members, 1, 1))
        counts[:, :2] += settled[:2]
        rows, sums, labels = rows[is_open], self._sums[is_open], self._labels[is_open]
        step = max(1, _CHUNK_BYTES // max(1, sums.nbytes))
        space = np.empty((min(step, n_members), *sums.shape), np.float32)  # fresh memory costs more than all sums
        for start in range(0, n_members, step):
            chunk = self._members[start : start + step]
            added = np.take(chunk, rows, axis=1, out=space[: len(chunk)], mode="clip")  # "raise" would copy first
            added += sums
            choices = added.argmax(axis=2)
            is_hit = choices == labels
            choices += np.arange(len(chunk))[:, None] * n_classes  # numbered through, so that one count serves all
            size, shape = len(chunk) * n_classes, (len(chunk), n_classes)
            counts[start : start + step, 0] += np.bincount(choices[is_hit], minlength=size).reshape(shape)
            counts[start : start + step, 1] += np.bincount(choices.ravel(), minlength=size).reshape(shape)
        return score_counts(counts, self._criterion)


def select_bagged(
    probabilities: Probabilities,
    labels: Labels,
    names: Sequence[str],
    criterion: Criterion = "macro_f1",
    max_picks: int = 50,
    bags: Bags = Bags(),
) -> Floats:
    """Select greedily within random subsets of the members, and average what comes out.

    Whether a member is in a bag depends on the seed, the bag and its name alone, so neither the order of members nor
    a further one changes the others' bags. Copies of a member count once, and one that says the same of every image
    not at all. Where the average scores below the best single member, which bagging alone does not rule out, all
    members are selected from at once instead.

    Args:
        probabilities, labels, criterion, max_picks: See :func:`select_greedily`.
        names: Of the members.
        bags: How the subsets are drawn.

    Returns:
        float64 (n_members,), summing to 1.
    """
    order = sorted(drop_idle(probabilities, names), key=lambda index: names[index])
    drawn = Counter(_draw_bag([names[index] for index in order], number, bags) for number in range(bags.n))
    drawn.pop((), None)

    def select(bag: tuple[int, ...]) -> Floats:
        members = [order[place] for place in bag]
        weights = np.zeros(len(names))
        weights[members] = select_greedily(probabilities[members], labels, criterion, max_picks)
        return weights

    if drawn:
        with ThreadPoolExecutor(_N_THREADS) as pool:
            parts = pool.map(select, drawn)
            weights = np.sum([times * part for times, part in zip(drawn.values(), parts, strict=True)], axis=0)
        weights /= weights.sum()
        best = max(score(probabilities[index], labels, criterion) for index in order)
        if score(blend(probabilities, weights), labels, criterion) >= best:
            return weights
    return select(tuple(range(len(order))))


def select_subset(probabilities: Probabilities, labels: Labels, criterion: Criterion = "macro_f1") -> Floats:
    """Try every subset with equal weights and keep the best; of equals the smallest, then the first.

    Takes 2 to the power of n_members steps, so it is for about ten members.
    """
    n_members = len(probabilities)
    best_score = -np.inf
    best_members: tuple[int, ...] = (0,)
    for size in range(1, n_members + 1):
        for members in combinations(range(n_members), size):
            reached = score(probabilities[list(members)].mean(axis=0), labels, criterion)
            if reached > best_score:
                best_score, best_members = reached, members
    return np.bincount(best_members, minlength=n_members) / len(best_members)


def drop_idle(probabilities: Probabilities, names: Sequence[str]) -> list[int]:
    """List the members that add something: no copies, and none that says the same of every image.

    The latter would only smooth the others, which greedy selection may take for a gain while it hides better ways.

    Returns:
        Places of members, in order; of copies that of the one whose name comes first. Where all say the same of every
        image, one of them.
    """
    first: dict[bytes, int] = {}
    for index in sorted(range(len(names)), key=lambda index: names[index]):
        first.setdefault(hashlib.sha256(np.ascontiguousarray(probabilities[index]).data).digest(), index)
    distinct = sorted(first.values())
    telling = [index for index in distinct if np.ptp(probabilities[index], axis=0).max() > _ROUNDING]
    return telling or distinct[:1]


def _draw_bag(names: Sequence[str], number: int, bags: Bags) -> tuple[int, ...]:
    """Draw the places of the members of a bag."""
    chances = (hashlib.sha256(f"{bags.seed}/{number}/{name}".encode()).digest() for name in names)
    return tuple(place for place, chance in enumerate(chances) if int.from_bytes(chance[:8]) < bags.share * 2**64)


def _score_likelihoods(true: Probabilities, true_sum: Probabilities, n_picks: int) -> Floats:
    """Score each addition by the negated log loss, float64 (n_members,)."""
    means = (true_sum + true) / np.float32(n_picks)
    return np.log(np.clip(means, LEAST_PROBABILITY, None)).mean(axis=1, dtype=np.float64)
