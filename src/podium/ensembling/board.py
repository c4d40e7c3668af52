"""Board arithmetic: how far the scores of a board's two parts, public and private, lie apart by chance alone.

The organisers score some of the test images in public and the others, in the end, in private. Which images are public
is luck, so a public score says little about the private one where the parts are small. True labels of the test part are
not known; they are drawn, from a confusion or from the chance that a model gives each class.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from podium.ensembling.criteria import Floats, score_counts

BoardCriterion = Literal["macro_f1", "accuracy"]
BOARD_CRITERIA: tuple[BoardCriterion, ...] = ("macro_f1", "accuracy")  # a file of answers has no log loss
LOWEST_SCORE, HIGHEST_SCORE = 0.0, 1.0  # of either

_CHUNK_VALUES = 2**22  # drawn at a time
_LEAST_PROBABILITY = 1e-7
_LARGEST_LOG_TEMPERATURE = 3.0
_N_HALVINGS = 40


def make_even_confusion(n_classes: int, score: float) -> Floats:
    """Make the confusion of a model that finds the share ``score`` of each class and spreads its mistakes evenly.

    Its accuracy and its macro F1 are both ``score``.

    Args:
        n_classes: At least 2; each has as many images.
        score: 0 to 1.

    Returns:
        float64 (n_classes, n_classes), summing to 1: rows are true classes, columns predicted ones.
    """
    confusion = np.full((n_classes, n_classes), (1 - score) / (n_classes - 1))
    np.fill_diagonal(confusion, score)
    return np.asarray(confusion / n_classes, dtype=np.float64)


def spread_between_parts(
    confusion: npt.NDArray[np.floating] | npt.NDArray[np.integer],
    n_public: int,
    n_private: int,
    criterion: BoardCriterion = "macro_f1",
    n_draws: int = 1000,
    seed: int = 0,
) -> float:
    """Return the standard deviation of public minus private score of one submission.

    Each image of both parts is drawn from the confusion, on its own. Dealing a fixed set of images at random into the
    two parts gives the same spread: what one part gains, the other loses.

    Args:
        confusion: (n_classes, n_classes), counts or shares: rows are true classes, columns predicted ones.
        n_public, n_private: Images of each part.
        criterion: How the board scores.
        n_draws: How often both parts are drawn; the result is good to about 0.7 / sqrt(n_draws) of itself.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    shares = np.asarray(confusion, dtype=np.float64)
    shares = shares / shares.sum()
    step = max(1, _CHUNK_VALUES // shares.size)
    differences = []
    for start in range(0, n_draws, step):
        public, private = (
            _score_confusions(rng.multinomial(n, shares.ravel(), size=min(step, n_draws - start)), criterion)
            for n in (n_public, n_private)
        )
        differences.append(public - private)
    return float(np.concatenate(differences).std())


def simulate_board(
    chances: npt.NDArray[np.floating],
    answers: npt.NDArray[np.int64],
    public_share: float,
    criterion: BoardCriterion = "macro_f1",
    n_draws: int = 1000,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Score submissions on drawn true labels, on a drawn public part and on the rest.

    All submissions of a draw are scored on the same labels and the same parts, as on the board, so the spread of a
    difference between two of them comes only from the images that they answer differently.

    Args:
        chances: float (n_images, n_classes): the chance of each true label; rows sum to 1.
        answers: int64 (n_submissions, n_images): the label that each submission gives.
        public_share: Share of the images that is public; at least one image lies in each part.
        criterion: How the board scores.
        n_draws: How often labels and parts are drawn.
        seed: Of the draws.

    Returns:
        Public and private scores, each float64 (n_draws, n_submissions).
    """
    rng = np.random.default_rng(seed)
    n_images, n_classes = chances.shape
    n_public = count_public(n_images, public_share)
    # One sorted row of all images' cumulative chances: the place where a number falls is image and class at once.
    ladder = np.cumsum(chances, axis=1, dtype=np.float64)
    ladder /= ladder[:, -1:]
    ladder = (ladder + np.arange(n_images)[:, None]).ravel()
    step = max(1, _CHUNK_VALUES // n_images)
    parts = []
    for start in range(0, n_draws, step):
        shape = (min(step, n_draws - start), n_images)
        places = np.searchsorted(ladder, rng.random(shape) + np.arange(n_images), side="right")
        labels = np.clip(places - n_classes * np.arange(n_images), 0, n_classes - 1)
        is_private = np.ones(shape, dtype=np.int64)
        order = np.argpartition(rng.random(shape), n_public - 1, axis=1)
        np.put_along_axis(is_private, order[:, :n_public], 0, axis=1)
        cells = (2 * np.arange(shape[0])[:, None] + is_private) * n_classes  # a draw's part begins here
        parts.append(_score_answers(labels, answers, cells, n_classes, criterion))
    scores = np.concatenate(parts)
    return scores[:, 0], scores[:, 1]


def count_public(n_images: int, public_share: float) -> int:
    """Return how many images are public: the share, rounded, but at least one in each part of two or more images."""
    return min(max(round(public_share * n_images), 1), max(n_images - 1, 1))


def match_confidence(
    probabilities: npt.NDArray[np.floating], answers: npt.NDArray[np.int64], accuracies: npt.ArrayLike
) -> Floats:
    """Sharpen or flatten probabilities until answers are right as often, on average, as was measured.

    Networks that were trained for long believe themselves too much, and averages of many too little; drawn labels would
    then agree with the answers too often, or too seldom. One temperature for all images mends the mean.

    Args:
        probabilities: float (n_images, n_classes).
        answers: int64 (n_submissions, n_images).
        accuracies: Of each submission, 0 to 1. What no temperature within reason gives is met as nearly as possible.

    Returns:
        float64 (n_images, n_classes), rows summing to 1; the most probable class stays the same.
    """
    logs = np.log(np.clip(probabilities.astype(np.float64), _LEAST_PROBABILITY, None))
    logs -= logs.max(axis=1, keepdims=True)
    wanted, rows = float(np.asarray(accuracies, dtype=np.float64).mean()), np.arange(len(logs))
    low, high = -_LARGEST_LOG_TEMPERATURE, _LARGEST_LOG_TEMPERATURE
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        chances = _soften(logs, middle)
        low, high = (middle, high) if chances[rows, answers].mean() > wanted else (low, middle)
    return _soften(logs, (low + high) / 2)


def combine_estimates(values: npt.NDArray[np.floating], sds: npt.NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Average estimates of the same thing, each weighed by the inverse of its variance; nan counts for nothing.

    Args:
        values: float (n_estimates, n).
        sds: Standard deviations, likewise, above 0; nan where the value is.

    Returns:
        The averages and their standard deviations, float64 (n,); nan where there is no estimate.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(np.isnan(values), 0.0, 1 / np.square(sds))
        total = precisions.sum(axis=0)
        means = np.where(np.isnan(values), 0.0, values * precisions).sum(axis=0) / total
        return np.where(total > 0, means, np.nan), np.where(total > 0, 1 / np.sqrt(total), np.nan)


def _soften(logs: Floats, log_temperature: float) -> Floats:
    odds = np.exp(logs / np.exp(log_temperature))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)


def _score_confusions(confusions: npt.NDArray[np.int64], criterion: BoardCriterion) -> Floats:
    """Score confusions, int64 (n_draws, n_classes * n_classes)."""
    n_classes = round(confusions.shape[1] ** 0.5)
    squares = confusions.reshape(-1, n_classes, n_classes)
    hits = np.diagonal(squares, axis1=1, axis2=2)
    return score_counts(np.stack([hits, squares.sum(axis=1), squares.sum(axis=2)], axis=1), criterion)


def _score_answers(
    labels: npt.NDArray[np.int64],
    answers: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int64],
    n_classes: int,
    criterion: BoardCriterion,
) -> Floats:
    """Score each submission in each draw and part.

    Args:
        labels: int64 (n_draws, n_images).
        answers: int64 (n_submissions, n_images).
        cells: int64 (n_draws, n_images): where the counts of an image's draw and part begin.
        n_classes: Number of classes.
        criterion: How the board scores.

    Returns:
        float64 (n_draws, 2, n_submissions).
    """
    n_draws = len(labels)
    size = 2 * n_draws * n_classes
    counts = np.empty((n_draws, 2, len(answers), 3, n_classes))
    counts[..., 2, :] = np.bincount((cells + labels).ravel(), minlength=size).reshape(n_draws, 2, 1, n_classes)
    for index, answer in enumerate(answers):
        predicted = cells + answer
        for kind, taken in enumerate((predicted[labels == answer], predicted.ravel())):
            counts[:, :, index, kind] = np.bincount(taken, minlength=size).reshape(n_draws, 2, n_classes)
    return score_counts(counts, criterion)
