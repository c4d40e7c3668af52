"""Wiring of the labels pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.labels.nodes import shift_labels


def create_pipeline() -> Pipeline:
    """Images, recipe → targets."""
    return Pipeline(
        [
            Node(
                shift_labels,
                ["images", "classes", "attributes", "competition", "recipe"],
                "targets",
                name="shift_labels",
            )
        ],
        namespace="labels",
        prefix_datasets_with_namespace=False,
    )
