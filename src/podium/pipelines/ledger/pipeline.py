"""Wiring of the ledger pipeline."""

from kedro.pipeline import Node, Pipeline

from podium.pipelines.ledger.nodes import draw_boards, judge_gains, note_score, propose_pair, show_ledger


def create_pipeline() -> Pipeline:
    """A score, submissions → ledger, gains held against noise, the final pair, a page."""
    typed = ["params:public_score", "params:submission", "params:score_note", "params:replace_score"]
    return Pipeline(
        [
            Node(note_score, ["past_submissions", *typed], "ledger", name="note_score"),
            Node(
                draw_boards,
                [
                    "ledger",
                    "past_submissions",
                    "submission_template",
                    "classes",
                    "params:public_share",
                    "params:ledger",
                ],
                "board_draws",
                name="draw_boards",
            ),
            Node(judge_gains, ["ledger", "board_draws"], "board_gains", name="judge_gains"),
            Node(propose_pair, ["ledger", "board_draws", "params:final_pair"], "proposed_pair", name="propose_pair"),
            Node(
                show_ledger,
                ["ledger", "board_draws", "board_gains", "proposed_pair", "params:competition"],
                "ledger_page",
                name="show_ledger",
            ),
        ],
        namespace="ledger",
        prefix_datasets_with_namespace=False,
    )
