"""Wiring of the selection pipeline, which every other pipeline begins with."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.selection.nodes import select_competition, select_recipe


def create_pipeline() -> Pipeline:
    """Chosen names → competition, recipe."""
    return Pipeline(
        [
            Node(
                select_competition,
                ["params:competition", "params:competitions"],
                "competition",
                name="select_competition",
            ),
            Node(select_recipe, ["params:recipe", "params:recipes"], "recipe", name="select_recipe"),
        ],
        namespace="selection",
        prefix_datasets_with_namespace=False,
    )
