from pathlib import Path

import yaml

from podium.pipeline_registry import register_pipelines

CATALOG = Path(__file__).parents[1] / "conf" / "base" / "catalog"
PIPELINES = register_pipelines()
STAGES = ["ingestion", "splitting", "labels", "augmentation", "training", "evaluation", "submission"]
TUNING = {"gather_trial", "trace_lr", "try_batch_sizes", "suggest_settings"}


def list_catalog() -> set[str]:
    entries = [yaml.safe_load(file.read_text(encoding="utf-8")) or {} for file in CATALOG.glob("*.yml")]
    return {name for part in entries for name in part if not name.startswith("_")}


def test_every_stage_and_chain_has_its_name() -> None:
    assert set(PIPELINES) == {*STAGES, "train", "tuning", "ensemble", "__default__"}


def test_default_holds_every_node_of_every_pipeline_but_tuning_once() -> None:
    everywhere = {node.name for pipeline in PIPELINES.values() for node in pipeline.nodes}
    names = [node.name for node in PIPELINES["__default__"].nodes]
    assert len(names) == len(set(names))
    assert set(names) == everywhere - TUNING
    assert everywhere > TUNING


def test_nodes_are_named_after_their_functions() -> None:
    for node in (node for pipeline in PIPELINES.values() for node in pipeline.nodes):
        assert node.name == node.func.__name__


def test_default_and_train_need_nothing_but_parameters_and_what_was_trained_before() -> None:
    for name in ("__default__", "train", "tuning"):
        inputs = {part for part in PIPELINES[name].inputs() if not part.startswith("params:")}
        assert inputs == {"finished_folds"}, name


def test_ensemble_trains_nothing() -> None:
    names = {node.name for node in PIPELINES["ensemble"].nodes}
    assert not names & {"train_folds", "ingest_images", "assign_folds"}
    assert {"weigh_members", "answer_template"} <= names


def test_train_submits_nothing() -> None:
    assert not {node.name for node in PIPELINES["train"].nodes} & {"weigh_members", "answer_template"}


def test_every_dataset_between_nodes_stands_in_the_catalog_and_no_other() -> None:
    used = {part for pipeline in PIPELINES.values() for part in pipeline.datasets() if not part.startswith("params:")}
    assert used == list_catalog()


def test_members_are_read_only_after_this_runs_own_is_trained() -> None:
    order = [node.name for node in PIPELINES["__default__"].nodes]
    assert order.index("assign_folds") < order.index("identify_member") < order.index("train_folds")
    assert order.index("train_folds") < order.index("weigh_members") < order.index("answer_template")


def test_tuning_trains_no_member() -> None:
    assert not {node.name for node in PIPELINES["tuning"].nodes} & {"identify_member", "train_folds"}
