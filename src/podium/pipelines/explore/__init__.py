"""What a competition looks like: counts, sizes, sheets of pictures, and folders to look at."""

from podium.pipelines.explore.pipeline import create_pipeline

__all__ = ["create_pipeline"]
