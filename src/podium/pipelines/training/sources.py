"""The finished members that a recipe learns from, or is put together of."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from podium.datasets.finished_folds import FinishedFold
from podium.errors import raise_if_any
from podium.pipelines.selection.nodes import select_recipe
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_present, digest_recipe
from podium.vision.recipe import Recipe


def find_sources(
    recipe: Recipe,
    recipes: dict[str, Any],
    finished_folds: Mapping[str, FinishedFold],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    splitting: SplittingConfig,
) -> list[str]:
    """Name the member of each recipe that ``recipe`` joins, averages or is taught by, in that order.

    Args:
        recipe: The chosen one.
        recipes: All recipes, to know how a source reads now.
        finished_folds: By ``<member>/fold_<k>``.
        images: image_id, subset, label, sha256.
        folds: The present split.
        splitting: Which folds a source must have.

    Returns:
        Members; none for a recipe that needs none.

    Raises:
        InputError: A source was not trained as it reads now, on these images and this split, or was so several times.
    """
    wanted = digest_present(images, folds)
    found, cases = [], []
    for name in recipe.sources:
        identity = {"recipe": name, "recipe_digest": digest_recipe(select_recipe(name, recipes)), **wanted}
        members = sorted(
            {
                partition.rsplit("/", 1)[0]
                for partition, fold in finished_folds.items()
                if all(fold.history.attrs.get(key) == value for key, value in identity.items())
            }
        )
        whole = [m for m in members if all(f"{m}/fold_{fold}" in finished_folds for fold in splitting.held_out_folds)]
        if len(whole) == 1:
            found += whole
        elif whole:
            cases.append(f"{name}: {', '.join(whole)} all fit; remove those that are no longer wanted")
        else:
            cases.append(
                f"{name}: not trained on this split and these images; kedro run --pipeline train --params recipe={name}"
            )
    raise_if_any(f"Recipe '{recipe.name}' needs members that are not there:", cases)
    return found
