"""Train against test: which properties differ, and can the two be told apart."""

from podium.pipelines.shift.pipeline import create_pipeline

__all__ = ["create_pipeline"]
