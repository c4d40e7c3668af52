"""Scores from a confusion matrix, in double precision: equal to scikit-learn's over the whole epoch."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def count_confusion(labels: npt.ArrayLike, predictions: npt.ArrayLike, n_classes: int) -> npt.NDArray[np.int64]:
    """Count how often each class was taken for each.

    Args:
        labels: True classes, int, (n,).
        predictions: Predicted classes, int, (n,).
        n_classes: Number of classes.

    Returns:
        int64, (n_classes, n_classes): rows are true classes, columns predicted ones.
    """
    pairs = np.asarray(labels, dtype=np.int64) * n_classes + np.asarray(predictions, dtype=np.int64)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def score_classes(confusion: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of every class, each float64 (n_classes,); 0 where nothing was there to find."""
    hits = np.diag(confusion).astype(np.float64)
    predicted, true = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, true, out=np.zeros_like(hits), where=true > 0)
    both = predicted + true
    f1 = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    return precision, recall, f1


def macro_f1(confusion: npt.NDArray[np.int64]) -> float:
    """Mean F1 over the classes that occur, in the labels or in the predictions.

    As in ``sklearn.metrics.f1_score(average="macro")``: a class that is neither there nor predicted is left out.
    """
    occurs = (confusion.sum(axis=0) + confusion.sum(axis=1)) > 0
    return float(score_classes(confusion)[2][occurs].mean()) if occurs.any() else 0.0


def accuracy(confusion: npt.NDArray[np.int64]) -> float:
    """Share of images whose class was found."""
    return float(np.trace(confusion) / max(confusion.sum(), 1))
