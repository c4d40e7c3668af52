"""What a user writes under ``sweeps:``, checked: one model a kind."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    model_validator,
)

from podium.ensembling.criteria import Criterion
from podium.errors import InputError, suggest

BASE = "base"
"""The change that changes nothing."""

FIXED_LEAVES = ("name", "based_on", "seed")
"""Leaves of a recipe that a sweep states itself."""

Folds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Budget(_Part):
    """When a worker begins no further trial; what is begun is always finished.

    Attributes:
        trials: So many trials of the sweep are begun, by all workers together.
        hours: So long a worker works, from its own start.
        deadline: An instant with its time zone, as in ``2026-11-23T07:00:00+09:00``.
    """

    trials: int | None = Field(None, ge=1)
    hours: float | None = Field(None, gt=0.0)
    deadline: AwareDatetime | None = None


Range = TypeVar("Range", "FloatRange", "IntRange")


class FloatRange(_Part):
    """A number between two others, drawn evenly or, with ``log``, evenly over its logarithm."""

    kind: Literal["float"]
    low: FiniteFloat
    high: FiniteFloat
    log: bool = False

    @model_validator(mode="after")
    def _require_range(self) -> "FloatRange":
        return _check_range(self)


class IntRange(_Part):
    """A whole number between two others, both included."""

    kind: Literal["int"]
    low: int
    high: int
    log: bool = False

    @model_validator(mode="after")
    def _require_range(self) -> "IntRange":
        return _check_range(self)


class Choices(_Part):
    """One of some values, each whatever the leaf may hold: a number, a word, a list, a mapping."""

    kind: Literal["choices"]
    values: list[Any] = Field(min_length=2)


class Pruner(_Part):
    """When a trial of a search is ended early.

    Attributes:
        name: ``median``: when its best epoch so far is worse than the median of what others had reached by then;
            ``none``: never.
        warmup_epochs: Epochs in which no trial is ended.
        startup_trials: So many trials are finished before any is ended.
    """

    name: Literal["median", "none"] = "median"
    warmup_epochs: int = Field(5, ge=0)
    startup_trials: int = Field(5, ge=1)


class _Sweep(_Part):
    """What all kinds share.

    Attributes:
        criterion: The score out of fold that trials are compared by; more is better, a log loss is negated.
        folds: Which folds are trained; null trains all that ``splitting`` holds out.
        budget: When no further trial is begun.
    """

    criterion: Criterion = "macro_f1"
    folds: Folds | None = None
    budget: Budget = Budget()


class ChangesSweep(_Sweep):
    """Single changes of a recipe, each with every seed.

    Attributes:
        base: The recipe; trained as it is, too.
        changes: By name, the leaves that differ, as a recipe states them.
        seeds: Of weights, draws and augmentation; the split stays.
    """

    kind: Literal["changes"]
    base: str
    changes: dict[str, dict[str, Any]] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field([1, 2, 3], min_length=1)
    folds: Folds | None = [0]

    @model_validator(mode="after")
    def _require_distinct(self) -> "ChangesSweep":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: each seed once (got {self.seeds})")
        if BASE in self.changes:
            raise ValueError(f"changes.{BASE}: the base is trained anyway; call the change something else")
        _refuse_leaves([(f"changes.{name}", leaf) for name, change in self.changes.items() for leaf in change])
        return self


class RecipesSweep(_Sweep):
    """Recipes, one after another: an overnight queue of members."""

    kind: Literal["recipes"]
    recipes: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _require_distinct(self) -> "RecipesSweep":
        if len(set(self.recipes)) < len(self.recipes):
            raise ValueError(f"recipes: each recipe once (got {', '.join(self.recipes)})")
        return self


class SearchSweep(_Sweep):
    """A search for the best values of some leaves of a recipe.

    Attributes:
        base: The recipe that all else comes from.
        space: By leaf, dotted as in ``optimizer.lr``, what it may be.
        n_trials: Length of the queue; a larger number later goes on with the same search.
        sampler: ``tpe`` (Bergstra et al., 2011) learns from finished trials, ``random`` does not.
        seed: Of the sampler.
        pruner: When a trial is ended early.
    """

    kind: Literal["search"]
    base: str
    space: dict[str, Annotated[FloatRange | IntRange | Choices, Field(discriminator="kind")]] = Field(min_length=1)
    n_trials: int = Field(ge=1)
    sampler: Literal["tpe", "random"] = "tpe"
    seed: int = Field(1, ge=0)
    pruner: Pruner = Pruner()
    folds: Folds | None = [0]

    @model_validator(mode="after")
    def _require_leaves(self) -> "SearchSweep":
        _refuse_leaves([("space", leaf) for leaf in self.space if leaf != "seed"])
        return self


KINDS = ("changes", "recipes", "search")


def _check_kind(value: Any) -> Any:
    """Name the nearest kind before pydantic lists them all."""
    if isinstance(value, dict) and value.get("kind") not in KINDS:
        raise ValueError(f"kind {value.get('kind')!r} is unknown; {suggest(str(value.get('kind', '')), KINDS)}")
    return value


SweepConfig = Annotated[
    Annotated[ChangesSweep | RecipesSweep | SearchSweep, Field(discriminator="kind")], BeforeValidator(_check_kind)
]
"""Any sweep; ``kind`` says which."""

SWEEP: TypeAdapter[Any] = TypeAdapter(SweepConfig)


def find_sweep(name: str, sweeps: Mapping[str, Any]) -> ChangesSweep | RecipesSweep | SearchSweep:
    """Look a sweep up.

    Args:
        name: Its key; empty when none was chosen.
        sweeps: As loaded.

    Raises:
        InputError: There is none of that name.
    """
    if name not in sweeps:
        told = f"there is no sweep '{name}'; {suggest(name, sweeps)}" if name else f"choose one of {', '.join(sweeps)}"
        raise InputError("Which sweep?", [f"sweep: {told}; kedro run --pipeline sweep --params sweep=NAME"])
    found: ChangesSweep | RecipesSweep | SearchSweep = SWEEP.validate_python(sweeps[name])
    return found


def _refuse_leaves(leaves: list[tuple[str, str]]) -> None:
    taken = [f"{place}.{leaf}" for place, leaf in leaves if leaf in FIXED_LEAVES]
    if taken:
        raise ValueError(f"{', '.join(taken)}: the sweep says that itself; leave it out")


def _check_range(found: Range) -> Range:
    if found.low >= found.high:
        raise ValueError(f"low has to be smaller than high (got {found.low} and {found.high})")
    if found.log and found.low <= 0:
        raise ValueError(f"low has to be above 0 with log (got {found.low})")
    return found
