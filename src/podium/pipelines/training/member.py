"""The identity of a member: what would have to be the same for its weights to be the same."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from podium.digests import digest_table, digest_values
from podium.vision.recipe import Recipe


def identify_member(  # noqa: PLR0913
    recipe: Recipe,
    policy: list[dict[str, Any]],
    input_spec: dict[str, Any],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    n_classes: int,
) -> dict[str, Any]:
    """Name a member after its recipe and a digest of all that shapes it.

    The digest covers the resolved recipe and policy, the content of starting weights, the input, the split, the labels,
    the number of classes, and the content of every image, so a change of any of them makes a new member and never mixes
    with an old one.

    Returns:
        name (``<recipe>-<digest>``), recipe (its name), recipe_digest, split_digest, content_digest.
    """
    identity = {
        "starting_weights": _digest_file(recipe.model.pretrained),
        "n_classes": n_classes,
        "recipe": digest_recipe(recipe),
        "policy": policy,
        "input_spec": input_spec,
        "split": digest_table(folds[["image_id", "fold"]]),
        "content": digest_content(images),
        "targets": digest_table(targets[["image_id", "label", "training_label"]]),
        "variants": digest_table(variants[["image_id", "n_variants"]]),
    }
    return {
        "name": f"{recipe.name}-{digest_values(identity)}",
        "recipe": recipe.name,
        "recipe_digest": digest_recipe(recipe),
        "split_digest": identity["split"],
        "content_digest": identity["content"],
    }


def _digest_file(pretrained: bool | Path) -> str | None:
    return hashlib.sha256(pretrained.read_bytes()).hexdigest() if isinstance(pretrained, Path) else None


def digest_recipe(recipe: Recipe) -> str:
    """Digest what a recipe says, whatever it is called and based on."""
    return digest_values(recipe.model_dump(mode="json", exclude={"name", "based_on"}))


def digest_content(images: pd.DataFrame) -> str:
    """Digest what the images show, which part they belong to, and their labels."""
    return digest_table(images[["image_id", "subset", "label", "sha256"]].sort_values("image_id"))
