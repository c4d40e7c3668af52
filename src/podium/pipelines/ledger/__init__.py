"""Scores from the board, beside what was expected, and what chance alone does to them."""

from podium.pipelines.ledger.pipeline import create_pipeline

__all__ = ["create_pipeline"]
