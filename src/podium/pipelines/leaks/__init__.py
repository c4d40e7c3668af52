"""The proof that no split tears apart what belongs together."""

from podium.pipelines.leaks.pipeline import create_pipeline

__all__ = ["create_pipeline"]
