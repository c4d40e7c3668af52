"""Folds in which no group, and no copy of an image, stands on both sides."""

from podium.pipelines.splitting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
