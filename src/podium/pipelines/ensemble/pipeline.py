"""Wiring of the ensemble pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.ensemble.nodes import blend_probabilities, score_ensemble, weigh_members


def create_pipeline() -> Pipeline:
    """Members → weights, blended probabilities, scores."""
    members = ["oof", "test_probabilities"]
    blended = ["ensemble_oof", "ensemble_probabilities"]
    return Pipeline(
        [
            Node(
                weigh_members,
                [*members, "history", "images", "folds", "targets", "classes", "attributes", "params:splitting"],
                "ensemble_weights",
                name="weigh_members",
            ),
            Node(
                blend_probabilities,
                ["ensemble_weights", *members, "params:splitting"],
                {name: name for name in blended},
                name="blend_probabilities",
            ),
            Node(
                score_ensemble,
                ["ensemble_oof", "targets", "classes", "attributes"],
                "ensemble_scores",
                name="score_ensemble",
            ),
        ]
    )
