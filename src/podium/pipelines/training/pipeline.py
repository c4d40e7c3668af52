"""Wiring of the training pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.training.nodes import OUTPUTS, identify_member, train_folds
from podium.pipelines.training.sources import find_sources


def create_pipeline() -> Pipeline:
    """Images, store, folds, targets, policy, variants, recipe → a member: weights, history, probabilities."""
    identity = ["recipe", "policy", "input_spec", "images", "folds", "targets", "variants", "classes"]
    others = ["member", "starting_weights", "attributes", "image_store", "finished_folds"]
    return Pipeline(
        [
            Node(
                find_sources,
                ["recipe", "params:recipes", "finished_folds", "images", "folds", "params:splitting"],
                "sources",
                name="find_sources",
            ),
            Node(
                identify_member,
                [*identity, "starting_weights", "sources", "params:splitting"],
                "member",
                name="identify_member",
            ),
            Node(
                train_folds,
                {**{name: name for name in (*identity, *others)}, "training": "params:training"},
                {name: name for name in OUTPUTS},
                name="train_folds",
            ),
        ]
    )
