"""Wiring of the survey pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.survey.nodes import survey_images


def create_pipeline() -> Pipeline:
    """Images → survey."""
    return Pipeline(
        [
            Node(
                survey_images,
                ["images", "competition", "params:competition", "params:ingestion", "params:survey"],
                "survey",
                name="survey_images",
            )
        ],
        namespace="survey",
        prefix_datasets_with_namespace=False,
    )
