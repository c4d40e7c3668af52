"""Wiring of the register pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.register.nodes import pack_model, register_model


def create_pipeline() -> Pipeline:
    """The last ensemble, or a member → a packed model, and a version of it in the registry."""
    tables = ["trained_members", "last_ensemble", "images", "folds", "targets", "classes", "attributes"]
    return Pipeline(
        [
            Node(
                pack_model,
                [*tables, "params:competition", "params:splitting", "params:ingestion", "params:registry"],
                "packed_model",
                name="pack_model",
            ),
            Node(register_model, ["packed_model", "params:registry"], "registered_model", name="register_model"),
        ],
        namespace="register",
        prefix_datasets_with_namespace=False,
    )
