"""Wiring of the tuning pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines import training
from podium.pipelines.tuning.nodes import gather_trial, suggest_settings, trace_lr, try_batch_sizes


def create_pipeline() -> Pipeline:
    """What training would read → a range test, batch sizes, and what to write into the recipe."""
    recipe = ["recipe", "policy", "input_spec", "starting_weights", "sources"]
    tables = ["images", "classes", "attributes", "image_store", "folds", "targets", "variants", "finished_folds"]
    machine = ["trial", "params:training", "params:tuning"]
    return training.create_pipeline().only_nodes("training.find_sources") + Pipeline(
        [
            Node(gather_trial, [*recipe, *tables, "params:splitting"], "trial", name="gather_trial"),
            Node(trace_lr, machine, "lr_curve", name="trace_lr"),
            Node(try_batch_sizes, machine, "batch_sizes", name="try_batch_sizes"),
            Node(
                suggest_settings,
                ["recipe", "lr_curve", "batch_sizes"],
                {"tuning": "tuning", "lr_curve_picture": "lr_curve_picture"},
                name="suggest_settings",
            ),
        ],
        namespace="tuning",
        prefix_datasets_with_namespace=False,
    )
