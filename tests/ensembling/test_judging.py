"""Methods side by side: what is told of a gain."""

import numpy as np
import pytest

from podium.ensembling.judging import Resampling, judge


def test_gain_that_rests_on_one_group_is_as_certain_as_that_group_is_drawn() -> None:
    labels = np.zeros(200, np.int64)
    right = np.tile(np.array([1.0, 0.0], np.float32), (200, 1))
    nearly = right.copy()
    nearly[0] = [0.0, 1.0]
    members = np.stack([nearly, right])
    judged = judge(
        {"first": lambda p, y: lambda others: others[0], "second": lambda p, y: lambda others: others[1]},
        members, labels, np.arange(200), Resampling("accuracy", n_draws=4000),
    )  # fmt: skip
    gain, certainty = judged["second"].compare(judged["first"], 0.9)
    assert gain.score == pytest.approx(1 / 200)
    assert certainty == pytest.approx(1 - np.exp(-1), abs=0.03)  # the chance that the one group is drawn at all


def test_method_has_no_gain_over_itself() -> None:
    rng = np.random.default_rng(0)
    members = rng.dirichlet(np.ones(3), (2, 90)).astype(np.float32)
    labels = rng.integers(0, 3, 90)
    judged = judge({"only": lambda p, y: lambda others: others[0]}, members, labels, np.arange(90), Resampling())
    gain, certainty = judged["only"].compare(judged["only"], 0.9)
    assert (gain.score, gain.low, gain.high, certainty) == (0.0, 0.0, 0.0, 0.0)


def test_choice_that_learns_by_heart_is_found_out() -> None:
    rng = np.random.default_rng(1)
    members = np.stack([np.arange(300) + np.zeros((2, 300)), np.zeros((2, 300))], axis=-1).astype(np.float32)
    labels = rng.integers(0, 2, 300)

    def choose(probabilities: np.ndarray, known: np.ndarray):  # type: ignore[no-untyped-def]
        heart = dict(zip(probabilities[0, :, 0].tolist(), known.tolist(), strict=True))
        return lambda others: np.eye(2)[[heart.get(number, 0) for number in others[0, :, 0].tolist()]]

    judged = judge({"by heart": choose}, members, labels, np.arange(300), Resampling("accuracy", n_draws=100))
    assert judged["by heart"].score == 1.0
    assert judged["by heart"].nested_score.score == pytest.approx((labels == 0).mean())
