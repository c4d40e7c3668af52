"""Wiring of the prune pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.prune.nodes import delete_superseded, list_superseded


def create_pipeline() -> Pipeline:
    """Configuration, images, folds → what may go → what went."""
    names = ["competition", "competitions", "recipes"]
    settings = ["ingestion", "survey", "training", "disk", "prune"]
    return Pipeline(
        [
            Node(
                list_superseded,
                [
                    *(f"params:{name}" for name in names),
                    "known_images",
                    "known_folds",
                    *(f"params:{name}" for name in settings),
                ],
                "superseded",
                name="list_superseded",
            ),
            Node(delete_superseded, ["superseded", "known_images", "params:prune"], "pruned", name="delete_superseded"),
        ],
        namespace="prune",
        prefix_datasets_with_namespace=False,
    )
