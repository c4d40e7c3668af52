"""Wiring of the copies pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.copies.nodes import find_copies, list_conflicts, search_pairs, show_copies


def create_pipeline() -> Pipeline:
    """Images, survey → copies, conflicts between their labels, a sheet of them."""
    return Pipeline(
        [
            Node(
                search_pairs,
                ["images", "survey", "earlier_copy_pairs", "params:leaks", "params:ingestion"],
                "copy_pairs",
                name="search_pairs",
            ),
            Node(
                find_copies,
                ["images", "copy_pairs", "params:competition", "params:leaks"],
                "copies",
                name="find_copies",
            ),
            Node(list_conflicts, ["copies", "images", "classes"], "label_conflicts", name="list_conflicts"),
            Node(show_copies, ["copies", "images", "survey"], "copies_sheet", name="show_copies"),
        ],
        namespace="copies",
        prefix_datasets_with_namespace=False,
    )
