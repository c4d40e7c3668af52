"""All parameters as one typed tree, so that a misspelt key or name is refused in the first second of a run."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from podium.competitions.config import Competition
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
        return [f"{prefix}{_describe_error(model, dict(detail))}" for detail in error.errors()]
    return []


def _describe_error(model: type[BaseModel], detail: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{place}: there is no such key; {suggest(str(detail['loc'][-1]), _list_siblings(model, detail['loc']))}"
    return f"{place}: {detail['msg']} (got {detail['input']!r})"


def _list_siblings(model: Any, place: tuple[str | int, ...]) -> list[str]:
    """Find the keys that the model allows beside the one at ``place``."""
    for part in place[:-1]:
        model = _step_into(model, part)
    return sorted(getattr(model, "model_fields", {}))


def _step_into(annotation: Any, part: str | int) -> Any:
    """Follow one part of a pydantic error's location: a field, a key of a mapping, or a tag of a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return _unwrap(field.annotation) if field else annotation
    return annotation


def _unwrap(annotation: Any) -> Any:
    """Reduce ``dict[str, Model]``, ``Model | None`` and unions to the model inside, if there is just one."""
    from typing import get_args

    inner = [_unwrap(part) for part in get_args(annotation) if part not in (str, type(None))]
    models = [part for part in inner if isinstance(part, type) and issubclass(part, BaseModel)]
    return models[0] if len(models) == 1 else annotation
