"""Wiring of the pseudo_label pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.pseudo_label.nodes import (
    blend_each_fold,
    choose_pseudo_labels,
    measure_pseudo_label_gain,
    tabulate_pseudo_labels,
)


def create_pipeline() -> Pipeline:
    """Weights of the ensemble, members → pseudo labels, a table of classes, and what earlier ones brought."""
    tables = ["images", "folds", "targets"]
    blended = ["fold_oof", "fold_test_probabilities"]
    return create_gain_pipeline() + Pipeline(
        [
            Node(
                blend_each_fold,
                ["ensemble_weights", "oof", "test_probabilities", "images", "folds", "params:splitting"],
                {name: name for name in blended},
                name="blend_each_fold",
            ),
            Node(
                choose_pseudo_labels,
                ["fold_test_probabilities", *tables, "copies", "params:pseudo_label"],
                "pseudo_labels",
                name="choose_pseudo_labels",
            ),
            Node(
                tabulate_pseudo_labels,
                {
                    **{name: name for name in ("pseudo_labels", *blended, "folds", "targets", "classes")},
                    "pseudo_label": "params:pseudo_label",
                },
                "pseudo_label_classes",
                name="tabulate_pseudo_labels",
            ),
        ],
        namespace="pseudo_label",
        prefix_datasets_with_namespace=False,
    )


def create_gain_pipeline() -> Pipeline:
    """Members with and without pseudo labels → the difference of their scores."""
    return Pipeline(
        [
            Node(
                measure_pseudo_label_gain,
                ["oof", "history", "params:recipes", "images", "folds", "targets", "classes", "params:splitting"],
                "pseudo_label_gain",
                name="measure_pseudo_label_gain",
            )
        ],
        namespace="pseudo_label",
        prefix_datasets_with_namespace=False,
    )
