"""Export the networks of a packed model as ONNX."""

from podium.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
