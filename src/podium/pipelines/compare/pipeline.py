"""Wiring of the compare pipeline, and of the one that shares the split."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.compare.nodes import (
    answer_by_vote,
    check_answers,
    list_contested_images,
    measure_agreement,
    share_split,
    show_agreement,
    show_answers,
    vote,
)


def create_pipeline() -> Pipeline:
    """Teammates' answers → agreement, contested images, votes, a page to look at them, a submission."""
    sheet = ["submission_template", "classes"]
    shown = ["agreement_plot", "agreement_picture"]
    return Pipeline(
        [
            Node(
                check_answers,
                ["teammate_answers", "own_probabilities", *sheet, "params:compare"],
                "answers",
                name="check_answers",
            ),
            Node(measure_agreement, ["answers", "classes"], "agreement", name="measure_agreement"),
            Node(show_agreement, ["answers", "agreement"], {name: name for name in shown}, name="show_agreement"),
            Node(vote, ["answers", *sheet, "params:compare"], "votes", name="vote"),
            Node(
                list_contested_images,
                ["answers", "votes", *sheet],
                "contested_images",
                name="list_contested_images",
            ),
            Node(
                show_answers,
                [
                    "answers",
                    "votes",
                    "agreement",
                    "images",
                    "classes",
                    "attributes",
                    "known_survey",
                    "params:compare",
                    "params:competition",
                ],
                "compare_page",
                name="show_answers",
            ),
            Node(answer_by_vote, ["votes", *sheet, "params:compare"], "compare_submission", name="answer_by_vote"),
        ],
        namespace="compare",
        prefix_datasets_with_namespace=False,
    )


def create_share_pipeline() -> Pipeline:
    """Images, folds → what a teammate needs to train a member on them."""
    tables, shared = ["images", "folds", "classes"], ["shared_folds", "shared_split"]
    return Pipeline(
        [Node(share_split, [*tables, "params:splitting"], {name: name for name in shared}, name="share_split")],
        namespace="compare",
        prefix_datasets_with_namespace=False,
    )
