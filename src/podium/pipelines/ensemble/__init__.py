"""Weigh and blend every member that fits the present split."""

from podium.pipelines.ensemble.pipeline import create_pipeline

__all__ = ["create_pipeline"]
