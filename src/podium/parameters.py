"""All parameters as one typed tree, so that a misspelt key or name is refused in the first second of a run."""

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from podium.competitions.config import FORMATS, Competition
from podium.errors import InputError, suggest
from podium.pipelines.augmentation.config import PolicySteps
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.selection.nodes import merge_recipe
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.config import TrainingConfig
from podium.vision.recipe import Recipe


class Parameters(BaseModel):
    """Every top-level key of ``conf/<env>/parameters*``."""

    model_config = ConfigDict(extra="forbid")

    competition: str
    competitions: dict[str, Competition]
    recipe: str
    recipes: dict[str, dict[str, Any]]
    policies: dict[str, PolicySteps]
    ingestion: IngestionConfig
    splitting: SplittingConfig
    training: TrainingConfig


def check_parameters(parameters: dict[str, Any], competition: str) -> None:
    """Refuse parameters that no run could use, listing every case.

    Args:
        parameters: As loaded, runtime parameters included.
        competition: The competition that the catalog's paths are made of.

    Raises:
        InputError: A key is unknown, a value has the wrong type, a chosen name does not exist.
    """
    cases = _list_schema_errors(Parameters, parameters, "")
    cases += _list_recipe_errors(parameters)
    cases += _list_choice_errors(parameters, competition)
    if cases:
        raise InputError("These parameters are wrong (conf/<environment>/parameters* or --params):", cases)


def _list_choice_errors(parameters: dict[str, Any], competition: str) -> list[str]:
    """Name each chosen thing that does not exist."""
    cases = []
    for one, many in (("competition", "competitions"), ("recipe", "recipes")):
        name, known = parameters.get(one), parameters.get(many) or {}
        if name not in known:
            cases.append(f"{one}: there is no {one} '{name}'; {suggest(str(name), known)}")
    if parameters.get("competition") != competition:
        cases.append(
            f"competition: parameters say '{parameters.get('competition')}', but paths are made of '{competition}'; "
            "set it in globals.yml (conf/local/globals.yml) or with --params, not in parameters.yml"
        )
    for name in parameters.get("competitions") or {}:
        if not str(name).strip() or set(str(name)) & set('/\\:*?"<>|') or str(name).startswith("."):
            cases.append(f'competitions.{name}: a name becomes a folder; leave out / \\ : * ? " < > | and a first dot')
    return cases


def _list_recipe_errors(parameters: dict[str, Any]) -> list[str]:
    """Merge each recipe with what it is based on and check the result; the chosen one and all others."""
    cases: list[str] = []
    recipes = parameters.get("recipes") or {}
    for name in recipes:
        try:
            merged = merge_recipe(name, recipes)
        except InputError as error:
            cases += error.cases
            continue
        cases += _list_schema_errors(Recipe, merged, f"recipes.{name}.")
        policy = merged.get("policy", Recipe.model_fields["policy"].default)
        if policy not in (parameters.get("policies") or {}):
            cases.append(
                f"recipes.{name}.policy: there is no policy '{policy}'; {suggest(policy, parameters['policies'])}"
            )
    return cases


def _list_schema_errors(model: type[BaseModel], values: dict[str, Any], prefix: str) -> list[str]:
    """Turn pydantic's errors into one line each, with the nearest key for a misspelt one."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [f"{prefix}{_describe_error(model, values, dict(detail))}" for detail in error.errors()]
    return []


def _describe_error(model: type[BaseModel], values: dict[str, Any], detail: dict[str, Any]) -> str:
    # Beside keys, pydantic's location names the member of a union and the validator that it was in.
    place = [part for part in detail["loc"] if part not in FORMATS and not str(part).startswith("function-")]
    shown = ".".join(str(part) for part in place)
    if detail["type"] == "extra_forbidden":
        return f"{shown}: there is no such key; {suggest(str(place[-1]), _list_siblings(model, values, place))}"
    if detail["type"] == "missing":
        return f"{shown}: is missing"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{shown}: {message}" if detail["type"] == "value_error" else f"{shown}: {message} (got {detail['input']!r})"


def _list_siblings(annotation: Any, values: Any, place: Sequence[str | int]) -> list[str]:
    """Follow ``place`` through the types, and list the keys that stand beside its last part."""
    for part in place[:-1]:
        annotation = _resolve_type(annotation, values)
        inner = annotation.model_fields[part].annotation if _is_model(annotation) else get_args(annotation)[-1]
        annotation, values = inner, values[part]
    return sorted(getattr(_resolve_type(annotation, values), "model_fields", {}))


def _resolve_type(annotation: Any, values: Any) -> Any:
    """Strip ``Annotated`` and ``| None``, and choose from a union the model with the format that is written."""
    if get_origin(annotation) is Annotated:
        return _resolve_type(get_args(annotation)[0], values)
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    options = [_resolve_type(option, values) for option in get_args(annotation) if option is not type(None)]
    return next((option for option in options if _has_format(option, values)), options[0])


def _has_format(model: Any, values: Any) -> bool:
    field = model.model_fields.get("format") if _is_model(model) else None
    return field is not None and isinstance(values, dict) and values.get("format") in get_args(field.annotation)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
