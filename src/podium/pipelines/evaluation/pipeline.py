"""Wiring of the evaluation pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.evaluation.nodes import (
    collect_predictions,
    list_worst_images,
    score_each_class,
    score_member,
    show_confusion,
    show_learning_curves,
)


def create_pipeline() -> Pipeline:
    """Member, targets → scores, scores of classes, confusion, learning curves, worst images."""
    scored = ["oof_predictions", "targets", "classes"]
    plots = ["confusion_plot", "confusion_picture", "attribute_confusion_plot", "attribute_confusion_picture"]
    return Pipeline(
        [
            Node(collect_predictions, ["member", "oof", "recipe"], "oof_predictions", name="collect_predictions"),
            Node(score_member, ["member", *scored, "attributes"], "scores", name="score_member"),
            Node(score_each_class, scored, "class_scores", name="score_each_class"),
            Node(
                show_confusion,
                ["member", *scored, "attributes"],
                {name: name for name in plots},
                name="show_confusion",
            ),
            Node(show_learning_curves, ["member", "history", "recipe"], "learning_curves", name="show_learning_curves"),
            Node(list_worst_images, scored, "worst_images", name="list_worst_images"),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )
