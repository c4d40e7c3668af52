"""Parameters are checked before a run, MLflow is told while it goes on, and results are told after it."""

import logging
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import fsspec
import pytest
from kedro.framework.hooks import hook_impl
from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks, _register_hooks_entry_points
from kedro.io import DataCatalog

from podium import hooks, run_tracking, settings
from podium.atomic_files import AtomicLocalFileSystem
from podium.errors import InputError
from podium.hooks import ParameterHooks, ResultHooks, TrackingHooks

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
    runs.before_pipeline_run({})
    lock = tmp_path / "데이터" / "02_intermediate" / "꽃" / "run.lock"
    assert not ask_for_lock(lock)  # asked elsewhere: a process that opens and closes the file loses its own lock
    getattr(runs, end)()
    assert ask_for_lock(lock)


def test_run_without_a_context_needs_no_lock() -> None:
    runs = ParameterHooks()
    runs.before_pipeline_run({})
    runs.after_pipeline_run()
    runs.on_pipeline_error()


class Tracking:
    """Stands in for what tells MLflow; writes down what it is called with."""

    calls: ClassVar[list[tuple[str, Any]]] = []

    def after_context_created(self, context: Any) -> None:
        self.calls.append(("context", context))

    @hook_impl
    def before_pipeline_run(self, run_params: Any, pipeline: Any, catalog: Any) -> None:
        self.calls.append(("start", pipeline))

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        self.calls.append(("node", node))


def make_tracked_context(manager: Any, **training: Any) -> SimpleNamespace:
    return SimpleNamespace(_hook_manager=manager, config_loader={"parameters": {"training": training}})


def test_tracking_joins_when_a_run_starts_and_hears_all_of_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tracking, "RunTracking", Tracking)
    monkeypatch.setattr(Tracking, "calls", [])
    manager = _create_hook_manager()
    _register_hooks(manager, [TrackingHooks()])
    context = make_tracked_context(manager)
    manager.hook.after_context_created(context=context)
    assert Tracking.calls == []
    manager.hook.before_pipeline_run(run_params={}, pipeline="chain", catalog=DataCatalog())
    manager.hook.before_node_run(node="first", catalog=None, inputs={}, is_async=False, run_id="1")
    assert Tracking.calls == [("context", context), ("start", "chain"), ("node", "first")]


@pytest.mark.parametrize("node_rank", [0, 1])
def test_of_machines_that_train_together_the_first_alone_tells_mlflow(
    monkeypatch: pytest.MonkeyPatch, node_rank: int
) -> None:
    monkeypatch.setattr(run_tracking, "RunTracking", Tracking)
    monkeypatch.setattr(Tracking, "calls", [])
    manager = _create_hook_manager()
    _register_hooks(manager, [TrackingHooks()])
    context = make_tracked_context(manager, node_rank=node_rank)
    manager.hook.after_context_created(context=context)
    manager.hook.before_pipeline_run(run_params={}, pipeline="chain", catalog=DataCatalog())
    assert bool(Tracking.calls) == (node_rank == 0)


def test_each_session_has_a_tracking_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tracking, "RunTracking", Tracking)
    hooks, managers = TrackingHooks(), [_create_hook_manager(), _create_hook_manager()]
    for manager in managers:
        _register_hooks(manager, [hooks])
        manager.hook.after_context_created(context=make_tracked_context(manager))
        manager.hook.before_pipeline_run(run_params={}, pipeline=None, catalog=DataCatalog())
    first, second = (
        {plugin for plugin in manager.get_plugins() if isinstance(plugin, Tracking)} for manager in managers
    )
    assert len(first) == len(second) == 1
    assert first != second


def test_tracking_stands_where_kedro_would_load_the_plugins_own() -> None:
    manager = _create_hook_manager()
    _register_hooks(manager, settings.HOOKS)
    _register_hooks_entry_points(manager, ())
    offered = [point for point in entry_points(group="kedro.hooks") if point.value.startswith("kedro_mlflow")]
    assert [type(manager.get_plugin(point.name)) for point in offered] == [TrackingHooks]
    assert manager.get_plugin("pipeline-run-hook") is not None, "plugins with hooks of another name are loaded"


def test_results_are_the_last_lines_of_a_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = SimpleNamespace(all_outputs=lambda: {"scores"})
    monkeypatch.setattr(hooks, "describe_results", lambda catalog, outputs: [f"{catalog} {outputs}", "끝"])
    with caplog.at_level(logging.INFO, logger="podium.hooks"):
        ResultHooks().after_pipeline_run(pipeline, "catalog")  # type: ignore[arg-type]
    assert caplog.messages == ["catalog {'scores'}", "끝"]


def test_restore_is_not_tracked_as_it_brings_the_data_base_of_runs_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tracking, "RunTracking", Tracking)
    monkeypatch.setattr(Tracking, "calls", [])
    hooks = TrackingHooks()
    hooks.after_context_created(SimpleNamespace(_hook_manager=_create_hook_manager()))
    pipeline = SimpleNamespace(nodes=[SimpleNamespace(namespace="restore")])
    hooks.before_pipeline_run(run_params={"pipeline_names": ["restore"]}, pipeline=pipeline, catalog=DataCatalog())
    assert Tracking.calls == []
