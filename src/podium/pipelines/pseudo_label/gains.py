"""What training on pseudo labels brought: two members, scored out of fold on the same images."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.pipelines.evaluation.scoring import align_labels
from podium.pipelines.selection.nodes import select_recipe
from podium.pipelines.training.member import digest_recipe
from podium.probabilities import to_matrix
from podium.vision import metrics

logger = logging.getLogger(__name__)

N_DRAWS = 500
"""Draws of a bootstrap; the standard deviation is good to some three per cent."""


def pair_members(recipes: dict[str, Any], members: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Pair each member that was trained on pseudo labels with those of the same recipe without.

    Args:
        recipes: All recipes, by name.
        members: By member, the attributes of its tables, with ``recipe_digest``.

    Yields:
        The member, and one without pseudo labels whose recipe says the same otherwise, whatever it is called.
    """
    for name in sorted(recipes):
        recipe = select_recipe(name, recipes)
        if not recipe.pseudo_labels:
            continue
        plain = digest_recipe(recipe.model_copy(update={"pseudo_labels": False}))
        trained = [
            m for m, a in members.items() if a.get("recipe") == name and a["recipe_digest"] == digest_recipe(recipe)
        ]
        without = [m for m, a in members.items() if a["recipe_digest"] == plain]
        if trained and not without:
            logger.info("%s: train the same recipe without pseudo_labels to see what they bring", ", ".join(trained))
        yield from ((member, other) for member in trained for other in without)


def compare_members(
    predictions: pd.DataFrame, without: pd.DataFrame, targets: pd.DataFrame, groups: pd.Series, n_classes: int
) -> pd.DataFrame:
    """Score two members on the same images, together and by fold.

    Args:
        predictions, without: Out of fold, of the same images: image_id, fold and one column a class.
        targets: image_id and label (true).
        groups: By image_id, the group that stays together.
        n_classes: Number of classes.

    Returns:
        fold (``all``, then each), n_images, macro_f1, macro_f1_without, gain (the difference) and gain_sd: its standard
        deviation when groups of images are drawn anew (bootstrap), the same for both members.
    """
    ours, theirs = (table.sort_values("image_id", ignore_index=True) for table in (predictions, without))
    labels = align_labels(ours, targets)
    predicted = np.stack([to_matrix(table).argmax(axis=1) for table in (ours, theirs)])
    group_of = pd.factorize(groups.loc[ours["image_id"]])[0]
    parts: dict[str, npt.NDArray[np.bool_]] = {"all": np.ones(len(labels), dtype=bool)}
    parts |= {str(fold): (ours["fold"] == fold).to_numpy() for fold in sorted(set(ours["fold"]))}
    rows = []
    for fold, part in parts.items():
        f1, f1_without = (
            metrics.macro_f1(metrics.count_confusion(labels[part], p[part], n_classes)) for p in predicted
        )
        spread = estimate_gain_sd(labels[part], predicted[:, part], group_of[part], n_classes)
        rows.append((fold, int(part.sum()), f1, f1_without, f1 - f1_without, spread))
    return pd.DataFrame(rows, columns=["fold", "n_images", "macro_f1", "macro_f1_without", "gain", "gain_sd"])


def estimate_gain_sd(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], n_classes: int
) -> float:
    """Estimate how much a difference of macro F1 owes to the images that happen to be there.

    Args:
        labels: True classes, int64 (n,).
        predicted: Classes that two members predicted, int64 (2, n).
        groups: Images of one number are drawn together, int64 (n,).
        n_classes: Number of classes.

    Returns:
        The standard deviation of the first's macro F1 less the second's over draws of groups with replacement.
    """
    rng = np.random.default_rng(0)
    members, group_of = np.unique(groups, return_inverse=True)
    pairs = labels * n_classes + predicted
    gains = []
    for _ in range(N_DRAWS):
        weights = np.bincount(rng.integers(0, len(members), len(members)), minlength=len(members))[group_of]
        drawn = [np.bincount(pair, weights, minlength=n_classes**2).reshape(n_classes, n_classes) for pair in pairs]
        first, second = (metrics.macro_f1(confusion.astype(np.int64)) for confusion in drawn)
        gains.append(first - second)
    return float(np.std(gains))
