"""Wiring of the augmentation pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.augmentation.nodes import draw_contact_sheet, plan_variants, resolve_policy


def create_pipeline() -> Pipeline:
    """Targets, recipe → policy, variants, contact sheet."""
    return Pipeline(
        [
            Node(
                resolve_policy,
                ["recipe", "params:policies", "input_spec", "image_store"],
                "policy",
                name="resolve_policy",
            ),
            Node(plan_variants, ["targets", "recipe"], "variants", name="plan_variants"),
            Node(
                draw_contact_sheet,
                ["images", "classes", "image_store", "input_spec", "policy", "recipe"],
                "contact_sheet",
                name="draw_contact_sheet",
            ),
        ],
        namespace="augmentation",
        prefix_datasets_with_namespace=False,
    )
