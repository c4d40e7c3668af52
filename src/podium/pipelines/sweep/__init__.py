"""Work off a sweep's queue, and tell what came out."""

from podium.pipelines.sweep.pipeline import create_pipeline, create_results_pipeline

__all__ = ["create_pipeline", "create_results_pipeline"]
