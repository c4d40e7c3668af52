"""Wiring of the selection pipeline, which every other pipeline begins with."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.selection.nodes import select_base, select_competition, select_recipe


def create_pipeline() -> Pipeline:
    """Chosen names → competition, recipe."""
    return _name(
        [_make_competition(), Node(select_recipe, ["params:recipe", "params:recipes"], "recipe", name="select_recipe")]
    )


def create_sweep_pipeline() -> Pipeline:
    """Chosen names → competition, and the recipe that a sweep's images are prepared for."""
    chosen = ["params:sweep", "params:sweeps", "params:recipes"]
    return _name([_make_competition(), Node(select_base, chosen, "recipe", name="select_base")])


def _make_competition() -> Node:
    return Node(
        select_competition, ["params:competition", "params:competitions"], "competition", name="select_competition"
    )


def _name(nodes: list[Node]) -> Pipeline:
    return Pipeline(nodes, namespace="selection", prefix_datasets_with_namespace=False)
