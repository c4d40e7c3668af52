"""Train the recipe, fold by fold."""

from podium.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
