"""All parameters as one typed tree, so that a misspelt key or name is refused in the first second of a run."""

from collections.abc import Sequence
from functools import partial
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from podium.backup.config import BackupConfig
from podium.competitions.config import Competition
from podium.disk.config import DiskConfig
from podium.errors import InputError, suggest
from podium.pipelines.augmentation.config import PolicySteps
from podium.pipelines.compare.config import CompareConfig
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.export.config import ExportConfig
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.leaks.config import LeaksConfig
from podium.pipelines.ledger.config import LedgerConfig
from podium.pipelines.prune.config import PruneConfig
from podium.pipelines.pseudo_label.config import PseudoLabelConfig
from podium.pipelines.register.config import RegistryConfig
from podium.pipelines.report.config import ReportConfig
from podium.pipelines.restore.config import RestoreConfig
from podium.pipelines.selection.nodes import merge_recipe
from podium.pipelines.shift.config import ShiftConfig
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.survey.config import SurveyConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.tuning.config import TuningConfig
from podium.sweeps.config import SweepConfig
from podium.sweeps.plan import list_sweep_errors
from podium.tracking import TrackingConfig
from podium.vision.recipe import Recipe

NO_FOLDER = '/\\:*?"<>|[]\0'
FOLDER_RULE = f"a name becomes a folder; leave out {' '.join(NO_FOLDER[:-1])} and a first dot"


MOVED = {"splitting.near_duplicate_max_bits": "leaks.near_duplicate_max_bits"}
"""Keys of earlier versions, and where they stand now."""


class Parameters(BaseModel):
    """Every top-level key of ``conf/<env>/parameters*``."""

    model_config = ConfigDict(extra="forbid")

    competition: str
    competitions: dict[str, Competition]
    recipe: str
    recipes: dict[str, dict[str, Any]]
    policies: dict[str, PolicySteps]
    ingestion: IngestionConfig
    survey: SurveyConfig = SurveyConfig()
    leaks: LeaksConfig = LeaksConfig()
    splitting: SplittingConfig
    training: TrainingConfig
    tracking: TrackingConfig = TrackingConfig()
    registry: RegistryConfig = RegistryConfig()
    export: ExportConfig = ExportConfig()
    tuning: TuningConfig = TuningConfig()
    pseudo_label: PseudoLabelConfig = PseudoLabelConfig()
    compare: CompareConfig = CompareConfig()
    ensemble: EnsembleConfig = EnsembleConfig()
    public_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    ledger: LedgerConfig = LedgerConfig()
    report: ReportConfig = ReportConfig()
    shift: ShiftConfig = ShiftConfig()
    disk: DiskConfig = DiskConfig()
    prune: PruneConfig = PruneConfig()
    backup: BackupConfig = BackupConfig()
    restore: RestoreConfig = RestoreConfig()
    public_score: float | None = None
    submission: str | None = None
    score_note: str = ""
    replace_score: StrictBool = False
    final_pair: StrictBool = False
    weights_dir: str
    sweep: str = ""
    sweeps: dict[str, SweepConfig] = {}
    sweep_storage: str = "sqlite:///sweeps.db"
    sweep_log_dir: str = "sweeps"
    sweep_again: StrictBool = False


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
    cases += list_sweep_errors(parameters, partial(_list_built_errors, _get_mapping(parameters, "policies")))
    if cases:
        raise InputError("These parameters are wrong (conf/<environment>/parameters* or --params):", cases)


def _list_choice_errors(parameters: dict[str, Any], competition: str) -> list[str]:
    """Name each chosen thing that does not exist, and each name that cannot become a folder."""
    cases = []
    for one, many in (("competition", "competitions"), ("recipe", "recipes")):
        chosen, known = parameters.get(one), list(_get_mapping(parameters, many))
        if isinstance(chosen, str) and chosen not in known:
            cases.append(f"{one}: there is no {one} '{chosen}'; {suggest(chosen, known)}")
        cases += [f"{many}.{name}: {FOLDER_RULE}" for name in known if not _can_be_folder(str(name))]
    cases += [f"{place}: {FOLDER_RULE}" for place, name in _list_sweep_names(parameters) if not _can_be_folder(name)]
    known = list(_get_mapping(parameters, "competitions"))
    for name in _get_mapping(_get_mapping(parameters, "leaks"), "not_copies"):
        if name not in known:
            cases.append(f"leaks.not_copies.{name}: there is no competition '{name}'; {suggest(name, known)}")
    if isinstance(parameters.get("competition"), str) and parameters["competition"] != competition:
        cases.append(
            f"competition: parameters say '{parameters['competition']}', but paths are made of '{competition}'; "
            "set it in globals.yml (conf/local/globals.yml) or with --params, not in parameters.yml"
        )
    return cases


def _list_sweep_names(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """List names of sweeps and of their changes, which become parts of folders' names, with their places."""
    names = []
    for sweep, config in _get_mapping(parameters, "sweeps").items():
        names.append((f"sweeps.{sweep}", str(sweep)))
        changes = config.get("changes") if isinstance(config, dict) else None
        names += [(f"sweeps.{sweep}.changes.{change}", str(change)) for change in changes or []]
    return names


def _can_be_folder(name: str) -> bool:
    return bool(name.strip()) and not set(name) & set(NO_FOLDER) and not name.startswith(".")


def _list_recipe_errors(parameters: dict[str, Any]) -> list[str]:
    """Merge each recipe with what it is based on and check the result; the chosen one and all others."""
    recipes = {name: recipe for name, recipe in _get_mapping(parameters, "recipes").items() if isinstance(recipe, dict)}
    policies = _get_mapping(parameters, "policies")
    cases = [
        f"recipes.{name}.based_on: the name of a recipe (got {recipe['based_on']!r})"
        for name, recipe in recipes.items()
        if not isinstance(recipe.get("based_on"), str | None)
    ]
    for name in [] if cases else recipes:
        cases += _list_built_errors(policies, name, recipes)
    return cases


def _list_built_errors(policies: dict[str, Any], name: str, recipes: dict[str, Any]) -> list[str]:
    """Build one recipe of these, and name what is wrong with it."""
    try:
        merged = merge_recipe(name, recipes)
    except InputError as error:
        return error.cases
    wrong = _list_schema_errors(Recipe, merged, f"recipes.{name}.")
    cases = wrong or _list_source_errors(Recipe.model_validate(merged), recipes)
    policy = merged.get("policy", Recipe.model_fields["policy"].default)
    if isinstance(policy, str) and policy not in policies:
        cases.append(f"recipes.{name}.policy: there is no policy '{policy}'; {suggest(policy, policies)}")
    return cases


def _list_source_errors(recipe: Recipe, recipes: dict[str, Any]) -> list[str]:
    """Name the recipes that one is taught by, joins or averages and that cannot serve so."""
    cases = []
    for place, sources in (
        ("join", recipe.join),
        ("soup.recipes", recipe.soup.recipes),
        ("distillation.teachers", recipe.distillation.teachers),
    ):
        for source in sources:
            where = f"recipes.{recipe.name}.{place}: '{source}'"
            if source not in recipes:
                cases.append(f"{where} does not exist; {suggest(source, recipes)}")
                continue
            try:
                other = Recipe.model_validate(merge_recipe(source, recipes))
            except (InputError, ValidationError):  # told of that recipe itself
                continue
            if source == recipe.name:
                cases.append(f"{where} is the recipe itself")
            elif sources.count(source) > 1:
                cases.append(f"{where} stands there twice")
            elif other.join:
                cases.append(f"{where} is a join itself; name the recipes that it joins")
            elif place == "soup.recipes":
                cases += _list_soup_errors(where, recipe, other)
            elif place == "join" and other.attribute is None:
                cases.append(f"{where} learns the whole class; a join takes recipes that state an attribute")
            elif place != "join" and other.attribute != recipe.attribute:
                cases.append(f"{where} learns {_name_target(other.attribute)}, not {_name_target(recipe.attribute)}")
    return cases + _list_idle_errors(recipe)


def _list_soup_errors(where: str, recipe: Recipe, other: Recipe) -> list[str]:
    """Name each leaf in which a recipe's network differs from that of the soup that averages it."""
    if other.soup.recipes:
        return [f"{where} is a soup itself; name the recipes that it averages"]
    found = other.architecture
    return [
        f"{where} has {leaf} {found[leaf]!r}, the soup {value!r}; base both on one recipe"
        for leaf, value in recipe.architecture.items()
        if found[leaf] != value
    ]


def _list_idle_errors(recipe: Recipe) -> list[str]:
    """Name what a recipe that trains nothing cannot have."""
    cases = []
    for key, is_used in (("join", recipe.join), ("soup", recipe.soup.recipes)):
        if is_used and recipe.distillation.teachers:
            cases.append(
                f"recipes.{recipe.name}: a recipe with {key} trains nothing, so it has no distillation.teachers"
            )
        if is_used and recipe.pseudo_labels:
            cases.append(
                f"recipes.{recipe.name}: a recipe with {key} trains nothing, so it takes no pseudo_labels; set it to "
                "false here, its sources may have it"
            )
    if recipe.join and recipe.soup.recipes:
        cases.append(
            f"recipes.{recipe.name}: join multiplies probabilities, soup averages weights; keep one of the two"
        )
    if recipe.join and recipe.attribute is not None:
        cases.append(f"recipes.{recipe.name}: a recipe with join gives the whole class, so it has no attribute")
    return cases


def _name_target(attribute: Any) -> str:
    return "the whole class" if attribute is None else f"the attribute '{attribute}'"


def _get_mapping(parameters: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a group of parameters, or nothing where it has another shape: the schema says so already."""
    value = parameters.get(key)
    return value if isinstance(value, dict) else {}


def _list_schema_errors(model: type[BaseModel], values: dict[str, Any], prefix: str) -> list[str]:
    """Turn pydantic's errors into one line each, with the nearest key for a misspelt one."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [f"{prefix}{_describe_error(model, values, dict(detail))}" for detail in error.errors()]
    return []


def _describe_error(model: type[BaseModel], values: dict[str, Any], detail: dict[str, Any]) -> str:
    place = _find_place(values, detail)
    shown = ".".join(str(part) for part in place)
    if shown in MOVED:
        return f"{shown}: has moved, write {MOVED[shown]}"
    if detail["type"] == "extra_forbidden":
        return f"{shown}: there is no such key; {suggest(str(place[-1]), _list_siblings(model, values, place))}"
    if detail["type"] == "missing":
        return f"{shown}: is missing"
    message = detail["msg"].removeprefix("Value error, ")
    if not shown:  # a whole recipe contradicts itself; the message names the key
        return message
    return f"{shown}: {message}" if detail["type"] == "value_error" else f"{shown}: {message} (got {detail['input']!r})"


def _find_place(values: Any, detail: dict[str, Any]) -> list[str | int]:
    """Keep of pydantic's location what the user wrote: it also names members of unions and validators."""
    place: list[str | int] = []
    is_named = False  # whether the member of a union that this mapping is, has been named: its name may be a key, too
    for part in detail["loc"]:
        if not is_named and isinstance(values, dict) and part in (values.get("format"), values.get("kind")):
            is_named = True
            continue
        is_key = isinstance(values, dict) and part in values
        if is_key or (isinstance(values, list | tuple) and isinstance(part, int)):
            place, values, is_named = [*place, part], values[part], False
    return [*place, detail["loc"][-1]] if detail["type"] == "missing" else place


def _list_siblings(annotation: Any, values: Any, place: Sequence[str | int]) -> list[str]:
    """Follow ``place`` through the types, and list the keys that stand beside its last part."""
    for part in place[:-1]:
        annotation = _resolve_type(annotation, values)
        inner = annotation.model_fields[part].annotation if _is_model(annotation) else get_args(annotation)[-1]
        annotation, values = inner, values[part]
    return sorted(getattr(_resolve_type(annotation, values), "model_fields", {}))


def _resolve_type(annotation: Any, values: Any) -> Any:
    """Strip ``Annotated`` and ``| None``, and choose from a union the model with the format or kind that is written."""
    if get_origin(annotation) is Annotated:
        return _resolve_type(get_args(annotation)[0], values)
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    options = [_resolve_type(option, values) for option in get_args(annotation) if option is not type(None)]
    return next((option for option in options if _has_format(option, values)), options[0])


def _has_format(model: Any, values: Any) -> bool:
    for key in ("format", "kind"):
        field = model.model_fields.get(key) if _is_model(model) else None
        if field is not None and isinstance(values, dict) and values.get(key) in get_args(field.annotation):
            return True
    return False


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
