"""Wiring of the report pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.report.nodes import (
    choose_shown_images,
    compare_configurations,
    draw_heat_maps,
    gather_reported,
    lay_out_sections,
    link_predictions,
    list_contested_test_images,
    require_training,
    score_reported,
    suspect_labels,
    write_report,
)


def create_pipeline() -> Pipeline:
    """Members, the last ensemble, survey → scores, suspects, contested images, configurations, heat maps, the page."""
    tables = ["images", "folds", "targets", "copies", "classes", "submission_template", "teammate_members"]
    scores = ["report_scores", "report_class_scores"]
    configured = ["configuration_differences", "configurations"]
    found = ["label_suspects", "contested_test_images", "configurations", "heat_maps", "shown_images"]
    return Pipeline(
        [
            Node(require_training, ["trained_members", "teammate_members"], "trained", name="require_training"),
            Node(
                gather_reported,
                ["trained", "last_ensemble", *tables, "params:splitting", "params:ensemble"],
                "reported",
                name="gather_reported",
            ),
            Node(
                score_reported,
                ["reported", "classes", "attributes", "params:ensemble"],
                {name: name for name in scores},
                name="score_reported",
            ),
            Node(suspect_labels, ["reported", "classes"], "label_suspects", name="suspect_labels"),
            Node(
                list_contested_test_images,
                ["reported", "classes"],
                "contested_test_images",
                name="list_contested_test_images",
            ),
            Node(
                compare_configurations,
                ["reported", "params:recipes"],
                {name: name for name in configured},
                name="compare_configurations",
            ),
            Node(
                draw_heat_maps,
                ["reported", "trained", "images", "params:report", "params:ingestion", "params:training"],
                "heat_maps",
                name="draw_heat_maps",
            ),
            Node(
                link_predictions,
                ["reported", "images", "classes", "competition"],
                {name: name for name in ["by_prediction", "missing_originals"]},
                name="link_predictions",
            ),
            Node(
                choose_shown_images,
                ["reported", "images", "folds", "label_suspects", "survey", "competition", "params:report"],
                "shown_images",
                name="choose_shown_images",
            ),
            Node(
                lay_out_sections,
                [
                    "reported", *scores, *found, "missing_originals", "images", "folds", "classes", "attributes",
                    "reported_label_version", "leak_proof", "params:competition", "params:ensemble", "params:leaks",
                ],
                "report_sections",
                name="lay_out_sections",
            ),
            Node(
                write_report,
                [
                    "reported", "shown_images", "report_sections", "label_suspects", "heat_maps", "classes",
                    "attributes", "params:competition",
                ],
                "report_page",
                name="write_report",
            ),
        ],
        namespace="report",
        prefix_datasets_with_namespace=False,
    )  # fmt: skip
