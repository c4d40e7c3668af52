"""The one number that members and ensembles are chosen by, for many of them at once; more is better."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]

Criterion = Literal["macro_f1", "accuracy", "log_loss"]
BOUNDS: dict[Criterion, tuple[float, float]] = {
    "macro_f1": (0.0, 1.0),
    "accuracy": (0.0, 1.0),
    "log_loss": (float("-inf"), 0.0),  # negated
}
LEAST_PROBABILITY = 1e-15  # so that one sure mistake does not make a log loss infinite


def name_criterion(criterion: str) -> str:
    """Name a score for people."""
    return {"macro_f1": "macro F1", "log_loss": "negated log loss"}.get(criterion, criterion)


def score(probabilities: npt.NDArray[np.floating], labels: Labels, criterion: Criterion) -> float:
    """Score one table of probabilities (n_images, n_classes); a log loss is negated, so that more is better."""
    if criterion == "log_loss":
        return float(-log_losses(probabilities, labels).mean())
    n_classes = probabilities.shape[1]
    counts = count_classes(labels, probabilities.argmax(axis=1), n_classes)
    return float(score_counts(counts, criterion))


def log_losses(probabilities: npt.NDArray[np.floating], labels: Labels) -> Floats:
    """Return the log loss of each image, nats, float64 (n_images,)."""
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(true, LEAST_PROBABILITY, None))


def count_classes(labels: Labels, predictions: npt.NDArray[np.integer], n_classes: int) -> Floats:
    """Count by class what a score needs: images found, images predicted, images there; float64 (3, n_classes)."""
    return np.stack(
        [
            np.bincount(part, minlength=n_classes)
            for part in (labels[predictions == labels], predictions, labels)
        ]
    ).astype(np.float64)  # fmt: skip


def score_counts(counts: npt.NDArray[np.floating], criterion: Criterion) -> Floats:
    """Score counts of :func:`count_classes`, whole numbers or weighted ones.

    Args:
        counts: (..., 3, n_classes).
        criterion: ``macro_f1``: the mean F1 of the classes that are there or predicted, as scikit-learn has it; or
            ``accuracy``.

    Returns:
        float64 (...).
    """
    hits, predicted, true = counts[..., 0, :], counts[..., 1, :], counts[..., 2, :]
    if criterion == "accuracy":
        return np.asarray(hits.sum(axis=-1) / np.maximum(true.sum(axis=-1), 1e-300), dtype=np.float64)
    both = predicted + true
    f1 = 2 * hits / np.where(both > 0, both, 1)
    return np.asarray(f1.sum(axis=-1) / np.maximum((both > 0).sum(axis=-1), 1), dtype=np.float64)
