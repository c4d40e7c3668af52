"""Wiring of the export pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.export.nodes import export_networks


def create_pipeline() -> Pipeline:
    """A packed model → its networks as ONNX, each proven."""
    outputs = ["onnx_models", "onnx_parity"]
    return Pipeline(
        [
            Node(
                export_networks,
                ["packed_model", "images", "competition", "params:export"],
                {name: name for name in outputs},
                name="export_networks",
            )
        ],
        namespace="export",
        prefix_datasets_with_namespace=False,
    )
