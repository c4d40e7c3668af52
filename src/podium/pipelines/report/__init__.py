"""One page of what was trained: scores, curves, configurations, suspects, and every image to look at."""

from podium.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
