"""Wiring of the training pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.training.extra_images import choose_extra_images
from podium.pipelines.training.nodes import OUTPUTS, identify_member, train_folds
from podium.pipelines.training.sources import find_sources


def create_pipeline() -> Pipeline:
    """Images, store, folds, targets, policy, variants, recipe → a member: weights, history, probabilities."""
    identity = ["recipe", "policy", "input_spec", "images", "folds", "targets", "variants", "classes"]
    others = ["member", "starting_weights", "attributes", "image_store", "finished_folds", "extra_images"]
    return Pipeline(
        [
            Node(
                find_sources,
                ["recipe", "params:recipes", "finished_folds", "images", "folds", "params:splitting"],
                "sources",
                name="find_sources",
            ),
            Node(
                choose_extra_images,
                ["recipe", "pseudo_labels", "images", "folds", "copies", "params:splitting"],
                "extra_images",
                name="choose_extra_images",
            ),
            Node(
                identify_member,
                [
                    *identity,
                    "starting_weights",
                    "sources",
                    "extra_images",
                    "leak_proof",
                    "params:leaks",
                    "params:splitting",
                ],
                "member",
                name="identify_member",
            ),
            Node(
                train_folds,
                {**{name: name for name in (*identity, *others)}, "training": "params:training"},
                {name: name for name in OUTPUTS},
                name="train_folds",
            ),
        ],
        namespace="training",
        prefix_datasets_with_namespace=False,
    )
