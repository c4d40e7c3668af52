"""From the names that were chosen to the competition and the recipe that they mean."""

from podium.pipelines.selection.pipeline import create_pipeline, create_sweep_pipeline

__all__ = ["create_pipeline", "create_sweep_pipeline"]
