"""Around a run: where it takes place, who may run beside it, and what an ended training leaves."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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
from podium.sweeps.hooks import SweepHooks, expect_data


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
    SweepHooks().before_node_run(SimpleNamespace(name="sweep.plan_sweep"), DataCatalog(), {})
    assert locks._held
    SweepHooks().before_node_run(SimpleNamespace(name="sweep.work_off"), DataCatalog(), {})
    assert not locks._held


def make_inputs(folder: Path, member: str = "trial_member") -> dict[str, Any]:
    identity = {"name": "레시피-1", "split_digest": "s", "content_digest": "c"}
    return {member: identity, "params:training": {"checkpoint_dir": folder}}


FINISHED = DataCatalog({"finished_folds": MemoryDataset({"레시피-1/fold_0": "by now"})})
TRAIN = SimpleNamespace(name="training.train_folds")


@pytest.fixture(autouse=True)
def no_expectation() -> Iterator[None]:
    yield
    expect_data({})


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Let another process train the member, until the function is called."""
    source = "import sys; from pathlib import Path; from podium.locks import RunLock; "
    hold = "RunLock(Path(sys.argv[1]), 'x').acquire(); print('held', flush=True); sys.stdin.read()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    path = tmp_path / ".locks" / "레시피-1"
    with subprocess.Popen(
        [sys.executable, "-c", source + hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        yield process.stdin.close
        process.kill()


def test_trial_waits_for_whoever_trains_its_member_and_goes_on_with_what_that_finished(
    tmp_path: Path, elsewhere: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        elsewhere()

    monkeypatch.setattr("podium.locks.time.sleep", sleep)
    found = SweepHooks().before_node_run(TRAIN, FINISHED, make_inputs(tmp_path))
    assert waited
    assert found == {"finished_folds": {"레시피-1/fold_0": "by now"}}
    locks.release_all()


def test_run_by_hand_never_trains_a_member_beside_a_trial(tmp_path: Path, elsewhere: Callable[[], None]) -> None:
    with pytest.raises(InputError, match="'레시피-1' is active"):
        SweepHooks().before_node_run(TRAIN, FINISHED, make_inputs(tmp_path, "member"))


@pytest.mark.parametrize("member", ["member", "trial_member"])
def test_member_is_free_again_after_its_training_however_that_ended(tmp_path: Path, member: str) -> None:
    hooks = SweepHooks()
    hooks.before_node_run(TRAIN, FINISHED, make_inputs(tmp_path, member))
    assert len(locks._held) == 1
    hooks.after_node_run(TRAIN)
    assert not locks._held
    hooks.before_node_run(TRAIN, FINISHED, make_inputs(tmp_path, member))
    hooks.on_pipeline_error(RuntimeError("broken"), FINISHED)
    assert not locks._held


def test_trial_refuses_data_that_changed_since_its_sweep_began(tmp_path: Path) -> None:
    expect_data({"split_digest": "s", "content_digest": "older"})
    with pytest.raises(InputError, match="content_digest: c, not older"):
        SweepHooks().before_node_run(TRAIN, FINISHED, make_inputs(tmp_path))
    SweepHooks().before_node_run(TRAIN, FINISHED, make_inputs(tmp_path, "member"))  # by hand anything may be trained
    expect_data({"split_digest": "s", "content_digest": "c"})
    SweepHooks().before_node_run(TRAIN, FINISHED, make_inputs(tmp_path))
    locks.release_all()


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
