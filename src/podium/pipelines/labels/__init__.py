"""Labels to train on, beside the true ones."""

from podium.pipelines.labels.pipeline import create_pipeline

__all__ = ["create_pipeline"]
