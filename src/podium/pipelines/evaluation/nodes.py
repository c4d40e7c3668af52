"""Score the member of this run and show where it errs."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from podium.errors import InputError
from podium.pipelines.evaluation.scoring import (
    align_labels,
    count_attribute_confusions,
    count_predictions,
    score_probabilities,
    tabulate_classes,
)
from podium.pipelines.training.member import digest_recipe
from podium.probabilities import to_matrix
from podium.vision.criterion import MONITORS
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)

Partitions = dict[str, Callable[[], pd.DataFrame]]


def collect_predictions(member: dict[str, Any], oof: Partitions, recipe: Recipe) -> pd.DataFrame:
    """Put the member's folds together: image_id, fold, one column a class, sorted by image_id.

    Raises:
        InputError: The member that was trained last is of another recipe than the chosen one.
    """
    if (member["recipe"], member["recipe_digest"]) != (recipe.name, digest_recipe(recipe)):
        raise InputError(
            "The member that was trained last is of another recipe:",
            [
                f"recipe: '{recipe.name}' as it reads now is chosen, {member['name']} was trained last; "
                "kedro run --pipeline train trains and evaluates the chosen one"
            ],
        )
    parts = [oof[f"{member['name']}/fold_{fold}"]() for fold in member["folds"]]
    return pd.concat(parts).sort_values("image_id").reset_index(drop=True)


def score_member(
    member: dict[str, Any],
    oof_predictions: pd.DataFrame,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Score the member on true labels, out of fold.

    Returns:
        member, macro_f1, accuracy, n_images, log_loss, and the same by attribute and by fold.
    """
    scores = score_probabilities(oof_predictions, targets, classes, attributes)
    attribute = member["attribute"]
    told, of_what = (scores, "") if attribute is None else (scores["attributes"][attribute], f" of '{attribute}'")
    logger.info(
        "%s: macro F1%s %.4f on %d images out of fold", member["name"], of_what, told["macro_f1"], told["n_images"]
    )
    return {"member": member["name"], **scores}


def score_each_class(oof_predictions: pd.DataFrame, targets: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Give each class its precision, recall and F1, and the number of images that they rest on."""
    labels = align_labels(oof_predictions, targets)
    return tabulate_classes(count_predictions(oof_predictions, labels, len(classes)), classes)


def show_confusion(
    member: dict[str, Any],
    oof_predictions: pd.DataFrame,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Draw the confusion of the composite classes and of each attribute, as a plot and as a picture.

    Returns:
        confusion_plot and attribute_confusion_plot (plotly), confusion_picture and attribute_confusion_picture
        (matplotlib).
    """
    from podium.plots import draw_confusion, draw_confusions, plot_confusion, plot_confusions

    labels = align_labels(oof_predictions, targets)
    confusion = count_predictions(oof_predictions, labels, len(classes))
    names = classes["class_name"].tolist()
    title = f"{member['name']}, out of fold"
    parts = {
        name: (part, list(attributes[name]["values"]))
        for name, part in count_attribute_confusions(confusion, classes, attributes).items()
    }
    return {
        "confusion_plot": plot_confusion(confusion, names, title),
        "confusion_picture": draw_confusion(confusion, names, title),
        "attribute_confusion_plot": plot_confusions(parts, title),
        "attribute_confusion_picture": draw_confusions(parts, title),
    }


def show_learning_curves(member: dict[str, Any], history: Partitions, recipe: Recipe) -> Any:
    """Draw losses and the recipe's criterion of every fold over the epochs."""
    from podium.plots import plot_curves

    rows = pd.concat([history[f"{member['name']}/fold_{fold}"]() for fold in member["folds"]])
    return plot_curves(rows, member["name"], MONITORS[recipe.criterion][0])


def list_worst_images(oof_predictions: pd.DataFrame, targets: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """List the training images by how little the model believed their true class.

    Returns:
        image_id, fold, true_class, predicted_class, true_probability, predicted_probability; worst first.
    """
    names = classes["class_name"].to_numpy()  # labels run from 0 in order
    labels, chances = align_labels(oof_predictions, targets), to_matrix(oof_predictions)
    predicted, rows = chances.argmax(axis=1), np.arange(len(labels))
    table = pd.DataFrame(
        {
            "image_id": oof_predictions["image_id"],
            "fold": oof_predictions["fold"],
            "true_class": names[labels],
            "predicted_class": names[predicted],
            "true_probability": chances[rows, labels],
            "predicted_probability": chances[rows, predicted],
        }
    )
    return table.sort_values(["true_probability", "image_id"]).reset_index(drop=True)
