"""What teammates hand over, side by side, and one submission from all of it."""

from podium.pipelines.compare.pipeline import create_pipeline, create_share_pipeline

__all__ = ["create_pipeline", "create_share_pipeline"]
