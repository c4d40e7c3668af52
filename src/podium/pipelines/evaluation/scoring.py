"""Scores of out-of-fold probabilities, for single members and ensembles alike."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.probabilities import to_matrix
from podium.vision import metrics

Confusion = npt.NDArray[np.int64]


def count_attribute_confusions(
    confusion: Confusion, classes: pd.DataFrame, attributes: dict[str, dict[str, Any]]
) -> dict[str, Confusion]:
    """Add the composite confusion up to one for each attribute.

    An image taken for another age but the right mask is right for ``mask``: only that attribute's value counts.

    Args:
        confusion: int64 (n_classes, n_classes), of composite classes.
        classes: label and the value of each attribute.
        attributes: The values of each attribute, in order.

    Returns:
        By attribute, int64 (n_values, n_values).
    """
    confusions = {}
    for name, attribute in attributes.items():
        values = list(attribute["values"])
        member_of = np.zeros((len(classes), len(values)), dtype=np.int64)
        member_of[np.arange(len(classes)), [values.index(value) for value in classes[name]]] = 1
        confusions[name] = member_of.T @ confusion @ member_of
    return confusions


def summarize_confusion(confusion: Confusion) -> dict[str, Any]:
    """Return macro_f1, accuracy and n_images."""
    return {
        "macro_f1": metrics.macro_f1(confusion),
        "accuracy": metrics.accuracy(confusion),
        "n_images": int(confusion.sum()),
    }


def score_probabilities(
    predictions: pd.DataFrame, targets: pd.DataFrame, classes: pd.DataFrame, attributes: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Score out-of-fold probabilities against true labels, whole and by attribute.

    Args:
        predictions: image_id, fold and one column a class.
        targets: image_id and label (true).
        classes: label and the value of each attribute.
        attributes: The values of each attribute.

    Returns:
        macro_f1, accuracy, n_images, log_loss, attributes (the first three of each), folds (likewise of each).
    """
    labels = align_labels(predictions, targets)
    confusion = count_predictions(predictions, labels, len(classes))
    by_attribute = count_attribute_confusions(confusion, classes, attributes)
    by_fold = {
        int(fold): count_predictions(rows, labels[rows.index], len(classes))
        for fold, rows in predictions.reset_index(drop=True).groupby("fold")
    }
    chance = to_matrix(predictions)[np.arange(len(labels)), labels].astype(np.float64)
    return {
        **summarize_confusion(confusion),
        "log_loss": float(-np.log(np.clip(chance, 1e-15, None)).mean()),
        "attributes": {name: summarize_confusion(part) for name, part in by_attribute.items()},
        "folds": {f"fold_{fold}": summarize_confusion(part) for fold, part in by_fold.items()},
    }


def align_labels(predictions: pd.DataFrame, targets: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the true label of each predicted image, int64 (n,)."""
    return targets.set_index("image_id")["label"].loc[predictions["image_id"]].to_numpy(np.int64)


def count_predictions(predictions: pd.DataFrame, labels: npt.NDArray[np.int64], n_classes: int) -> Confusion:
    """Count the confusion of the most probable classes."""
    return metrics.count_confusion(labels, to_matrix(predictions).argmax(axis=1), n_classes)


def tabulate_classes(confusion: Confusion, classes: pd.DataFrame) -> pd.DataFrame:
    """Give each class its scores: label, class_name, n_images, precision, recall, f1."""
    precision, recall, f1 = metrics.score_classes(confusion)
    return pd.DataFrame(
        {
            "label": classes["label"],
            "class_name": classes["class_name"],
            "n_images": confusion.sum(axis=1),
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }
    )
