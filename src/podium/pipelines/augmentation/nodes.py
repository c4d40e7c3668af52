"""Resolve the recipe's policy, plan how often each image is drawn, and show what comes out."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe
from podium.vision.samplers import count_variants
from podium.vision.seeds import derive_seed

logger = logging.getLogger(__name__)

N_SHEET_IMAGES = 8
N_SHEET_VARIANTS = 6


def resolve_policy(
    recipe: Recipe,
    policies: dict[str, list[dict[str, Any]]],
    input_spec: dict[str, Any],
    image_store: dict[str, Any],
) -> list[dict[str, Any]]:
    """Write out the recipe's policy with every argument, so that a library's changed default cannot hide.

    Args:
        recipe: Names the policy.
        policies: Steps by name.
        input_spec: height_px and width_px, at which the policy is tried.
        image_store: Only waited for: a run that is refused for its images leaves the policy of the last one as it is.

    Raises:
        InputError: A transform or argument is unknown or refused; every case is listed.
    """
    from podium.vision import augmentation

    size_px = (input_spec["height_px"], input_spec["width_px"])
    return augmentation.resolve_policy(recipe.policy, policies[recipe.policy], size_px)


def plan_variants(targets: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Say how often an epoch draws each training image, each time augmented anew.

    Args:
        targets: image_id and training_label.
        recipe: Its ``variants``.

    Returns:
        image_id and n_variants (int64, at least 1). Of these, a fold trains on the images that it does not hold out.
    """
    n_variants = count_variants(recipe.variants, targets["training_label"].to_numpy(np.int64))
    logger.info("%d images give %d variants an epoch", len(targets), int(n_variants.sum()))
    return pd.DataFrame({"image_id": targets["image_id"], "n_variants": n_variants})


def draw_contact_sheet(
    images: pd.DataFrame,
    classes: pd.DataFrame,
    image_store: dict[str, Any],
    input_spec: dict[str, Any],
    policy: list[dict[str, Any]],
    recipe: Recipe,
) -> Any:
    """Show a few training images, each with variants of it, as the model will see them.

    Args:
        images: image_id, subset, label and sha256.
        classes: label and class_name.
        image_store: folder of the store.
        input_spec: What the backbone wants to be shown.
        policy: Resolved steps.
        recipe: Its seed.

    Returns:
        A matplotlib figure, one row an image: the image itself, then its variants.
    """
    from podium.plots import draw_grid
    from podium.vision import augmentation
    from podium.vision.fitting_store import open_store

    train = images[images["subset"] == "train"].sort_values("image_id")
    rng = np.random.default_rng(derive_seed(recipe.seed, 3))
    chosen = train.iloc[np.sort(rng.choice(len(train), size=min(N_SHEET_IMAGES, len(train)), replace=False))]
    store = open_store(Path(image_store["folder"]), InputSpec.from_dict(input_spec))
    pixels = store.read_rows(store.rows_of(chosen["sha256"]))
    compose = augmentation.build_policy(policy)
    variants = [
        augmentation.augment_batch(compose, pixels, derive_seed(recipe.seed, 4, n)) for n in range(N_SHEET_VARIANTS)
    ]
    names = classes.set_index("label")["class_name"]
    return draw_grid(
        np.stack([pixels, *variants], axis=1),
        row_titles=[names[label] for label in chosen["label"]],
        column_titles=["as stored", *[f"variant {n + 1}" for n in range(N_SHEET_VARIANTS)]],
        title=f"policy '{recipe.policy}' of recipe '{recipe.name}'",
    )
