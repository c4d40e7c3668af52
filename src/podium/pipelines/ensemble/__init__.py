"""Rank, choose, judge and blend every member that fits the present split."""

from podium.pipelines.ensemble.pipeline import create_pipeline, create_ranking_pipeline

__all__ = ["create_pipeline", "create_ranking_pipeline"]
