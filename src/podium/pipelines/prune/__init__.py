"""What nobody needs any more: listed, and deleted when asked."""

from podium.pipelines.prune.pipeline import create_pipeline

__all__ = ["create_pipeline"]
