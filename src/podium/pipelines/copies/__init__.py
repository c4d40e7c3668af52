"""Copies of images, and conflicts between their labels."""

from podium.pipelines.copies.pipeline import create_pipeline

__all__ = ["create_pipeline"]
