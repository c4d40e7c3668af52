"""What to write into a recipe: a learning rate, and a batch size that fits."""

from podium.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
