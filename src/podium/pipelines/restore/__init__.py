"""A backup brought back to this machine."""

from podium.pipelines.restore.pipeline import create_pipeline

__all__ = ["create_pipeline"]
