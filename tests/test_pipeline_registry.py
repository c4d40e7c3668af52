from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from podium.pipeline_registry import register_pipelines

CATALOG = Path(__file__).parents[1] / "conf" / "base" / "catalog"
SOURCE = Path(__file__).parents[1] / "src" / "podium"
PIPELINES = register_pipelines()
STAGES = [
    "ingestion", "survey", "copies", "splitting", "leaks", "labels", "augmentation", "training", "evaluation",
    "submission",
]  # fmt: skip
COMPARE = {
    "check_answers",
    "measure_agreement",
    "show_agreement",
    "show_answers",
    "vote",
    "list_contested_images",
    "answer_by_vote",
    "share_split",
}
EXPLORE = {
    "count_classes",
    "count_attributes",
    "show_class_counts",
    "show_attribute_tables",
    "show_numbers",
    "measure_sizes",
    "show_sizes",
    "draw_class_sheet",
    "draw_class_sheets",
    "draw_policy_sheet",
    "link_classes",
}
LEDGER = {"note_score", "draw_boards", "judge_gains", "propose_pair", "show_ledger"}
PRUNE = {"list_superseded", "delete_superseded"}
PSEUDO_LABEL = {"blend_each_fold", "choose_pseudo_labels", "tabulate_pseudo_labels", "measure_pseudo_label_gain"}
PACKED = {"pack_model", "register_model", "export_networks"}
REPORT = {
    "require_training",
    "gather_reported",
    "score_reported",
    "suspect_labels",
    "list_contested_test_images",
    "compare_configurations",
    "draw_heat_maps",
    "link_predictions",
    "choose_shown_images",
    "lay_out_sections",
    "write_report",
}
RESTORE = {"restore_workspace"}
SHIFT = {"compare_subsets", "validate_adversarially", "draw_test_like"}
SWEEP = {"select_base", "plan_sweep", "work_off", "read_queue", "tabulate_sweep", "show_sweep"}
TRIAL = {"fill_store", "score_trial"}
TUNING = {"gather_trial", "trace_lr", "try_batch_sizes", "suggest_settings"}


def list_entries() -> dict[str, dict[str, Any]]:
    """Return all datasets of the catalog as they are written there, by name."""
    entries = [yaml.safe_load(file.read_text(encoding="utf-8")) or {} for file in CATALOG.glob("*.yml")]
    return {name: entry for part in entries for name, entry in part.items() if not name.startswith("_")}


def name_functions(pipeline: str) -> list[str]:
    """Name the functions of a pipeline's nodes, in the order in which they run."""
    return [node.func.__name__ for node in PIPELINES[pipeline].nodes]


def test_every_stage_and_chain_has_its_name() -> None:
    chains = {"train", "tuning", "ensemble", "rank", "__default__"}
    beside = {"compare", "share", "ledger", "pseudo_label", "pseudo_label_gain", "report", "explore", "shift"}
    beside |= {"prune", "restore", "sweep", "sweep_results", "trial"}
    packed = {"register", "export"}
    assert set(PIPELINES) == {*STAGES, *chains, *beside, *packed}


def test_default_holds_every_node_of_every_pipeline_but_those_beside_it_once() -> None:
    everywhere = {name for pipeline in PIPELINES for name in name_functions(pipeline)}
    names = name_functions("__default__")
    assert len(names) == len(set(names))
    beside = TUNING | COMPARE | EXPLORE | LEDGER | PRUNE | PSEUDO_LABEL | REPORT | RESTORE | SHIFT | SWEEP | TRIAL
    beside |= PACKED
    assert set(names) == everywhere - beside
    assert everywhere > beside


def test_nodes_are_named_after_their_pipeline_and_their_function() -> None:
    for node in (node for pipeline in PIPELINES.values() for node in pipeline.nodes):
        folder = node.func.__module__.split(".")[2]
        assert node.name == f"{folder}.{node.func.__name__}"


def test_type_hints_of_every_node_can_be_read_else_kedro_warns_at_each_run() -> None:
    for pipeline in PIPELINES.values():
        for node in pipeline.nodes:
            assert get_type_hints(node.func)


def test_every_node_is_in_a_namespace_that_kedro_viz_collapses_and_datasets_are_not() -> None:
    folders = {path.parent.name for path in SOURCE.glob("pipelines/*/pipeline.py")}
    for pipeline in PIPELINES.values():
        assert {node.namespace for node in pipeline.nodes} <= folders
        assert not [name for name in pipeline.datasets() if "." in name.removeprefix("params:")]


def test_default_and_train_need_nothing_but_parameters_and_what_was_trained_or_handed_over_before() -> None:
    earlier = {"finished_folds", "pseudo_labels", "earlier_copy_pairs"}
    for name, expected in (
        ("__default__", earlier | {"teammate_members"}),
        ("train", earlier),
        ("tuning", {"finished_folds", "earlier_copy_pairs"}),
    ):
        inputs = {part for part in PIPELINES[name].inputs() if not part.startswith("params:")}
        assert inputs == expected, name


def test_trial_writes_nothing_but_its_member() -> None:
    kept = {name for name, entry in list_entries().items() if entry["type"] != "MemoryDataset"}
    assert PIPELINES["trial"].all_outputs() & kept == {"weights", "oof", "test_probabilities", "history"}


def test_workers_of_a_sweep_prepare_what_all_trials_read() -> None:
    prepared = PIPELINES["sweep"].all_outputs() | {"finished_folds", "pseudo_labels"}
    read = {name for name in PIPELINES["trial"].inputs() if not name.startswith("params:")}
    assert read <= prepared


def test_ensemble_trains_nothing() -> None:
    names = set(name_functions("ensemble"))
    assert not names & {"train_folds", "ingest_images", "assign_folds"}
    assert {"weigh_members", "answer_template"} <= names


def test_train_submits_nothing() -> None:
    assert not set(name_functions("train")) & {"weigh_members", "answer_template"}


def test_every_dataset_between_nodes_stands_in_the_catalog_and_no_other() -> None:
    used = {part for pipeline in PIPELINES.values() for part in pipeline.datasets() if not part.startswith("params:")}
    assert used == set(list_entries())


def test_members_are_read_only_after_this_runs_own_is_trained() -> None:
    order = name_functions("__default__")
    assert order.index("assign_folds") < order.index("identify_member") < order.index("train_folds")
    assert (
        order.index("train_folds")
        < order.index("gather_members")
        < order.index("weigh_members")
        < order.index("answer_template")
    )


def test_nothing_is_written_before_all_images_were_read() -> None:
    for name in ("train", "__default__", "tuning", "explore"):
        order = name_functions(name)
        before = PIPELINES[name].nodes[: order.index("ingest_images")]
        kept = {name for name, entry in list_entries().items() if entry["type"] != "MemoryDataset"}
        assert not {written for node in before for written in node.outputs} & kept, name


def test_tuning_trains_no_member() -> None:
    assert not set(name_functions("tuning")) & {"identify_member", "train_folds"}


def find_layers() -> dict[str, str]:
    """Name the layer of each dataset, in which Kedro-Viz draws it."""
    return {name: entry.get("metadata", {}).get("kedro-viz", {}).get("layer") for name, entry in list_entries().items()}


@pytest.mark.parametrize("name", sorted(PIPELINES))
def test_layers_can_be_put_in_an_order_else_kedro_viz_shows_none(name: str) -> None:
    layers, before = find_layers(), defaultdict(set)
    for node in PIPELINES[name].nodes:
        for written in node.outputs:
            sources = {layers.get(read) for read in node.inputs} - {None, layers[written]}
            before[layers[written]] |= sources
    order = list(TopologicalSorter(before).static_order())
    assert set(order) <= {"raw", "intermediate", "primary", "model_input", "models", "model_output", "reporting"}
