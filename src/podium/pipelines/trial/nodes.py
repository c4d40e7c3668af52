"""What a trial is compared by."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from podium.pipelines.evaluation.scoring import score_probabilities

Partitions = dict[str, Callable[[], pd.DataFrame]]


def score_trial(
    trial_member: dict[str, Any],
    oof: Partitions,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Score the folds of this trial on true labels, out of fold.

    Args:
        trial_member: name, attribute and folds.
        oof: Probabilities of all members, by ``<member>/fold_<k>``.
        targets: image_id and label (true).
        classes: One row a class.
        attributes: Values of each attribute, in order.

    Returns:
        macro_f1, accuracy and n_images, of the attribute where the recipe learns one; log_loss, of the whole class;
        and member.
    """
    partitions = [f"{trial_member['name']}/fold_{fold}" for fold in trial_member["folds"]]
    predictions = pd.concat([oof[name]() for name in partitions]).sort_values("image_id", ignore_index=True)
    scores = score_probabilities(predictions, targets, classes, attributes)
    attribute = trial_member["attribute"]
    told = scores if attribute is None else scores["attributes"][attribute]
    return {
        **{name: told[name] for name in ("macro_f1", "accuracy", "n_images")},
        "log_loss": scores["log_loss"],
        "member": trial_member["name"],
    }
