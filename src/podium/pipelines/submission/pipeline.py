"""Wiring of the submission pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.submission.nodes import answer_template
from podium.pipelines.submission.page import describe_submission


def create_pipeline() -> Pipeline:
    """Blended probabilities, template → submission, and the page beside it."""
    inputs = ["ensemble_probabilities", "submission_template", "classes", "targets", "quarantined_images"]
    ensemble = [
        "ensemble_scores", "ensemble_weights", "member_ranking", "method_scores", "ensemble_choice", "decision",
    ]  # fmt: skip
    return Pipeline(
        [
            Node(answer_template, inputs, "submission", name="answer_template"),
            Node(
                describe_submission,
                ["submission", "params:competition", *ensemble, "classes", "targets", "ensemble_digests"],
                "submission_page",
                name="describe_submission",
            ),
        ],
        namespace="submission",
        prefix_datasets_with_namespace=False,
    )
