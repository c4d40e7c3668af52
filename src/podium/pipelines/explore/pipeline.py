"""Wiring of the explore pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.explore.nodes import (
    count_attributes,
    count_classes,
    draw_class_sheet,
    draw_class_sheets,
    draw_policy_sheet,
    link_classes,
    measure_sizes,
    show_attribute_tables,
    show_class_counts,
    show_numbers,
    show_sizes,
)


def create_pipeline() -> Pipeline:
    """Images, classes, survey → counts, sizes, sheets of pictures, folders of links."""
    name = "params:competition"
    class_counts = ["class_counts_plot", "class_counts_picture"]
    attribute_tables = ["attribute_tables_plot", "attribute_tables_picture"]
    numbers = ["numbers_plot", "numbers_picture"]
    image_sizes = ["image_sizes_plot", "image_sizes_picture"]
    sheet = ["images", "classes", "survey", name]
    return Pipeline(
        [
            Node(count_classes, ["images", "classes"], "class_counts", name="count_classes"),
            Node(
                count_attributes,
                ["images", "attributes"],
                ["attribute_counts", "attribute_tables"],
                name="count_attributes",
            ),
            Node(
                show_class_counts, ["class_counts", name], {key: key for key in class_counts}, name="show_class_counts"
            ),
            Node(
                show_attribute_tables,
                ["attribute_tables", name],
                {key: key for key in attribute_tables},
                name="show_attribute_tables",
            ),
            Node(show_numbers, ["images", "attributes", name], {key: key for key in numbers}, name="show_numbers"),
            Node(measure_sizes, ["images"], ["image_sizes", "image_formats", "input_hint"], name="measure_sizes"),
            Node(show_sizes, ["images", "input_hint", name], {key: key for key in image_sizes}, name="show_sizes"),
            Node(draw_class_sheet, sheet, "class_sheet", name="draw_class_sheet"),
            Node(draw_class_sheets, sheet, "class_sheets", name="draw_class_sheets"),
            Node(
                draw_policy_sheet,
                ["images", "image_store", "input_spec", "params:policies", "recipe"],
                "policy_sheet",
                name="draw_policy_sheet",
            ),
            Node(link_classes, ["images", "classes", "competition"], "by_class", name="link_classes"),
        ],
        namespace="explore",
        prefix_datasets_with_namespace=False,
    )
