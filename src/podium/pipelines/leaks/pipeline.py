"""Wiring of the leaks pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.leaks.nodes import prove_no_leak


def create_pipeline() -> Pipeline:
    """Images, folds, copies → leaks and the proof that there are none."""
    return Pipeline(
        [
            Node(
                prove_no_leak,
                ["images", "folds", "copies", "label_conflicts", "params:leaks"],
                {"leaks": "leaks", "leak_proof": "leak_proof"},
                name="prove_no_leak",
            )
        ],
        namespace="leaks",
        prefix_datasets_with_namespace=False,
    )
