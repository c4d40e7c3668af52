"""The identity of a member: what would have to be the same for its weights to be the same."""

from typing import Any

import pandas as pd

from podium.digests import digest_table, digest_values
from podium.vision.recipe import Recipe

NEWER_LEAVES = ("soup", "pseudo_labels")
"""Leaves that came after members had been trained, whose names must not change by a leaf that says nothing."""


def identify_member(  # noqa: PLR0913
    recipe: Recipe,
    policy: list[dict[str, Any]],
    input_spec: dict[str, Any],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    n_classes: int,
    made_of: dict[str, Any],
) -> dict[str, Any]:
    """Name a member after its recipe and a digest of all that shapes it.

    The digest covers the resolved recipe and policy, the content of starting weights, the members that it learns from
    or is put together of, the pseudo labels that it takes, the input, the split, the labels, the number of classes, and
    the content of every image, so a change of any of them makes a new member and never mixes with an old one.

    Args:
        made_of: starting_weights (SHA-256 of the file, or None), sources (names of members) and class_values (digest of
            the attributes that classes are made of); of a recipe that takes them, pseudo_labels (digest of the table).

    Returns:
        name (``<recipe>-<digest>``), recipe (its name), recipe_digest, attribute (None for a model of the whole class),
        sources, split_digest, content_digest.
    """
    identity = {
        **made_of,
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
        "attribute": recipe.attribute,
        "sources": made_of["sources"],
        "split_digest": identity["split"],
        "content_digest": identity["content"],
    }


def digest_recipe(recipe: Recipe) -> str:
    """Digest what a recipe says, whatever it is called and based on.

    A leaf of :data:`NEWER_LEAVES` that has its default is left out.
    """
    silent = {leaf for leaf in NEWER_LEAVES if getattr(recipe, leaf) == Recipe.model_fields[leaf].default}
    return digest_values(recipe.model_dump(mode="json", exclude={"name", "based_on", *silent}))


def digest_present(images: pd.DataFrame, folds: pd.DataFrame) -> dict[str, str]:
    """Return split_digest and content_digest of the present competition: what members carry in their tables."""
    return {"split_digest": digest_table(folds[["image_id", "fold"]]), "content_digest": digest_content(images)}


def digest_content(images: pd.DataFrame) -> str:
    """Digest what the images show, which part they belong to, and their labels."""
    return digest_table(images[["image_id", "subset", "label", "sha256"]].sort_values("image_id"))
