"""Around a run: where it takes place, who may run beside it, and what an ended training leaves."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from kedro.io import DataCatalog, MemoryDataset

from podium import locks
from podium.epochs import StopTrainingError
from podium.errors import InputError
from podium.locks import RunLock
from podium.sweeps.hooks import SweepHooks


def test_nodes_are_told_where_the_run_takes_place() -> None:
    hooks, catalog = SweepHooks(), DataCatalog({"run_origin": MemoryDataset()})
    loader = SimpleNamespace(runtime_params={"sweep": "찾기"})
    context: Any = SimpleNamespace(project_path=Path("/프로젝트"), env="sample", config_loader=loader)
    hooks.after_context_created(context)
    hooks.after_catalog_created(catalog)
    assert catalog.load("run_origin") == {"project": "/프로젝트", "env": "sample", "params": {"sweep": "찾기"}}
    hooks.after_catalog_created(DataCatalog())  # of a project without sweeps


class Loader(dict[str, Any]):
    runtime_params: ClassVar[dict[str, Any]] = {}


@pytest.mark.parametrize(("chosen", "told"), [("", "choose one of 밤"), ("낮", "there is no sweep '낮'"), ("밤", "")])
def test_sweep_that_is_not_named_or_not_there_is_told_before_the_first_node(chosen: str, told: str) -> None:
    hooks = SweepHooks()
    parameters = {"sweep": chosen, "sweeps": {"밤": {"kind": "recipes", "recipes": ["a"]}}}
    context: Any = SimpleNamespace(project_path=Path(), env=None, config_loader=Loader(parameters=parameters))
    hooks.after_context_created(context)
    hooks.before_pipeline_run(SimpleNamespace(nodes=[SimpleNamespace(name="ingestion.list_images")]))
    asks = pytest.raises(InputError, match="Which sweep") if told else nullcontext()
    with asks as error:
        hooks.before_pipeline_run(SimpleNamespace(nodes=[SimpleNamespace(name="sweep.plan_sweep")]))
    assert error is None or told in error.value.cases[0]


def test_competition_is_free_once_the_worker_begins_its_trials(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "run.lock", "꽃")
    lock.acquire()
    SweepHooks().before_node_run(SimpleNamespace(name="sweep.plan_sweep"), {})
    assert locks._held
    SweepHooks().before_node_run(SimpleNamespace(name="sweep.work_off"), {})
    assert not locks._held


def make_inputs(folder: Path) -> dict[str, Any]:
    return {"trial_member": {"name": "레시피-1"}, "params:training": {"checkpoint_dir": folder}}


def test_member_is_trained_by_one_trial_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def acquire(lock: RunLock) -> None:
        taken.append(lock._path)
        raise InputError("Another run", ["process 7"])

    monkeypatch.setattr(RunLock, "acquire", acquire)
    node = SimpleNamespace(name="training.train_folds")
    SweepHooks().before_node_run(node, {"member": {"name": "x"}})  # by hand the whole competition is locked
    with pytest.raises(InputError):
        SweepHooks().before_node_run(node, make_inputs(tmp_path))
    assert taken == [tmp_path / ".locks" / "레시피-1"]


@pytest.mark.parametrize("error", [StopTrainingError("behind"), RuntimeError("broken")])
def test_training_that_was_ended_early_leaves_nothing_and_a_broken_one_its_checkpoints(
    tmp_path: Path, error: Exception
) -> None:
    for fold, file in ((0, "weights.safetensors"), (1, "checkpoints/last.ckpt")):
        path = tmp_path / "레시피-1" / f"fold_{fold}" / file
        path.parent.mkdir(parents=True)
        path.touch()
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in make_inputs(tmp_path).items()})
    SweepHooks().on_pipeline_error(error, catalog)
    left = sorted(path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path.is_file())
    kept = [] if isinstance(error, StopTrainingError) else ["레시피-1/fold_1/checkpoints"]
    assert left == ["레시피-1/fold_0", *kept]


def test_member_of_which_nothing_was_finished_is_gone_altogether(tmp_path: Path) -> None:
    (tmp_path / "레시피-1" / "fold_0" / "checkpoints").mkdir(parents=True)
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in make_inputs(tmp_path).items()})
    SweepHooks().on_pipeline_error(StopTrainingError("behind"), catalog)
    assert list(tmp_path.iterdir()) == []
