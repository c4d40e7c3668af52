"""Every environment is one that a run would accept, and states only what differs from the base."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog

from podium import settings
from podium.disk.config import DiskConfig
from podium.parameters import check_parameters
from podium.pipeline_registry import register_pipelines
from podium.pipelines.augmentation.nodes import resolve_policy
from podium.pipelines.prune.places import STAGES
from podium.pipelines.selection.nodes import select_recipe
from podium.vision.backbones import resolve_input
from podium.vision.offline_weights import find_weight_package

CONF = Path(__file__).parents[1] / "conf"
ENVIRONMENTS = ["base", "sample", "server"]
# Entries that read files of other datasets.
READ_AGAIN = {
    "earlier_copy_pairs",
    "finished_folds",
    "known_folds",
    "known_images",
    "known_survey",
    "last_ensemble",
    "own_probabilities",
    "reported_label_version",
    "trained_members",
}


def load(environment: str, conf: Path = CONF, **runtime_params: Any) -> OmegaConfigLoader:
    loader = OmegaConfigLoader(str(conf), env=environment, runtime_params=runtime_params, **settings.CONFIG_LOADER_ARGS)
    loader.config_patterns["mlflow"] = ["mlflow*", "mlflow*/**", "**/mlflow*"]  # as kedro-mlflow does
    return loader


def list_leaves(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict) or not values:
        return {prefix: values}
    return {name: leaf for key in values for name, leaf in list_leaves(values[key], f"{prefix}/{key}").items()}


def read_environment(environment: str) -> dict[str, Any]:
    """Return every leaf of an environment's parameters, globals and tracking, as written."""
    leaves: dict[str, Any] = {}
    for file in sorted((CONF / environment).rglob("*.yml")):
        kind = "parameters" if "parameters" in file.relative_to(CONF).as_posix() else file.stem
        if "catalog" not in file.parts:
            leaves |= list_leaves(yaml.safe_load(file.read_text(encoding="utf-8")) or {}, kind)
    return leaves


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameters_of_every_environment_are_right(environment: str) -> None:
    loader = load(environment)
    check_parameters(loader["parameters"], loader["globals"]["competition"])


@pytest.mark.parametrize("environment", ["sample", "server"])
def test_environment_holds_only_keys_that_base_has(environment: str) -> None:
    known = read_environment("base")
    unknown = [key for key in read_environment(environment) if key not in known]
    assert unknown == []


@pytest.mark.parametrize("environment", ["sample", "server"])
def test_environment_repeats_nothing_of_base(environment: str) -> None:
    base = read_environment("base")
    assert [key for key, value in read_environment(environment).items() if base.get(key) == value] == []


@pytest.mark.parametrize("environment", ["sample", "server"])
def test_environment_changes_what_it_states_and_keeps_the_rest(environment: str) -> None:
    base, other = (list_leaves(load(name, data_root="x")["parameters"]) for name in ("base", environment))
    stated = {key.removeprefix("parameters") for key in read_environment(environment) if key.startswith("parameters")}
    changed = {key for key in other if base.get(key) != other[key]}
    paths = {key for key in other if str(other[key]).startswith(("data/", "x/", "sqlite:///data/"))}
    assert set(other) == set(base)
    assert changed - paths == stated


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_catalog_of_every_environment_can_be_made_and_knows_every_dataset(environment: str) -> None:
    loader = load(environment)
    catalog = DataCatalog.from_config({k: v for k, v in loader["catalog"].items() if not k.startswith("_")})
    used = {name for name in register_pipelines()["__default__"].datasets() if not name.startswith("params:")}
    for name in used:
        assert catalog[name] is not None
    assert used <= set(catalog)


def test_every_dataset_has_a_layer() -> None:
    entries = {name: entry for name, entry in load("base")["catalog"].items() if not name.startswith("_")}
    layers = {name: entry.get("metadata", {}).get("kedro-viz", {}).get("layer") for name, entry in entries.items()}
    assert None not in layers.values(), layers


def test_chosen_competition_is_part_of_every_path() -> None:
    loader = load("base", competition="얼굴 대회")
    for name, entry in loader["catalog"].items():
        path = entry.get("filepath", entry.get("path")) if isinstance(entry, dict) else None
        assert path is None or "얼굴 대회" in Path(path).parts, name
    assert loader["parameters"]["competition"] == "얼굴 대회"
    assert "/얼굴 대회/" in loader["parameters"]["ingestion"]["store_dir"]
    assert loader["parameters"]["training"]["checkpoint_dir"].endswith("/얼굴 대회")
    assert loader["mlflow"]["tracking"]["experiment"]["name"] == "얼굴 대회"


def test_files_of_one_competition_never_lie_on_those_of_another_dataset() -> None:
    paths = [
        f"{entry.get('filepath', entry.get('path'))}{entry.get('filename_suffix', '')}"
        for name, entry in load("base")["catalog"].items()
        if isinstance(entry, dict) and entry["type"] != "MemoryDataset" and name not in READ_AGAIN
    ]
    assert len(paths) == len(set(paths))


def test_one_leaf_on_the_command_line_keeps_its_neighbours() -> None:
    base = list_leaves(load("base")["parameters"])
    other = list_leaves(load("base", recipes={"baseline": {"optimizer": {"lr": 3e-4}}})["parameters"])
    assert {key for key in other if other[key] != base.get(key)} == {"/recipes/baseline/optimizer/lr"}
    assert set(other) == set(base)


def test_local_competition_and_recipe_with_korean_names_are_right(tmp_path: Path) -> None:
    shutil.copytree(CONF / "base", tmp_path / "base")
    (tmp_path / "local").mkdir()
    mine = {
        "competitions": {"꽃 대회": {"format": "image_folder", "root": "데이터/꽃"}},
        "recipes": {"내 레시피": {"based_on": "baseline", "epochs": 3}},
        "recipe": "내 레시피",
    }
    (tmp_path / "local" / "parameters_내것.yml").write_text(yaml.safe_dump(mine, allow_unicode=True), encoding="utf-8")
    (tmp_path / "local" / "globals.yml").write_text("competition: 꽃 대회\n", encoding="utf-8")
    loader = load("local", tmp_path)
    check_parameters(loader["parameters"], loader["globals"]["competition"])
    assert loader["parameters"]["competition"] == "꽃 대회"
    assert set(loader["parameters"]["competitions"]) == {"demo", "꽃 대회"}


def test_server_takes_its_places_from_the_environment_and_works_without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PODIUM_DATA_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    loader = load("server")
    assert loader["globals"]["data_root"] == "data"
    assert loader["mlflow"]["server"]["mlflow_tracking_uri"] == "sqlite:///mlflow.db"
    monkeypatch.setenv("PODIUM_DATA_ROOT", "/big/disk")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////big/disk/mlflow.db")
    loader = load("server")
    assert loader["parameters"]["training"]["checkpoint_dir"] == "/big/disk/06_models/demo"
    assert loader["mlflow"]["server"]["mlflow_tracking_uri"] == "sqlite:////big/disk/mlflow.db"


def test_quota_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for written, quota in (("250", 250.0), (None, None)):
        if written is None:
            monkeypatch.delenv("PODIUM_QUOTA_GB")
        else:
            monkeypatch.setenv("PODIUM_QUOTA_GB", written)
        assert DiskConfig.model_validate(load("server")["parameters"]["disk"]).quota_gb == quota


def test_places_that_prune_looks_into_are_those_of_the_catalog() -> None:
    text = (CONF / "base" / "catalog" / "selection.yml").read_text(encoding="utf-8")
    folders = {path for name, path in yaml.safe_load(text).items() if name.startswith("_") and name != "_competition"}
    assert folders == {f"${{globals:data_root}}/{stage}/${{_competition}}" for stage in STAGES}


def test_base_tracks_into_a_file_of_this_machine() -> None:
    for environment in ("base", "sample"):
        assert load(environment)["mlflow"]["server"]["mlflow_tracking_uri"].startswith("sqlite:///")


@pytest.fixture(scope="module")
def tried() -> list[list[Any]]:
    """Backbones with their size and policy that were tried: environments share nearly all of them, and recipes some."""
    return []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_recipe_has_a_backbone_of_its_size_and_a_policy_that_works(
    environment: str, tried: list[list[Any]]
) -> None:
    parameters = load(environment)["parameters"]
    for name in parameters["recipes"]:
        recipe = select_recipe(name, parameters["recipes"])
        asked = [recipe.model, recipe.input, parameters["policies"][recipe.policy]]
        if asked not in tried:
            spec = resolve_input(recipe)
            resolve_policy(recipe, parameters["policies"], spec.to_dict(), {})
            tried.append(asked)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_chosen_recipe_and_the_offline_one_need_no_network(environment: str) -> None:
    parameters = load(environment)["parameters"]
    for name in (parameters["recipe"], "lite0_offline"):
        model = select_recipe(name, parameters["recipes"]).model
        assert model.pretrained is False or find_weight_package(model.backbone) is not None, name
