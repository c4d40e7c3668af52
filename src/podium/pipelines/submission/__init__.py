"""The file that the organisers want."""

from podium.pipelines.submission.pipeline import create_pipeline

__all__ = ["create_pipeline"]
