"""Which trials a sweep consists of, and what has to be the same for their scores to be compared."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from podium.digests import digest_values
from podium.errors import raise_if_any, suggest
from podium.pipelines.selection.nodes import merge_recipe
from podium.pipelines.training.member import digest_recipe
from podium.sweeps.config import BASE, SWEEP, ChangesSweep, Choices, RecipesSweep, SearchSweep, find_sweep
from podium.vision.recipe import Recipe

MAX_COMBINATIONS = 256
"""So many combinations of a search's ends and choices are built beforehand; of more, one leaf at a time."""


@dataclass(frozen=True)
class Entry:
    """One trial, whoever trains it and however often that is tried.

    Attributes:
        key: Its name within the sweep.
        change: What it shares with the trials of other seeds; of a search, the key.
        recipe: Name of the recipe that is trained.
        values: What that recipe states, ``based_on`` included; None for a recipe of the configuration.
        seed: Of the recipe; None where the recipe says it itself.
    """

    key: str
    change: str
    recipe: str
    values: dict[str, Any] | None
    seed: int | None = None


@dataclass(frozen=True)
class SweepPlan:
    """A sweep, tied to the images and the split that its trials are scored on.

    Attributes:
        name: Its key under ``sweeps``.
        study: ``<competition>/<name>/<digest>``: what is in the queue under this name belongs together.
        config: As the user wrote it.
        recipes: All recipes of the configuration.
        folds: That each trial trains.
        digests: split_digest and content_digest of what it is tied to.
    """

    name: str
    study: str
    config: ChangesSweep | RecipesSweep | SearchSweep
    recipes: dict[str, dict[str, Any]]
    folds: list[int]
    digests: dict[str, str]

    def list_keys(self) -> list[str]:
        """Name all trials, in the order in which they are begun."""
        if isinstance(self.config, SearchSweep):
            return [f"{number:03d}" for number in range(1, self.config.n_trials + 1)]
        return list(self._listed)

    def make_entry(self, key: str, values: Mapping[str, Any]) -> Entry:
        """Describe a trial.

        Args:
            key: One of :meth:`list_keys`.
            values: Of a search: what was drawn, by dotted leaf.
        """
        if isinstance(self.config, SearchSweep):
            return make_search_entry(self.name, self.config, key, values)
        return self._listed[key]

    @property
    def _listed(self) -> dict[str, Entry]:
        assert not isinstance(self.config, SearchSweep)
        return {entry.key: entry for entry in list_entries(self.name, self.config)}


def make_plan(
    name: str,
    parameters: Mapping[str, Any],
    digests: Mapping[str, str],
    held_out_folds: list[int],
) -> SweepPlan:
    """Look a sweep up and tie it to what its trials are scored on.

    Args:
        name: Of the sweep.
        parameters: competition, competitions, sweeps, recipes and policies, as loaded.
        digests: split_digest and content_digest of the present images.
        held_out_folds: Of ``splitting``.

    Raises:
        InputError: There is no such sweep, or it asks for a fold that is not held out.
    """
    config = find_sweep(name, parameters["sweeps"])
    folds = held_out_folds if config.folds is None else config.folds
    raise_if_any(
        "The sweep does not fit the split:",
        [f"sweeps.{name}.folds: fold {fold} is not held out; there are {held_out_folds}" for fold in folds
         if fold not in held_out_folds],
    )  # fmt: skip
    competition = parameters["competition"]
    digest = digest_values({**_identify(name, config, parameters), **digests, "folds": folds})
    return SweepPlan(name, f"{competition}/{name}/{digest}", config, dict(parameters["recipes"]), folds, dict(digests))


def _identify(name: str, config: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes scores comparable: all but names, budgets and the length of a search."""
    recipes = parameters["recipes"]
    identity: dict[str, Any] = {"kind": config.kind, "criterion": config.criterion}
    if isinstance(config, SearchSweep):
        resolved = {BASE: _resolve(config.base, recipes)}
        identity |= config.model_dump(mode="json", include={"space", "sampler", "seed", "pruner"})
    else:
        resolved = {entry.key: resolve_entry(entry, recipes) for entry in list_entries(name, config)}
    identity["recipes"] = {key: digest_recipe(recipe) for key, recipe in resolved.items()}
    policies = sorted({recipe.policy for recipe in resolved.values()} | _list_drawn_policies(config))
    identity["policies"] = {policy: parameters["policies"].get(policy) for policy in policies}
    competition = parameters["competitions"][parameters["competition"]]
    return {**identity, "label_shift": competition.get("label_shift")}


def _list_drawn_policies(config: Any) -> set[str]:
    """Name the policies that a search chooses from, besides that of its base."""
    part = config.space.get("policy") if isinstance(config, SearchSweep) else None
    return set(part.values) if isinstance(part, Choices) else set()


def list_entries(name: str, config: ChangesSweep | RecipesSweep) -> list[Entry]:
    """List the trials of a sweep that draws nothing: seed by seed, so that an early end leaves whole rounds."""
    if isinstance(config, RecipesSweep):
        return [Entry(recipe, recipe, recipe, None) for recipe in config.recipes]
    return [
        Entry(
            key=f"{change}-seed{seed}",
            change=change,
            recipe=f"{name}-{change}-seed{seed}",
            values={"based_on": config.base, **values, "seed": seed},
            seed=seed,
        )
        for seed in config.seeds
        for change, values in {BASE: {}, **config.changes}.items()
    ]


def make_search_entry(name: str, config: SearchSweep, key: str, values: Mapping[str, Any]) -> Entry:
    """Describe a trial of a search, whose values were drawn."""
    stated: dict[str, Any] = {"based_on": config.base}
    for leaf, value in values.items():
        *groups, last = leaf.split(".")
        place = stated
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return Entry(key, key, f"{name}-{key}", stated)


def resolve_entry(entry: Entry, recipes: Mapping[str, dict[str, Any]]) -> Recipe:
    """Build the recipe that a trial trains."""
    if entry.values is None:
        return _resolve(entry.recipe, recipes)
    return _resolve(entry.recipe, {**recipes, entry.recipe: entry.values})


def _resolve(name: str, recipes: Mapping[str, dict[str, Any]]) -> Recipe:
    return Recipe.model_validate(merge_recipe(name, dict(recipes)))


def list_sweep_errors(
    parameters: Mapping[str, Any], list_recipe_errors: Callable[[str, dict[str, Any]], list[str]]
) -> list[str]:
    """Name what is wrong with any sweep, by building every recipe that it can produce.

    Args:
        parameters: As loaded. What the schema refuses is told of elsewhere: such a sweep is left out here, and with a
            recipe that is none at all nothing can be built.
        list_recipe_errors: Says what is wrong with a recipe of that name among these.
    """
    sweeps, recipes = (parameters.get(key) for key in ("sweeps", "recipes"))
    if not isinstance(sweeps, dict) or not isinstance(recipes, dict) or not all(map(_is_recipe, recipes.values())):
        return []
    cases: list[str] = []
    for name, written in sweeps.items():
        try:
            config = SWEEP.validate_python(written)
        except ValidationError:
            continue
        missing = _list_missing(name, config, recipes)
        cases += missing or _list_built_errors(name, config, recipes, list_recipe_errors)
    return cases


def _is_recipe(written: Any) -> bool:
    return isinstance(written, dict) and isinstance(written.get("based_on"), str | None)


def _list_missing(name: str, config: Any, recipes: Mapping[str, Any]) -> list[str]:
    named = {"recipes": config.recipes} if isinstance(config, RecipesSweep) else {"base": [config.base]}
    return [
        f"sweeps.{name}.{key}: there is no recipe '{recipe}'; {suggest(recipe, recipes)}"
        for key, chosen in named.items()
        for recipe in chosen
        if recipe not in recipes
    ]


def _list_built_errors(
    name: str, config: Any, recipes: Mapping[str, Any], list_recipe_errors: Callable[[str, dict[str, Any]], list[str]]
) -> list[str]:
    cases: list[str] = []
    for place, entry in _list_built(name, config):
        stated = entry.values
        if stated is None:
            continue  # a recipe of the configuration, which is checked with all others
        if recipes.get(entry.recipe, stated) != stated:
            cases.append(f"{place}: there is a recipe '{entry.recipe}' that says something else; rename one of the two")
            continue
        prefix = f"recipes.{entry.recipe}"
        found = list_recipe_errors(entry.recipe, {**recipes, entry.recipe: stated})
        cases += [case.replace(f"{prefix}.", f"{place}.", 1).replace(f"{prefix}:", f"{place}:", 1) for case in found]
    return list(dict.fromkeys(cases))


def _list_built(name: str, config: Any) -> Iterator[tuple[str, Entry]]:
    """Yield each recipe to build, with the place of what it says; seeds differ in nothing that could be wrong."""
    if isinstance(config, SearchSweep):
        place = f"sweeps.{name}.space"
        for values in list_combinations(config):
            yield place, make_search_entry(name, config, "000", values)
    elif isinstance(config, ChangesSweep):
        for entry in list_entries(name, config):
            if entry.seed == config.seeds[0]:
                place = "base" if entry.change == BASE else f"changes.{entry.change}"
                yield f"sweeps.{name}.{place}", entry


def list_combinations(config: SearchSweep) -> list[dict[str, Any]]:
    """List values to try beforehand: all combinations of ends and choices; of too many, each leaf by itself."""
    ends = {
        leaf: part.values if isinstance(part, Choices) else [part.low, part.high] for leaf, part in config.space.items()
    }
    n_combinations = 1
    for values in ends.values():
        n_combinations *= len(values)
    if n_combinations <= MAX_COMBINATIONS:
        return [dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values())]
    return [{leaf: value} for leaf, values in ends.items() for value in values]


def encode_choice(value: Any) -> str:
    """Write a value of a leaf as text, which a database of studies can hold whatever the value is."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def decode_choice(text: str) -> Any:
    """Read what :func:`encode_choice` wrote."""
    return json.loads(text)
