"""Wiring of the submission pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.submission.nodes import answer_template


def create_pipeline() -> Pipeline:
    """Blended probabilities, template → submission."""
    inputs = ["ensemble_probabilities", "submission_template", "classes", "targets", "quarantined_images"]
    return Pipeline([Node(answer_template, inputs, "submission", name="answer_template")])
