"""Scores of a member, from its predictions alone; needs no GPU."""

from podium.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
