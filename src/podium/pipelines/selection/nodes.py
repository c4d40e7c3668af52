"""Look up the chosen competition and recipe."""

from typing import Any

from pydantic import TypeAdapter

from podium.competitions.config import Competition
from podium.errors import InputError, suggest
from podium.sweeps.config import RecipesSweep, find_sweep
from podium.vision.recipe import Recipe

WHOLE_MAPPINGS = ("label_shift", "terms", "options")
"""Leaves that are mappings themselves, replaced whole: an empty one has to mean none."""


def select_competition(competition: str, competitions: dict[str, Any]) -> Competition:
    """Return the competition of that name."""
    return TypeAdapter(Competition).validate_python(competitions[competition])


def select_recipe(recipe: str, recipes: dict[str, Any]) -> Recipe:
    """Return the recipe of that name, with everything that it is based on."""
    return Recipe.model_validate(merge_recipe(recipe, recipes))


def select_base(sweep: str, sweeps: dict[str, Any], recipes: dict[str, dict[str, Any]]) -> Recipe:
    """Return the recipe that a sweep's images are prepared for: its base, or the first of its recipes.

    Raises:
        InputError: No sweep was chosen, or there is none of that name.
    """
    config = find_sweep(sweep, sweeps)
    return select_recipe(config.recipes[0] if isinstance(config, RecipesSweep) else config.base, recipes)


def merge_recipe(name: str, recipes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Lay a recipe over the one that it is based on, leaf by leaf.

    Args:
        name: The recipe's key.
        recipes: All recipes; each states only its differences.

    Returns:
        The merged values, with ``name``.

    Raises:
        InputError: A name in the chain does not exist, or the chain runs in a circle.
    """
    chain: list[str] = []
    current: str | None = name
    while current is not None:
        if current in chain:
            raise InputError(
                "Recipes are based on each other:", [f"recipes.{name}.based_on: " + " -> ".join([*chain, current])]
            )
        if current not in recipes:
            place = f"recipes.{chain[-1]}.based_on: " if chain else "recipe: "
            raise InputError(
                "A recipe does not exist:", [f"{place}there is no recipe '{current}'; {suggest(current, recipes)}"]
            )
        chain.append(current)
        current = recipes[current].get("based_on")
    merged: dict[str, Any] = {}
    for link in reversed(chain):
        merged = _merge(merged, recipes[link])
    return {**merged, "name": name}


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay ``changes`` over ``base``; mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both and key not in WHOLE_MAPPINGS else value
    return merged
