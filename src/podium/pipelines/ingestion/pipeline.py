"""Wiring of the ingestion pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.ingestion.nodes import ingest_images, list_images, resolve_input


def create_pipeline() -> Pipeline:
    """Organisers' files → listed images, classes, template → checked images and the store of their pixels."""
    listing = ["listed_images", "classes", "attributes", "submission_template"]
    ingested = ["images", "quarantined_images", "image_store"]
    return Pipeline(
        [
            Node(resolve_input, "recipe", "input_spec", name="resolve_input"),
            Node(
                list_images,
                ["competition", "params:competition"],
                {name: name for name in listing},
                name="list_images",
            ),
            Node(
                ingest_images,
                ["listed_images", "competition", "input_spec", "params:ingestion"],
                {name: name for name in ingested},
                name="ingest_images",
            ),
        ]
    )
