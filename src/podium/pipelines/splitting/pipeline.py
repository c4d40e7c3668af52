"""Wiring of the splitting pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.splitting.nodes import assign_folds


def create_pipeline() -> Pipeline:
    """Images, copies → folds."""
    return Pipeline(
        [Node(assign_folds, ["images", "classes", "copies", "params:splitting"], "folds", name="assign_folds")],
        namespace="splitting",
        prefix_datasets_with_namespace=False,
    )
