"""Parameters are checked before a run, and MLflow learns from it just what the catalog asks for."""

import atexit
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro_datasets.json import JSONDataset
from kedro_datasets.partitions import PartitionedDataset
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

from podium import hooks
from podium.atomic_files import AtomicLocalFileSystem
from podium.errors import InputError
from podium.hooks import ParameterHooks, ResultHooks, TrackingHooks
from podium.vision.recipe import Recipe

PARAMETERS: dict[str, Any] = {
    "competition": "꽃",
    "competitions": {"꽃": {"format": "image_folder", "root": "x"}},
    "recipe": "기준",
    "recipes": {"기준": {"policy": "none"}},
    "policies": {"none": []},
    "ingestion": {"store_dir": "x"},
    "splitting": {},
    "training": {"checkpoint_dir": "x"},
    "weights_dir": "x",
}


@pytest.fixture
def own_registry() -> Iterator[None]:
    """Give fsspec its own file systems back afterwards."""
    before = {name: fsspec.get_filesystem_class(name) for name in ("file", "local")}
    yield
    for name, implementation in before.items():
        fsspec.register_implementation(name, implementation, clobber=True)


class Loader(dict[str, Any]):
    """What the hook reads of Kedro's config loader."""

    runtime_params: dict[str, Any] | None = None


def make_context(
    parameters: dict[str, Any], competition: str, runtime: dict[str, Any] | None = None, project: Path = Path("project")
) -> Any:
    loader = Loader(parameters=parameters, globals={"competition": competition, "data_root": "데이터"})
    loader.runtime_params = runtime
    return SimpleNamespace(config_loader=loader, project_path=project)


def test_right_parameters_pass_and_files_are_written_atomically_from_then_on(own_registry: None) -> None:
    ParameterHooks().after_context_created(make_context(PARAMETERS, "꽃"))
    assert fsspec.get_filesystem_class("file") is AtomicLocalFileSystem


def test_wrong_parameters_are_refused_before_anything_else(own_registry: None) -> None:
    wrong = {**PARAMETERS, "splitting": {"nfolds": 3}, "recipe": "기본"}
    with pytest.raises(InputError) as error:
        ParameterHooks().after_context_created(make_context(wrong, "꽃"))
    assert [case.split(":")[0] for case in error.value.cases] == ["splitting.nfolds", "recipe"]


def test_competition_of_the_command_line_is_the_one_of_the_paths(own_registry: None) -> None:
    ParameterHooks().after_context_created(make_context(PARAMETERS, "demo", {"competition": "꽃"}))
    with pytest.raises(InputError, match="paths are made of 'demo'"):
        ParameterHooks().after_context_created(make_context(PARAMETERS, "demo", {}))


def ask_for_lock(path: Path) -> bool:
    """Say whether another process could have this lock now."""
    asking = "import sys, pathlib, podium.locks as locks; locks.RunLock(pathlib.Path(sys.argv[1]), 'x').acquire()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    asked = subprocess.run([sys.executable, "-c", asking, str(path)], env=environment, capture_output=True, check=False)
    assert asked.returncode == 0 or b"Another run" in asked.stderr
    return asked.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="locks of this kind are POSIX")
@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_competition_is_locked_from_the_start_of_a_run_to_its_end(own_registry: None, tmp_path: Path, end: str) -> None:
    runs = ParameterHooks()
    runs.after_context_created(make_context(PARAMETERS, "demo", {"competition": "꽃"}, tmp_path))
    assert list(tmp_path.iterdir()) == [], "looking at the catalog takes no lock"
    runs.before_pipeline_run()
    lock = tmp_path / "데이터" / "02_intermediate" / "꽃" / "run.lock"
    assert not ask_for_lock(lock)  # asked elsewhere: a process that opens and closes the file loses its own lock
    getattr(runs, end)()
    assert ask_for_lock(lock)


def test_run_without_a_context_needs_no_lock() -> None:
    runs = ParameterHooks()
    runs.before_pipeline_run()
    runs.after_pipeline_run()
    runs.on_pipeline_error()


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
    tracking = TrackingHooks()
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
    TrackingHooks().after_dataset_saved("scores", {"macro_f1": 1.0})
    assert vars(log) == vars(Log())


def test_parameter_groups_of_nodes_are_left_out(log: Log) -> None:
    TrackingHooks()._log_param("splitting", {"n_folds": 3})
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
    TrackingHooks().before_pipeline_run({}, None, DataCatalog())
    assert runs.ended == []
    for function, arguments in at_exit:
        function(*arguments)
    assert runs.ended == ["KILLED"] * n_active


def test_run_that_went_through_ends_as_finished_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch, 3)
    TrackingHooks().after_pipeline_run({}, None, DataCatalog())
    assert runs.ended == ["FINISHED"] * 3


def test_results_are_the_last_lines_of_a_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = SimpleNamespace(all_outputs=lambda: {"scores"})
    monkeypatch.setattr(hooks, "describe_results", lambda catalog, outputs: [f"{catalog} {outputs}", "끝"])
    with caplog.at_level(logging.INFO, logger="podium.hooks"):
        ResultHooks().after_pipeline_run(pipeline, "catalog")  # type: ignore[arg-type]
    assert caplog.messages == ["catalog {'scores'}", "끝"]
