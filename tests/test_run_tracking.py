"""MLflow learns from a run just what the catalog asks for."""

import atexit
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro_datasets.json import JSONDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

from podium.run_tracking import RunTracking
from podium.vision.recipe import Recipe


class Log:
    """What MLflow was told."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.tags: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        self.artifacts: list[tuple[str, str | None]] = []


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()
    monkeypatch.setattr(mlflow, "active_run", object)
    monkeypatch.setattr(mlflow, "log_params", log.params.update)
    monkeypatch.setattr(mlflow, "set_tags", log.tags.update)
    monkeypatch.setattr(mlflow, "log_metrics", log.metrics.update)
    monkeypatch.setattr(mlflow, "log_artifact", lambda path, folder: log.artifacts.append((path, folder)))
    return log


def save(dataset: Any, data: Any, name: str = "result") -> None:
    tracking = RunTracking()
    tracking._catalog = DataCatalog({name: dataset})
    tracking.after_dataset_saved(name, data)


def test_every_leaf_of_the_recipe_becomes_a_parameter(log: Log) -> None:
    recipe = Recipe(name="기준", label_shift={}, input={"size_px": (64, 48)})
    save(MemoryDataset(metadata={"mlflow": "params"}), recipe)
    assert log.params["recipe.name"] == "기준"
    assert log.params["recipe.optimizer.lr"] == 1e-3
    assert log.params["recipe.input.size_px"] == [64, 48]
    assert log.params["recipe.label_shift"] == {}
    assert not {"recipe.optimizer", "recipe.model", "recipe.input"} & set(log.params)
    assert log.params["recipe.input.progressive.epochs"] == 0
    assert len(log.params) == count_leaves(recipe.model_dump(mode="json"))


def count_leaves(values: Any) -> int:
    return sum(map(count_leaves, values.values())) if isinstance(values, dict) and values else 1


def test_tracking_that_fails_does_not_end_the_run(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(values: dict[str, Any]) -> None:
        raise mlflow.exceptions.MlflowException("server is away")

    monkeypatch.setattr(mlflow, "set_tags", fail)
    save(MemoryDataset(metadata={"mlflow": "tags"}), {"name": "기준-0a1b"})
    assert caplog.messages == ["tracking failed, and the run goes on: server is away"]


def test_values_of_a_flat_mapping_become_tags(log: Log) -> None:
    save(MemoryDataset(metadata={"mlflow": "tags"}), {"name": "기준-0a1b", "folds": [0, 1]})
    assert log.tags == {"result.name": "기준-0a1b", "result.folds": "[0, 1]"}


def test_digests_of_a_table_become_tags(log: Log) -> None:
    table = pd.DataFrame({"fold": [0]})
    table.attrs["split_digest"] = "0a1b2c"
    save(MemoryDataset(metadata={"mlflow": "digests"}), table)
    assert log.tags == {"result.split_digest": "0a1b2c"}


def test_every_number_of_a_nested_mapping_becomes_a_metric_and_nothing_else_does(log: Log) -> None:
    scores = {
        "member": "기준",
        "macro_f1": 0.5,
        "n_images": 7,
        "folds": {"fold_0": {"macro_f1": 0.25}},
        "attributes": {},
    }
    save(MemoryDataset(metadata={"mlflow": "metrics"}), scores, "scores")
    assert log.metrics == {"scores/macro_f1": 0.5, "scores/n_images": 7.0, "scores/folds.fold_0.macro_f1": 0.25}


def test_file_just_saved_becomes_an_artifact(log: Log, tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=(tmp_path / "결과.json").as_posix(), metadata={"mlflow": "artifact"})
    dataset.save({"a": 1})
    save(dataset, {"a": 1})
    assert log.artifacts == [((tmp_path / "결과.json").as_posix(), None)]


def test_file_that_was_not_written_becomes_no_artifact(log: Log, tmp_path: Path) -> None:
    save(JSONDataset(filepath=(tmp_path / "a.json").as_posix(), metadata={"mlflow": "artifact"}), {})
    assert log.artifacts == []


def test_just_the_partitions_saved_now_become_artifacts_in_folders_of_their_own(log: Log, tmp_path: Path) -> None:
    dataset = PartitionedDataset(
        path=(tmp_path / "모델").as_posix(),
        dataset="json.JSONDataset",
        filename_suffix="/oof.json",
        metadata={"mlflow": "artifact"},
    )
    dataset.save({"기준-0a/fold_0": {}, "기준-0a/fold_1": {}})
    save(dataset, {"기준-0a/fold_1": {}}, "oof")
    ((path, folder),) = log.artifacts
    assert Path(path) == tmp_path / "모델" / "기준-0a" / "fold_1" / "oof.json"
    assert Path(path).is_file()
    assert folder == "oof/기준-0a/fold_1"


@pytest.mark.parametrize("metadata", [None, {}, {"kedro-viz": {"layer": "raw"}}])
def test_dataset_without_a_wish_is_not_logged(log: Log, metadata: Any) -> None:
    save(MemoryDataset(metadata=metadata), {"macro_f1": 1.0})
    assert vars(log) == vars(Log())


def test_nothing_is_logged_without_a_run(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "active_run", lambda: None)
    save(MemoryDataset(metadata={"mlflow": "metrics"}), {"macro_f1": 1.0})
    assert vars(log) == vars(Log())


def test_nothing_is_logged_before_a_run_has_a_catalog(log: Log) -> None:
    RunTracking().after_dataset_saved("scores", {"macro_f1": 1.0})
    assert vars(log) == vars(Log())


def test_parameter_groups_of_nodes_are_left_out(log: Log) -> None:
    RunTracking()._log_param("splitting", {"n_folds": 3})
    assert vars(log) == vars(Log())


class Runs:
    """MLflow's stack of active runs: kedro-mlflow starts the same one again for every node."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n_active: int):
        self.n_active = n_active
        self.ended: list[str] = []
        monkeypatch.setattr(mlflow, "active_run", lambda: object() if self.n_active else None)
        monkeypatch.setattr(mlflow, "end_run", self._end)
        for name in ("before_pipeline_run", "after_pipeline_run"):
            monkeypatch.setattr(MlflowHook, name, lambda *_, **__: None)

    def _end(self, status: str) -> None:
        self.n_active -= 1
        self.ended.append(status)


@pytest.mark.parametrize("n_active", [0, 1, 3])
def test_run_that_is_active_at_exit_ends_as_killed(monkeypatch: pytest.MonkeyPatch, n_active: int) -> None:
    at_exit = []
    monkeypatch.setattr(atexit, "register", lambda function, *arguments: at_exit.append((function, arguments)))
    runs = Runs(monkeypatch, n_active)
    RunTracking().before_pipeline_run({}, None, DataCatalog())
    assert runs.ended == []
    for function, arguments in at_exit:
        function(*arguments)
    assert runs.ended == ["KILLED"] * n_active


def test_run_that_went_through_ends_as_finished_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch, 3)
    RunTracking().after_pipeline_run({}, None, DataCatalog())
    assert runs.ended == ["FINISHED"] * 3
