"""A stage that would not fit is not begun; one that fits is not held up."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline, pipeline

from conftest import Project
from podium import disk_hooks
from podium.disk.config import DiskConfig
from podium.disk.identity import note_identity
from podium.disk.room import Need
from podium.disk_hooks import PREDICTORS, DiskHooks, find_tracking_dir, name_arguments, predict_node
from podium.errors import InputError
from podium.pipeline_registry import register_pipelines
from podium.vision.recipe import Recipe
from small_disk import SmallDisk


def do(table: pd.DataFrame) -> pd.DataFrame:
    return table


NODE = Node(do, "a", "b", name="do", namespace="stage")


def make_catalog(folder: Path, **entry: Any) -> DataCatalog:
    tables = {
        name: {"type": "podium.datasets.optional_table.OptionalTableDataset", "filepath": str(folder / name)}
        for name in ("known_images", "known_folds")
    }
    entry = {"type": "pandas.CSVDataset", "filepath": str(folder / "b.csv"), **entry}
    return DataCatalog.from_config({"b": entry, **tables})


def make_hooks(folder: Path, uri: str = "https://tracking", env: str = "server", **disk: Any) -> DiskHooks:
    data = folder / "자료"
    parameters = {
        "competition": "꽃",
        "competitions": {"꽃": {"format": "image_folder", "root": str(folder)}},
        "recipes": {"기준": {}},
        "ingestion": {"store_dir": str(data / "02_intermediate" / "꽃" / "image_store")},
        "training": {"checkpoint_dir": str(data / "06_models" / "꽃")},
        "prune": {"min_age_hours": 0},
        "disk": {"data_root": str(data), "keep_free_gb": 0, **disk},
    }
    loader = {"parameters": parameters, "mlflow": {"server": {"mlflow_tracking_uri": uri}}}
    hooks = DiskHooks()
    context: Any = SimpleNamespace(config_loader=loader, env=env, project_path=folder)
    hooks.after_context_created(context)
    return hooks


def interrupt_fold(folder: Path) -> Path:
    """Leave checkpoints of a recipe that is gone."""
    checkpoints = folder / "자료" / "06_models" / "꽃" / "옛날-0a" / "fold_0" / "checkpoints"
    digests = {"recipe": "옛날", "recipe_digest": "r", "split_digest": "s", "content_digest": "c"}
    note_identity(checkpoints, digests, "8x8-pad")
    (checkpoints / "last.ckpt").write_bytes(bytes(500_000))
    return checkpoints


def test_stage_that_fits_is_let_through_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        make_hooks(tmp_path).before_node_run(NODE, make_catalog(tmp_path), {})
    assert caplog.messages == []


def test_stage_that_would_not_fit_is_refused_with_what_could_be_pruned(tmp_path: Path) -> None:
    checkpoints = interrupt_fold(tmp_path)
    with pytest.raises(InputError, match=r"no room for stage\.do") as error:
        make_hooks(tmp_path, quota_gb=0.0001).before_node_run(NODE, make_catalog(tmp_path / "자료"), {})
    need, remedy = error.value.cases
    assert "needs 131 kB (131 kB b)" in need and "(disk.quota_gb)" in need
    assert remedy.startswith("kedro run --env server --pipeline prune --params prune.delete=true makes room: 50")
    assert remedy.endswith(" kB may go: " + remedy.rpartition(": ")[2]) and "checkpoints" in remedy
    assert (checkpoints / "last.ckpt").exists(), "nothing is deleted unasked"


def test_no_room_is_told_even_when_nobody_can_say_what_could_go(tmp_path: Path) -> None:
    ledger = tmp_path / "자료" / "08_reporting" / "꽃" / "ledger.csv"
    ledger.parent.mkdir(parents=True)
    ledger.write_text("submission\n\x00", encoding="utf-8")
    with pytest.raises(InputError) as error:
        make_hooks(tmp_path, quota_gb=1e-9).before_node_run(NODE, make_catalog(tmp_path / "자료"), {})
    assert error.value.cases[-1] == "kedro run --env server --pipeline prune lists what may go"


def test_what_can_be_made_again_goes_by_itself_only_when_asked_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = interrupt_fold(tmp_path)
    for version in ("2026-01-01T09.15.00.000Z", "2026-01-02T09.15.00.000Z"):
        (tmp_path / "자료" / "03_primary" / "꽃" / "a.csv" / version).mkdir(parents=True)
        (tmp_path / "자료" / "03_primary" / "꽃" / "a.csv" / version / "a.csv").write_text("x", encoding="utf-8")
    hooks = make_hooks(tmp_path, quota_gb=0.0003, prune_when_short=True)
    hooks._context.config_loader["parameters"]["prune"]["keep_versions"] = 1  # type: ignore[union-attr]
    hooks.before_node_run(NODE, make_catalog(tmp_path / "자료"), {})
    assert not checkpoints.exists()
    assert f"deleted for room (disk.prune_when_short): {checkpoints}" in caplog.text
    assert len(list((tmp_path / "자료" / "03_primary" / "꽃" / "a.csv").iterdir())) == 2, "old versions stay"


def test_damaged_ledger_does_not_hide_that_there_is_no_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = tmp_path / "자료" / "08_reporting" / "꽃" / "ledger.csv"
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"\xff\xfe broken")
    hooks = make_hooks(tmp_path, quota_gb=1e-9, prune_when_short=True)
    with pytest.raises(InputError, match="There is no room for"):
        hooks.before_node_run(NODE, make_catalog(tmp_path / "자료"), {})
    assert "nothing was deleted for room: " in caplog.text


def test_pruning_itself_needs_no_room(tmp_path: Path) -> None:
    node = Node(do, "a", "b", name="delete_superseded", namespace="prune")
    make_hooks(tmp_path, quota_gb=1e-9).before_node_run(node, make_catalog(tmp_path / "자료"), {})


@pytest.mark.parametrize("versioned", [False, True])
def test_file_is_predicted_half_as_large_again_as_the_last_time(tmp_path: Path, versioned: bool) -> None:
    catalog = make_catalog(tmp_path, versioned=versioned)
    assert [need.n_bytes for need in predict_node(NODE, catalog, {}, None)] == [128 * 1024]
    catalog.save("b", pd.DataFrame({"a": range(100_000)}))
    size = max(file.stat().st_size for file in tmp_path.rglob("b.csv") if file.is_file())
    assert [need.n_bytes for need in predict_node(NODE, catalog, {}, None)] == [round(1.5 * size)]


def test_artifact_counts_twice_where_mlflow_copies_it_on_this_machine(tmp_path: Path) -> None:
    catalog = make_catalog(tmp_path, metadata={"mlflow": "artifact"})
    assert len(predict_node(NODE, catalog, {}, None)) == 1
    here, there = predict_node(NODE, catalog, {}, tmp_path / "mlruns")
    assert here.folder == tmp_path and there.folder == tmp_path / "mlruns"


@pytest.mark.parametrize(
    ("uri", "is_local"),
    [("sqlite:///mlflow.db", True), ("mlruns", True), ("https://u:p@tracking", False), ("postgresql://db/x", False)],
)
def test_artifacts_of_a_server_take_no_room_here(tmp_path: Path, uri: str, is_local: bool) -> None:
    context: Any = SimpleNamespace(
        config_loader={"mlflow": {"server": {"mlflow_tracking_uri": uri}}}, project_path=tmp_path
    )
    assert find_tracking_dir(context) == (tmp_path / "mlruns" if is_local else None)


def test_large_stage_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    needs = [Need("weights", tmp_path, 2 * 10**9)]
    monkeypatch.setattr(disk_hooks, "predict_node", lambda *arguments: needs)
    monkeypatch.setattr(disk_hooks, "require_room", lambda *arguments: None)
    monkeypatch.setattr(disk_hooks, "list_shortages", lambda *arguments: [])
    with caplog.at_level(logging.INFO, logger="podium.disk_hooks"):
        make_hooks(tmp_path).before_node_run(NODE, make_catalog(tmp_path), {})
    assert caplog.messages[0].startswith("stage.do writes up to 2.0 GB (2.0 GB weights); ")


@pytest.mark.parametrize("inputs", [["a", "params:b"], {"second": "params:b", "first": "a"}])
def test_arguments_have_their_names_whatever_datasets_are_called(inputs: Any) -> None:
    def join(first: int, second: int) -> int:
        return first - second

    node = Node(join, inputs, "c", name="join")
    (renamed,) = pipeline(Pipeline([node]), inputs={"a": "trial_a"}).nodes
    assert name_arguments(renamed, {"params:b": 2, "trial_a": 1}) == {"first": 1, "second": 2}


def predict_training(tmp_path: Path, finished: dict[str, Any], **leaves: Any) -> dict[str, Need]:
    """Ask what the training of two folds will write."""
    roots = {
        name: {"type": "partitions.PartitionedDataset", "path": str(tmp_path / name), "dataset": "pandas.CSVDataset"}
        for name in ("weights", "oof")
    }
    arguments = {
        "recipe": Recipe.model_validate({"name": "기준", "model": {"backbone": "test_resnet"}, **leaves}),
        "member": {"name": "기준-0a", "folds": [0, 1]},
        "classes": pd.DataFrame({"label": [0, 1, 2, 3], "색": ["r", "r", "g", "g"], "모양": ["x", "y", "x", "y"]}),
        "attributes": {"색": {"values": ["g", "r"]}, "모양": {"values": ["x", "y"]}},
        "images": pd.DataFrame({"image_id": range(50)}),
        "input_spec": {"height_px": 32, "width_px": 32, "resize": "stretch", "mean": [0.5] * 3, "std": [0.2] * 3},
        "finished_folds": finished,
        "training": {"checkpoint_dir": tmp_path / "checkpoints"},
    }
    needs = PREDICTORS["training.train_folds"](arguments, DataCatalog.from_config(roots), None)
    return {need.part: need for need in needs}


def test_training_is_predicted_from_the_network_that_will_be_trained(tmp_path: Path) -> None:
    parts = predict_training(tmp_path, {}, head={"name": "per_attribute"}, averaging={"name": "ema"})
    weights = parts["weights of 2 folds"]
    assert weights.folder == tmp_path / "weights" / "기준-0a"
    assert 2 * 1.4e6 < weights.n_bytes < 2 * 1.7e6  # 0.38 million parameters of four bytes
    checkpoints = parts["checkpoints of the fold in training"]
    assert checkpoints.folder == tmp_path / "checkpoints" / "기준-0a" / "fold_0" / "checkpoints"
    assert 10 * 1.4e6 < checkpoints.n_bytes < 10 * 1.8e6  # 2 of the best; twice 2 and adamw's 2 to go on from
    assert parts["probabilities and history"].folder == tmp_path / "oof" / "기준-0a"


def test_finished_folds_are_not_predicted_again(tmp_path: Path) -> None:
    one = predict_training(tmp_path, {"기준-0a/fold_0": None})
    assert "weights of 1 fold" in one
    assert one["checkpoints of the fold in training"].folder.parent.name == "fold_1"
    assert predict_training(tmp_path, {"기준-0a/fold_0": None, "기준-0a/fold_1": None}) == {}


def test_every_predicted_node_exists() -> None:
    names = {node.name for pipeline in register_pipelines().values() for node in pipeline.nodes}
    assert set(PREDICTORS) <= names


def test_defaults_hold_on_a_laptop() -> None:
    assert DiskConfig() == DiskConfig(quota_gb=None, keep_free_gb=1.0, prune_when_short=False)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_full_disk_ends_a_run_before_the_stage_and_the_same_command_goes_on_once_there_is_room(
    make_project: Any, small_disk: SmallDisk
) -> None:
    project: Project = make_project("project")
    (project.folder / "data").symlink_to(small_disk.mount(3000))
    command = ("--env", "sample", "--pipelines", "ingestion,survey", "--params", "disk.keep_free_gb=0")
    stopped = project.run(*command, check=False)
    assert stopped.returncode == 1 and "Traceback" not in stopped.stderr
    assert "There is no room for survey.survey_images, so nothing of it was begun:" in stopped.stderr
    assert "are free on its disk, so" in stopped.stderr
    intermediate = project.folder / "data" / "sample" / "02_intermediate" / "demo"
    assert (intermediate / "image_store.json").is_file() and not (intermediate / "survey").exists()
    small_disk.resize(16_000)
    went_on = project.run(*command)
    assert "decoded 0 images, 112 were known" in went_on.stdout + went_on.stderr
    assert json.loads((intermediate / "survey.json").read_text(encoding="utf-8"))["n_measured"] == 112
