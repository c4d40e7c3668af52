"""From the organisers' folder to one checked table of images and a store of their pixels."""

from podium.pipelines.ingestion.pipeline import create_input_pipeline, create_pipeline, create_store_pipeline

__all__ = ["create_input_pipeline", "create_pipeline", "create_store_pipeline"]
