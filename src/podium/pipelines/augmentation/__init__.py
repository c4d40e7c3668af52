"""How training images are varied: a plan, and a picture of it; no augmented files."""

from podium.pipelines.augmentation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
