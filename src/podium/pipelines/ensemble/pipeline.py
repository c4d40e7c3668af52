"""Wiring of the ensemble pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.ensemble.nodes import (
    blend_members,
    gather_members,
    judge_methods,
    rank_members,
    score_ensemble,
    weigh_members,
)


def create_ranking_pipeline() -> Pipeline:
    """Members → their scores by the configured criterion, from stored predictions."""
    tables = ["oof", "test_probabilities", "history", "images", "folds", "targets", "copies", "classes"]
    handed_over = ["submission_template", "teammate_members"]
    return Pipeline(
        [
            Node(
                gather_members,
                [*tables, *handed_over, "params:splitting", "params:ensemble"],
                "members",
                name="gather_members",
            ),
            Node(
                rank_members,
                ["members", "targets", "classes", "attributes", "params:ensemble"],
                "member_ranking",
                name="rank_members",
            ),
        ],
        namespace="ensemble",
        prefix_datasets_with_namespace=False,
    )


def create_pipeline() -> Pipeline:
    """Members → ranking, method, weights, blended probabilities, scores."""
    judged = ["method_scores", "ensemble_choice", "ensemble_nested_oof"]
    blended = ["decision", "ensemble_oof", "ensemble_probabilities", "ensemble_digests"]
    return create_ranking_pipeline() + Pipeline(
        [
            Node(
                judge_methods,
                ["members", "params:ensemble"],
                {name: name for name in judged},
                name="judge_methods",
            ),
            Node(
                weigh_members,
                ["members", "member_ranking", "ensemble_choice", "params:ensemble"],
                "ensemble_weights",
                name="weigh_members",
            ),
            Node(
                blend_members,
                ["members", "ensemble_weights", "ensemble_choice", "ensemble_nested_oof", "params:ensemble"],
                {name: name for name in blended},
                name="blend_members",
            ),
            Node(
                score_ensemble,
                [
                    "ensemble_oof", "ensemble_nested_oof", "ensemble_probabilities", "members", "targets", "classes",
                    "attributes", "params:public_share", "params:ensemble",
                ],
                "ensemble_scores",
                name="score_ensemble",
            ),
        ], namespace="ensemble", prefix_datasets_with_namespace=False
    )  # fmt: skip
