"""What was set differently: the recipes that members were trained by, leaf by leaf, against the defaults."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from podium.errors import InputError
from podium.pipelines.selection.nodes import WHOLE_MAPPINGS, merge_recipe
from podium.vision.recipe import Recipe

NAMES = ("name", "based_on")
"""Leaves that say what a recipe is called, not what it does."""


@dataclass(frozen=True)
class Change:
    """A leaf that differs from what it is held against.

    Attributes:
        leaf: Its dotted name.
        value, instead_of: As text.
    """

    leaf: str
    value: str
    instead_of: str


@dataclass(frozen=True)
class Configuration:
    """The recipe of one member.

    Attributes:
        member: Its name.
        leaves: Every leaf but the names, as text.
        from_defaults: What differs from the defaults of :class:`~podium.vision.recipe.Recipe`.
        base: The recipe that it is based on; None where there is none, or it is gone.
        from_base: What differs from that one, as it reads now.
    """

    member: str
    leaves: dict[str, str]
    from_defaults: list[Change]
    base: str | None
    from_base: list[Change]


def describe_configuration(member: str, recipe: Mapping[str, Any], recipes: dict[str, dict[str, Any]]) -> Configuration:
    """Hold a member's recipe against the defaults and against the recipe that it is based on.

    Args:
        member: Its name.
        recipe: As the header of its weights has it, resolved.
        recipes: All recipes as they are configured now.
    """
    leaves = flatten_recipe(_complete(recipe))
    base = recipe.get("based_on")
    now = _resolve(base, recipes) if isinstance(base, str) else None
    return Configuration(
        member=member,
        leaves=leaves,
        from_defaults=_list_changes(leaves, list_defaults()),
        base=base if now is not None else None,
        from_base=[] if now is None else _list_changes(leaves, now),
    )


def list_defaults() -> dict[str, str]:
    """Return every leaf of a recipe that states nothing, in the order in which recipes are documented."""
    return flatten_recipe(Recipe(name="").model_dump(mode="json"))


def flatten_recipe(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Name every leaf of a resolved recipe but its names, as text: ``optimizer.lr`` is ``0.001``."""
    return {leaf: _write(value) for leaf, value in _walk(recipe) if leaf not in NAMES}


def list_differing(configurations: Sequence[Configuration]) -> list[str]:
    """List the leaves in which members differ from each other or from the defaults, in the recipes' order."""
    defaults = list_defaults()
    known = dict.fromkeys([*defaults, *(leaf for one in configurations for leaf in one.leaves)])
    return [leaf for leaf in known if len(_list_values(leaf, configurations) | {defaults.get(leaf, "")}) > 1]


def list_told_apart(configurations: Sequence[Configuration]) -> set[str]:
    """List the leaves in which members differ from each other."""
    return {leaf for leaf in list_differing(configurations) if len(_list_values(leaf, configurations)) > 1}


def find_twins(configurations: Sequence[Configuration]) -> list[list[str]]:
    """List the members that have one recipe, each such set in order: something outside of it tells them apart."""
    sets: dict[str, list[str]] = {}
    for one in configurations:
        sets.setdefault(json.dumps(one.leaves, sort_keys=True), []).append(one.member)
    return [names for names in sets.values() if len(names) > 1]


def find_common(configurations: Sequence[Configuration]) -> list[Change]:
    """List what all members change from the defaults in the same way; nothing where there is but one member."""
    if len(configurations) < 2:
        return []
    first, *others = configurations
    return [change for change in first.from_defaults if all(change in one.from_defaults for one in others)]


def _list_values(leaf: str, configurations: Iterable[Configuration]) -> set[str]:
    return {one.leaves.get(leaf, "") for one in configurations}


def _complete(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in leaves that are newer than the member; a recipe that would be refused today is shown as it was."""
    try:
        return Recipe.model_validate(recipe).model_dump(mode="json")
    except ValidationError:
        return recipe


def _resolve(name: str, recipes: dict[str, dict[str, Any]]) -> dict[str, str] | None:
    try:
        return flatten_recipe(Recipe.model_validate(merge_recipe(name, recipes)).model_dump(mode="json"))
    except (InputError, ValidationError):  # it was renamed, removed or changed since
        return None


def _list_changes(leaves: Mapping[str, str], others: Mapping[str, str]) -> list[Change]:
    ordered = dict.fromkeys([*others, *leaves])
    pairs = [(leaf, leaves.get(leaf, ""), others.get(leaf, "")) for leaf in ordered]
    return [Change(leaf, value, other) for leaf, value, other in pairs if value != other]


def _walk(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and key not in WHOLE_MAPPINGS:
            yield from _walk(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _write(value: Any) -> str:
    """Write a value as it would stand in YAML; numbers as short as they can be."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
