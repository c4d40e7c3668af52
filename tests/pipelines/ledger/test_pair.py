from typing import Any

import numpy as np
import pandas as pd
import pytest

from podium.pipelines.ledger.draws import BoardDraws
from podium.pipelines.ledger.pair import choose_pair, estimate_scores
from podium.pipelines.ledger.rows import make_rows


def make_ledger(expected: list[float], public: list[float], sd: float = 0.01, **more: list[Any]) -> pd.DataFrame:
    n = len(expected)
    columns = {
        "submission": list("가나다라")[:n],
        "expected": expected,
        "public_score": public,
        "expected_sd": [sd] * n,
    }
    return make_rows(pd.DataFrame(columns | more).to_dict("records"))


def make_draws(
    n: int, differing: dict[tuple[int, int], float], public_sd: float = 0.01, gain_sd: float = 0.005
) -> BoardDraws:
    shares = np.zeros((n, n))
    for (row, other), share in differing.items():
        shares[row, other] = shares[other, row] = share
    gains = np.full((n, n), gain_sd) * (1 - np.eye(n))
    return BoardDraws(np.full(n, public_sd), np.full(n, public_sd * 2**0.5), gains, shares)


def test_first_has_the_best_score_out_of_fold_even_when_another_leads_the_board() -> None:
    pair = choose_pair(make_ledger([0.95, 0.94], [0.93, 0.96]), make_draws(2, {(0, 1): 0.1}))
    assert pair["submissions"] == ["가", "나"]
    assert pair["reasons"][0].startswith("First: 가, with the best score out of fold, 0.9500; the board")


def test_second_differs_most_of_those_within_noise_and_not_just_most() -> None:
    ledger = make_ledger([0.95, 0.948, 0.947, 0.80], [0.95, 0.948, 0.947, 0.80])
    pair = choose_pair(ledger, make_draws(4, {(0, 1): 0.02, (0, 2): 0.06, (0, 3): 0.3}))
    assert pair["submissions"] == ["가", "다"]
    assert (
        "6.0 % of the test images differently from the first, the most of 2 submissions as good" in pair["reasons"][1]
    )
    assert [part["differing"] for part in pair["estimates"]] == [0.0, 0.02, 0.06, 0.3]


def test_without_one_within_noise_the_next_best_is_second_and_that_is_said() -> None:
    ledger = make_ledger([0.95, 0.80, 0.85], [0.95, 0.80, 0.85])
    pair = choose_pair(ledger, make_draws(3, {(0, 1): 0.3, (0, 2): 0.2}))
    assert pair["submissions"] == ["가", "다"]
    assert (
        "None of them lies within noise of the best, 가: 0.8500 against 0.9500, and the noise is 0.0100"
        in pair["reasons"][1]
    )


def test_copy_of_the_first_is_no_second() -> None:
    ledger = make_ledger([0.95, 0.95, 0.94], [0.95, 0.95, 0.94])
    draws = make_draws(3, {(0, 1): 0.0, (0, 2): 0.05, (1, 2): 0.05})
    assert choose_pair(ledger, draws)["submissions"] == ["가", "다"]
    pair = choose_pair(ledger.iloc[:2], make_draws(2, {(0, 1): 0.0}))
    assert pair["submissions"] == ["가"]
    assert pair["reasons"][1].startswith("All other submissions give the same answers")


def test_fewer_than_two_submissions_are_told_of() -> None:
    assert choose_pair(make_ledger([], []), make_draws(0, {}))["reasons"] == [
        "No score is noted yet, so there is nothing to choose."
    ]
    one = choose_pair(make_ledger([0.9], [0.9]), make_draws(1, {}))
    assert one["submissions"] == ["가"]
    assert "There is one submission in the ledger" in one["reasons"][1]


def test_board_far_below_what_was_expected_is_cautioned_against() -> None:
    ledger = make_ledger([0.95, 0.94], [0.30, 0.94], expected_low=[0.92, 0.91])
    pair = choose_pair(ledger, make_draws(2, {(0, 1): 0.1}))
    assert pair["submissions"][0] == "가"
    assert pair["reasons"][1].startswith("Caution: 0.3000 lies below all that was expected of 가 (0.9200 and more)")
    right = make_ledger([0.95, 0.94], [0.93, 0.94], expected_low=[0.92, 0.91])
    assert not any(
        reason.startswith("Caution") for reason in choose_pair(right, make_draws(2, {(0, 1): 0.1}))["reasons"]
    )


def test_expectation_and_board_count_by_their_precision() -> None:
    ledger = make_ledger([0.94, 0.96], [0.96, 0.94], sd=0.02)
    estimates = estimate_scores(ledger, make_draws(2, {}, public_sd=0.01))
    np.testing.assert_allclose(estimates.board_shares, 0.8)
    np.testing.assert_allclose(estimates.values, [0.2 * 0.94 + 0.8 * 0.96, 0.2 * 0.96 + 0.8 * 0.94])
    np.testing.assert_allclose(estimates.sds, np.sqrt(1 / (1 / 0.02**2 + 1 / 0.01**2)))


def test_noisier_board_counts_less() -> None:
    ledger = make_ledger([0.95, 0.94], [0.90, 0.96])
    rough = estimate_scores(ledger, make_draws(2, {}, public_sd=0.1)).values
    fine = estimate_scores(ledger, make_draws(2, {}, public_sd=0.001)).values
    assert rough[0] > rough[1]
    assert fine[0] < fine[1]


def test_harder_test_part_changes_no_order_and_is_told() -> None:
    expected, harder = [0.95, 0.90, float("nan")], [0.85, 0.80, 0.86]
    ledger = make_ledger(expected, harder)
    estimates = estimate_scores(ledger, make_draws(3, {}))
    assert estimates.offset == pytest.approx(-0.1)
    np.testing.assert_allclose(estimates.values, harder)
    np.testing.assert_allclose(estimates.board_shares, [0.5, 0.5, 1.0])
    assert any(
        "0.1000 below what was expected" in reason for reason in choose_pair(ledger, make_draws(3, {}))["reasons"]
    )


def test_expectation_without_an_interval_counts_as_much_as_the_board() -> None:
    estimates = estimate_scores(make_ledger([0.9, 0.8], [0.8, 0.9], sd=float("nan")), make_draws(2, {}))
    np.testing.assert_allclose(estimates.board_shares, 0.5)


def test_without_any_expectation_the_board_alone_decides_and_that_is_said() -> None:
    ledger = make_ledger([float("nan")] * 2, [0.90, 0.91], sd=float("nan"))
    pair = choose_pair(ledger, make_draws(2, {(0, 1): 0.1}))
    assert pair["submissions"] == ["나", "가"]
    assert "no expected score is known" in pair["reasons"][0]


def test_unknown_answers_are_told_of_and_come_after_known_ones() -> None:
    ledger = make_ledger([0.95, 0.949, 0.948], [0.95, 0.949, 0.948])
    draws = make_draws(3, {(0, 1): np.nan, (0, 2): 0.01})
    assert choose_pair(ledger, draws)["submissions"] == ["가", "다"]
    pair = choose_pair(ledger.iloc[:2], make_draws(2, {(0, 1): np.nan}))
    assert pair["submissions"] == ["가", "나"] and "cannot be compared" in pair["reasons"][1]
    assert pair["estimates"][1]["differing"] is None
