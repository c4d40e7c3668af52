"""One trial of a sweep: a member of one recipe, and nothing else that is kept."""

from podium.pipelines.trial.pipeline import create_pipeline

__all__ = ["create_pipeline"]
