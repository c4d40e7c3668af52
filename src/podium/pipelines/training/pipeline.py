"""Wiring of the training pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.training.nodes import OUTPUTS, identify_member, train_folds


def create_pipeline() -> Pipeline:
    """Images, store, folds, targets, policy, variants, recipe → a member: weights, history, probabilities."""
    identity = ["recipe", "policy", "input_spec", "images", "folds", "targets", "variants"]
    return Pipeline(
        [
            Node(identify_member, [*identity, "classes", "params:splitting"], "member", name="identify_member"),
            Node(
                train_folds,
                {
                    **{name: name for name in ("member", *identity, "classes", "image_store", "finished_folds")},
                    "training": "params:training",
                },
                {name: name for name in OUTPUTS},
                name="train_folds",
            ),
        ]
    )
