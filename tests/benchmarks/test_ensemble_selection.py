"""Both sides choose from the same members, for the same score, with as many picks."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.benches import ensemble_selection
from benchmarks.benches.ensemble_selection import draw_members, score_weights, select_ours
from benchmarks.options import Options


def test_every_bench_asks_both_sides_for_the_same_figure() -> None:
    benches = ensemble_selection.define(Options())
    assert len({bench.name for bench in benches}) == len(benches) == 3
    for bench in benches:
        told = {
            contender.name: contender.command[contender.command.index("--figure") :] for contender in bench.contenders
        }
        assert set(told) == {"podium", "autogluon"}
        assert told["podium"] == told["autogluon"]


def test_members_differ_in_quality_err_alike_and_gain_together() -> None:
    probabilities, labels = draw_members(30, 3000, 18, seed=0)
    assert probabilities.dtype == np.float32 and labels.dtype == np.int64
    np.testing.assert_allclose(probabilities.sum(axis=2), 1, atol=1e-5)
    singles = [f1_score(labels, member.argmax(axis=1), average="macro") for member in probabilities]
    together = f1_score(labels, probabilities.mean(axis=0).argmax(axis=1), average="macro")
    assert 0.72 < min(singles) < max(singles) - 0.05 < 0.88
    assert max(singles) + 0.02 < together < 0.99
    wrong = probabilities.argmax(axis=2) != labels
    assert np.corrcoef(wrong)[0, 1] > 0.2


def test_draws_of_one_seed_are_the_same_and_of_another_differ() -> None:
    first, again, other = (draw_members(2, 50, 3, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_ours_stores_weights_that_score_above_every_single_member(tmp_path: Path) -> None:
    probabilities, labels = draw_members(5, 400, 4, seed=0)
    for name in ("", "unseen-"):
        np.save(tmp_path / f"{name}probabilities.npy", probabilities)
        np.save(tmp_path / f"{name}labels.npy", labels if not name else (labels + 1) % 4)
    assert select_ours(tmp_path, tmp_path / "weights.npy", 10) > 0
    weights = np.load(tmp_path / "weights.npy")
    assert weights.sum() == pytest.approx(1)
    singles = [score_weights(tmp_path, single, is_unseen=False) for single in np.eye(5)]
    assert singles == pytest.approx([f1_score(labels, part.argmax(axis=1), average="macro") for part in probabilities])
    assert score_weights(tmp_path, weights, is_unseen=False) >= max(singles)
    assert score_weights(tmp_path, weights, is_unseen=True) < 0.5
