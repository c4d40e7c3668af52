"""One look at every picture: properties, thumbnails and keypoints, kept by content."""

from podium.pipelines.survey.pipeline import create_pipeline

__all__ = ["create_pipeline"]
