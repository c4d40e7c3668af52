"""Pack a model and put it into the registry."""

from podium.pipelines.register.pipeline import create_pipeline

__all__ = ["create_pipeline"]
