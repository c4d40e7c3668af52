"""Wiring of the ingestion pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.ingestion.nodes import correct_labels, fill_store, ingest_images, list_images, resolve_input


def create_input_pipeline() -> Pipeline:
    """Recipe → what its backbone wants to be shown, and the weights that it starts from."""
    return Pipeline(
        [
            Node(
                resolve_input,
                ["recipe", "params:weights_dir"],
                ["input_spec", "starting_weights"],
                name="resolve_input",
            )
        ],
        namespace="ingestion",
        prefix_datasets_with_namespace=False,
    )


def create_store_pipeline() -> Pipeline:
    """Images that were ingested before → their pixels as another recipe wants them; writes no table."""
    return Pipeline(
        [
            Node(
                fill_store,
                ["images", "competition", "input_spec", "params:ingestion"],
                "image_store",
                name="fill_store",
            )
        ],
        namespace="ingestion",
        prefix_datasets_with_namespace=False,
    )


def create_pipeline() -> Pipeline:
    """Organisers' files → listing → the team's labels → checked images, classes, template, and the store of pixels."""
    tables = [
        "images",
        "classes",
        "attributes",
        "submission_template",
        "quarantined_images",
        "label_changes",
        "label_version",
        "image_store",
    ]
    return create_input_pipeline() + Pipeline(
        [
            Node(list_images, ["competition", "params:competition", "recipe"], "listing", name="list_images"),
            Node(
                correct_labels,
                ["listing", "competition", "params:competition"],
                "corrected_listing",
                name="correct_labels",
            ),
            Node(
                ingest_images,
                ["corrected_listing", "competition", "input_spec", "params:ingestion"],
                {name: name for name in tables},
                name="ingest_images",
            ),
        ],
        namespace="ingestion",
        prefix_datasets_with_namespace=False,
    )
