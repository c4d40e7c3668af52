"""Offer confident test predictions as extra training images, and show what they were worth."""

from podium.pipelines.pseudo_label.pipeline import create_gain_pipeline, create_pipeline

__all__ = ["create_gain_pipeline", "create_pipeline"]
