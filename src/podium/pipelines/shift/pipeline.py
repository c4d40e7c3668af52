"""Wiring of the shift pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.shift.nodes import compare_subsets, draw_test_like, validate_adversarially


def create_pipeline() -> Pipeline:
    """Images, survey, copies → how training and test images differ, and which look alike."""
    differences = ["subset_differences", "subset_differences_plot", "subset_differences_picture"]
    verdict = ["adversarial_scores", "adversarial_properties", "images_like_test"]
    pictures = ["adversarial_plot", "adversarial_picture"]
    return Pipeline(
        [
            Node(
                compare_subsets,
                ["images", "survey", "copies", "params:competition", "params:shift"],
                {name: name for name in differences},
                name="compare_subsets",
            ),
            Node(
                validate_adversarially,
                ["images", "survey", "copies", "classes", "params:competition", "params:shift"],
                {name: name for name in [*verdict, *pictures]},
                name="validate_adversarially",
            ),
            Node(
                draw_test_like,
                ["images", "survey", "images_like_test", "adversarial_scores", "params:competition", "params:shift"],
                "test_like_sheet",
                name="draw_test_like",
            ),
        ],
        namespace="shift",
        prefix_datasets_with_namespace=False,
    )
