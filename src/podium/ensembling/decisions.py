"""From blended probabilities to classes: temperature and class offsets, both fitted out of fold."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from podium.ensembling.criteria import LEAST_PROBABILITY, Criterion, Floats, Labels, score, score_counts

_OFFSETS = np.linspace(-2.0, 2.0, 81)  # nats that a class may be moved by: a factor of 7.4 at most, in steps of 5 %
_MAX_PASSES = 6
_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Decision:
    """What probabilities go through before the most probable class is taken.

    Attributes:
        temperature: Logarithms are divided by it; 1 changes nothing. It changes no class, only how sure it looks.
        offsets: Added to the logarithms, nats, one a class; none changes nothing.
    """

    temperature: float = 1.0
    offsets: tuple[float, ...] = field(default=())

    def apply(self, probabilities: npt.NDArray[np.floating]) -> Floats:
        """Change probabilities (n_images, n_classes) accordingly, float64, rows summing to 1."""
        logits = np.log(np.clip(probabilities.astype(np.float64), LEAST_PROBABILITY, None)) / self.temperature
        if self.offsets:
            logits += np.asarray(self.offsets)
        logits -= logits.max(axis=1, keepdims=True)
        changed = np.exp(logits)
        return np.asarray(changed / changed.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: npt.NDArray[np.floating], labels: Labels) -> float:
    """Find the temperature with the least log loss (Guo et al., 2017), between 0.05 and 20."""
    from scipy.optimize import minimize_scalar

    logits = np.log(np.clip(probabilities, LEAST_PROBABILITY, None)).astype(np.float32)
    logits -= logits.max(axis=1, keepdims=True)
    true = logits[np.arange(len(labels)), labels].mean(dtype=np.float64)
    space = np.empty_like(logits)

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        np.exp(np.multiply(logits, np.float32(scale), out=space), out=space)
        return float(np.log(space.sum(axis=1)).mean(dtype=np.float64) - scale * true)

    found = minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def fit_offsets(probabilities: npt.NDArray[np.floating], labels: Labels, criterion: Criterion) -> tuple[float, ...]:
    """Move one class after the other to where the score is best, until nothing moves.

    Where a range of offsets scores the same, the one nearest to 0 is taken, so that noise moves nothing. Their mean is
    taken off, since moving all classes alike changes nothing.

    Args:
        probabilities: (n_images, n_classes).
        labels: int64 (n_images,).
        criterion: ``macro_f1`` or ``accuracy``; a log loss has no use for offsets beyond temperature: all are 0.

    Returns:
        One offset a class, nats; never below the score without.
    """
    n_classes = probabilities.shape[1]
    offsets = np.zeros(n_classes)
    if criterion == "log_loss" or n_classes < 2:
        return tuple(offsets.tolist())
    logits = np.log(np.clip(probabilities.astype(np.float64), LEAST_PROBABILITY, None))
    best = score(logits, labels, criterion)
    for _ in range(_MAX_PASSES):
        before = best
        for label in range(n_classes):
            scores = _score_moves(logits + offsets, labels, label, offsets[label], criterion)
            reached = float(scores.max())
            if reached > best + 1e-12:
                candidates = _OFFSETS[scores >= reached - 1e-12]
                offsets[label] = candidates[np.abs(candidates).argmin()]
                best = reached
        if best == before:
            break
    return tuple((offsets - offsets.mean()).tolist())


def _score_moves(logits: Floats, labels: Labels, label: int, present: float, criterion: Criterion) -> Floats:
    """Score each offset of one class, the others as they are, float64 (n_offsets,).

    An image turns to the class where the offset lifts it above the image's best other class. So one count of images by
    the offset at which they turn gives the counts at every offset.
    """
    n_classes = logits.shape[1]
    own = logits[:, label] - present
    others = logits.copy()
    others[:, label] = -np.inf
    rival = others.argmax(axis=1)
    gap = others[np.arange(len(labels)), rival] - own
    turns = _search_turns(gap, rival, label)
    n_steps = len(_OFFSETS) + 1
    lost = np.bincount(turns * n_classes + rival, minlength=n_steps * n_classes).reshape(n_steps, n_classes)
    is_right = rival == labels
    lost_hits = np.bincount(
        turns[is_right] * n_classes + rival[is_right], minlength=n_steps * n_classes
    ).reshape(n_steps, n_classes)  # fmt: skip
    gained_hits = np.bincount(turns[labels == label], minlength=n_steps)
    counts = np.empty((len(_OFFSETS), 3, n_classes))
    counts[:, 0] = (lost_hits.sum(axis=0) - lost_hits.cumsum(axis=0))[:-1]
    counts[:, 1] = (lost.sum(axis=0) - lost.cumsum(axis=0))[:-1]
    counts[:, 0, label] = gained_hits.cumsum()[:-1]
    counts[:, 1, label] = lost.sum(axis=1).cumsum()[:-1]
    counts[:, 2] = np.bincount(labels, minlength=n_classes)
    return score_counts(counts, criterion)


def _search_turns(gap: Floats, rival: npt.NDArray[np.integer], label: int) -> npt.NDArray[np.int64]:
    """Find the first offset at which each image turns to the class, int64; of equals the first class wins."""
    wins_ties = label < rival
    left, right = (np.searchsorted(_OFFSETS, gap, side=side) for side in ("left", "right"))
    return np.where(wins_ties, left, right)
