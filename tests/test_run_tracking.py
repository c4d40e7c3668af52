"""MLflow learns from a run just what the catalog asks for, and where and how it was made."""

import atexit
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro_datasets.json import JSONDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_datasets.text import TextDataset
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import UNAUTHENTICATED

from conftest import ROOT
from podium import run_tracking
from podium.errors import InputError
from podium.run_tracking import RunTracking
from podium.settings import CONFIG_LOADER_ARGS
from podium.tracking import REQUEST_LIMITS
from podium.tracking_calls import MAX_TAG_CHARACTERS
from podium.tracking_place import PARENT_VARIABLE
from podium.vision.recipe import Recipe


class Told:
    """What MLflow was told; stands in for its client and for the run at once."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.tags: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        self.artifacts: list[tuple[str, str | None]] = []
        self.files: dict[str, Any] = {}

    def tell(self, action: Callable[[Any, str], object]) -> None:
        action(self, "run-1")

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        self.params |= {param.key: param.value for param in params}
        self.tags |= {tag.key: tag.value for tag in tags}
        self.metrics |= {metric.key: metric.value for metric in metrics}

    def log_artifact(self, run_id: str, path: str, folder: str | None) -> None:
        self.artifacts.append((path, folder))

    def log_dict(self, run_id: str, values: Any, name: str) -> None:
        self.files[name] = values


@pytest.fixture
def told() -> Told:
    return Told()


def save(told: Told, dataset: Any, data: Any, name: str = "result", **parameters: Any) -> None:
    tracking = RunTracking()
    tracking._catalog = DataCatalog({name: dataset})
    tracking._context = SimpleNamespace(config_loader={"parameters": parameters})  # type: ignore[assignment]
    tracking._run = told  # type: ignore[assignment]
    tracking.after_dataset_saved(name, data)


def test_every_leaf_of_the_recipe_becomes_a_parameter_and_all_of_it_a_file(told: Told) -> None:
    recipe = Recipe(name="기준", label_shift={}, input={"size_px": (64, 48)})
    save(told, MemoryDataset(metadata={"mlflow": "params"}), recipe)
    assert told.params["recipe.name"] == "기준"
    assert told.params["recipe.optimizer.lr"] == "0.001"
    assert told.params["recipe.input.size_px"] == "[64, 48]"
    assert told.params["recipe.label_shift"] == "{}"
    assert not {"recipe.optimizer", "recipe.model", "recipe.input"} & set(told.params)
    assert len(told.params) == count_leaves(recipe.model_dump(mode="json"))
    assert told.files == {"recipe.yml": recipe.model_dump(mode="json")}


def count_leaves(values: Any) -> int:
    return sum(map(count_leaves, values.values())) if isinstance(values, dict) and values else 1


def test_what_the_recipe_changes_of_the_defaults_is_tagged_and_told(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = Recipe(name="기준", epochs=3, optimizer={"lr": 3e-4})
    with caplog.at_level("INFO", logger="podium.run_tracking"):
        save(told, MemoryDataset(metadata={"mlflow": "params"}), recipe)
    assert told.tags["differences.recipe"].splitlines() == [
        "optimizer.lr: 0.0003 instead of 0.001",
        "epochs: 3 instead of 10",
    ]
    assert "recipe 기준 differs from the defaults of recipes in 2 place(s):" in caplog.text
    assert "  epochs: 3 instead of 10" in caplog.text


def test_values_of_a_flat_mapping_become_tags(told: Told) -> None:
    save(told, MemoryDataset(metadata={"mlflow": "tags"}), {"name": "기준-0a1b", "folds": [0, 1], "long": "x" * 9000})
    assert told.tags == {"result.name": "기준-0a1b", "result.folds": "[0, 1]", "result.long": "x" * MAX_TAG_CHARACTERS}


def test_digests_of_a_table_become_tags(told: Told) -> None:
    table = pd.DataFrame({"fold": [0]})
    table.attrs["split_digest"] = "0a1b2c"
    save(told, MemoryDataset(metadata={"mlflow": "digests"}), table)
    assert told.tags == {"result.split_digest": "0a1b2c"}


def test_every_number_of_a_nested_mapping_becomes_a_metric_and_nothing_else_does(told: Told) -> None:
    scores = {
        "member": "기준",
        "macro_f1": 0.5,
        "n_images": 7,
        "folds": {"fold_0": {"macro_f1": 0.25}},
        "attributes": {},
    }
    save(told, MemoryDataset(metadata={"mlflow": "metrics"}), scores, "scores")
    assert told.metrics == {"scores/macro_f1": 0.5, "scores/n_images": 7.0, "scores/folds.fold_0.macro_f1": 0.25}


def test_file_just_saved_becomes_an_artifact(told: Told, tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=(tmp_path / "결과.json").as_posix(), metadata={"mlflow": "artifact"})
    dataset.save({"a": 1})
    save(told, dataset, {"a": 1})
    assert told.artifacts == [((tmp_path / "결과.json").as_posix(), None)]


def test_file_that_was_not_written_becomes_no_artifact(told: Told, tmp_path: Path) -> None:
    save(told, JSONDataset(filepath=(tmp_path / "a.json").as_posix(), metadata={"mlflow": "artifact"}), {})
    assert told.artifacts == []


@pytest.mark.parametrize(("kind", "is_told"), [("artifact", False), ("weights", True)])
def test_large_file_stays_at_home_unless_it_is_weights(
    told: Told, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, is_told: bool
) -> None:
    path = (tmp_path / "보고서.html").as_posix()
    for n_letters in (1000, 1001):
        dataset = TextDataset(filepath=path, metadata={"mlflow": kind})
        dataset.save(n_letters * "x")
        with caplog.at_level("INFO", logger="podium.run_tracking"):
            save(told, dataset, "", tracking={"largest_mb": 0.001})
    assert told.artifacts == [(path, None)] * (2 if is_told else 1)
    assert ("보고서.html is not copied to MLflow" in caplog.text) != is_told


@pytest.mark.parametrize(
    ("metadata", "parameters", "is_told"),
    [
        ("artifact", {"tracking": {"weights": False}}, True),
        ("weights", {}, True),
        ("weights", {"tracking": {"weights": True}}, True),
        ("weights", {"tracking": {"weights": False}}, False),
    ],
)
def test_just_the_partitions_saved_now_become_artifacts_in_folders_of_their_own_weights_where_wanted(
    told: Told, tmp_path: Path, metadata: str, parameters: dict[str, Any], is_told: bool
) -> None:
    dataset = PartitionedDataset(
        path=(tmp_path / "모델").as_posix(),
        dataset="json.JSONDataset",
        filename_suffix="/oof.json",
        metadata={"mlflow": metadata},
    )
    dataset.save({"기준-0a/fold_0": {}, "기준-0a/fold_1": {}})
    save(told, dataset, {"기준-0a/fold_1": {}}, "oof", **parameters)
    expected = (str(tmp_path / "모델" / "기준-0a" / "fold_1" / "oof.json"), "oof/기준-0a/fold_1")
    assert told.artifacts == ([expected] if is_told else [])


@pytest.mark.parametrize("metadata", [None, {}, {"kedro-viz": {"layer": "raw"}}])
def test_dataset_without_a_wish_is_not_logged(told: Told, metadata: Any) -> None:
    save(told, MemoryDataset(metadata=metadata), {"macro_f1": 1.0})
    assert vars(told) == vars(Told())


def test_nothing_is_logged_without_a_run() -> None:
    RunTracking().after_dataset_saved("scores", {"macro_f1": 1.0})


class Loader(dict[str, Any]):
    """What the hook reads of Kedro's config loader."""

    conf_source = str(ROOT / "conf")
    config_patterns: ClassVar[dict[str, list[str]]] = {}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty database of MLflow's, which takes seconds to lay out."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture(scope="module")
def parameters() -> dict[str, Any]:
    loaded: dict[str, Any] = OmegaConfigLoader(Loader.conf_source, env="base", **CONFIG_LOADER_ARGS)["parameters"]
    return loaded


@pytest.fixture
def context(store: str, parameters: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A run of an experiment of its own."""
    monkeypatch.setattr(atexit, "register", lambda function, *arguments: None)
    monkeypatch.delenv(PARENT_VARIABLE, raising=False)
    for name in REQUEST_LIMITS:
        monkeypatch.setenv(name, "1")
    experiment = {"name": tmp_path.name, "create_experiment_kwargs": {"artifact_location": str(tmp_path)}}
    mlflow_yml = {"server": {"mlflow_tracking_uri": store}, "tracking": {"experiment": experiment}}
    changed = {**parameters, "splitting": {**parameters["splitting"], "n_folds": 7}}
    return SimpleNamespace(config_loader=Loader(mlflow=mlflow_yml, parameters=changed, globals={"data_root": "data"}))


def begin(context: SimpleNamespace) -> RunTracking:
    tracking = RunTracking()
    tracking.after_context_created(context)
    tracking.before_pipeline_run({"pipeline_names": ["train"], "env": "sample"}, None, DataCatalog())
    return tracking


def read_run(context: SimpleNamespace) -> Run:
    mlflow_yml = context.config_loader["mlflow"]
    client = MlflowClient(mlflow_yml["server"]["mlflow_tracking_uri"])
    experiment = client.get_experiment_by_name(mlflow_yml["tracking"]["experiment"]["name"])
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def test_run_says_where_how_and_whose_child_it_was_and_how_it_ended(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_tracking, "describe_machine", lambda: {"gpu": "2 x NVIDIA A100", "cores": "16"})
    monkeypatch.setattr(run_tracking, "find_commit", lambda folder: "0a1b2c")
    monkeypatch.setattr(run_tracking, "read_diff", lambda folder: "+가\n")
    monkeypatch.setenv(PARENT_VARIABLE, "f00d")
    begin(context).on_pipeline_error()
    run = read_run(context)
    tags = run.data.tags
    assert run.info.status == "FAILED"
    assert tags["mlflow.source.git.commit"] == "0a1b2c"
    assert tags["mlflow.parentRunId"] == "f00d"
    assert (tags["machine.gpu"], tags["machine.cores"]) == ("2 x NVIDIA A100", "16")
    assert (tags["kedro.env"], tags["kedro.pipeline_names"]) == ("sample", "['train']")
    assert tags["differences.parameters"] == "splitting.n_folds: 7 instead of 3"
    assert (tmp_path / run.info.run_id / "artifacts" / "uncommitted.diff").read_text(encoding="utf-8") == "+가\n"


def test_run_that_is_still_on_at_exit_ends_as_killed_and_one_that_ended_does_not(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[Any] = []
    monkeypatch.setattr(atexit, "register", lambda function, *arguments: at_exit.append((function, arguments)))
    begin(context)
    for function, arguments in at_exit:
        function(*arguments)
    assert read_run(context).info.status == "KILLED"
    for function, arguments in at_exit:
        function(*arguments)


def test_server_that_refuses_credentials_ends_the_run_at_once_without_telling_them(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> str:
        raise MlflowException("You are not authenticated", error_code=UNAUTHENTICATED)

    monkeypatch.setattr(run_tracking, "find_experiment", refuse)
    with pytest.raises(InputError, match="does not let this run in") as error:
        begin(context)
    assert "MLFLOW_TRACKING_PASSWORD" in error.value.cases[0]


def test_server_that_is_not_there_costs_seconds_and_not_the_run(
    context: SimpleNamespace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"] = "http://kim:pw-secret@127.0.0.1:9"
    monkeypatch.setattr("podium.tracking.GRACE_S", 0.4)
    begin(context).after_pipeline_run()
    assert "does not answer" in caplog.text
    assert "were not told" in caplog.text
    assert "pw-secret" not in caplog.text


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"])
def test_name_or_password_that_the_server_cannot_read_is_refused_and_not_shown(
    context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "민지")
    with pytest.raises(InputError, match="plain letters") as error:
        begin(context)
    assert error.value.cases == [f"{name}: has others; let the admin make a user in a to z"]


def test_another_folder_of_data_is_one_difference_and_the_others_are_sorted() -> None:
    loader = OmegaConfigLoader(
        str(ROOT / "conf"), env="sample", runtime_params={"competition": "demo"}, **CONFIG_LOADER_ARGS
    )
    loader["globals"] = {**loader["globals"], "data_root": "/큰/디스크"}
    loader["parameters"] = {**loader["parameters"], "splitting": {**loader["parameters"]["splitting"], "seed": 7}}
    told = list(map(str, run_tracking._compare_with_base(SimpleNamespace(config_loader=loader))))  # type: ignore[arg-type]
    assert told[0] == "data_root: /큰/디스크 instead of data"
    assert told[1:] == sorted(told[1:])
    assert "splitting.n_folds: 2 instead of 3" in told
    assert any(line.startswith("splitting.seed: 7") for line in told)
    assert len([line for line in told if "/큰/디스크" in line]) == 1
