from functools import partial

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from podium.ensembling.board import (
    BOARD_CRITERIA,
    BoardCriterion,
    combine_estimates,
    count_public,
    make_even_confusion,
    match_confidence,
    simulate_board,
    spread_between_parts,
)


def deal_halves(labels: np.ndarray, answers: np.ndarray, n_draws: int) -> float:
    """Deal a fixed set at random into halves, score both with scikit-learn, and return the spread of the difference."""
    rng = np.random.default_rng(5)
    gaps = []
    for _ in range(n_draws):
        order = rng.permutation(len(labels))
        public, private = np.array_split(order, 2)
        scores = [f1_score(labels[part], answers[part], average="macro") for part in (public, private)]
        gaps.append(scores[0] - scores[1])
    return float(np.std(gaps))


def test_halves_of_1570_images_in_17_classes_lie_0_0074_apart_at_0_955() -> None:
    sd = spread_between_parts(make_even_confusion(17, 0.955), 1570, 1570, "macro_f1", n_draws=4000, seed=0)
    assert sd == pytest.approx(0.0074, abs=0.0003)
    assert 2 * sd == pytest.approx(0.015, abs=0.0006)


def test_spread_of_accuracy_is_that_of_two_binomials() -> None:
    sd = spread_between_parts(make_even_confusion(5, 0.9), 400, 100, "accuracy", n_draws=20_000, seed=1)
    assert sd == pytest.approx(np.sqrt(0.9 * 0.1 * (1 / 400 + 1 / 100)), rel=0.02)


def test_drawing_images_anew_spreads_as_far_as_dealing_a_fixed_set_into_halves() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 6
    answers = np.where(rng.random(600) < 0.9, labels, rng.integers(0, 6, 600))
    confusion = np.bincount(labels * 6 + answers, minlength=36).reshape(6, 6)
    drawn = spread_between_parts(confusion, 300, 300, "macro_f1", n_draws=5000, seed=0)
    assert drawn == pytest.approx(deal_halves(labels, answers, 400), rel=0.12)


@pytest.mark.parametrize("criterion", BOARD_CRITERIA)
def test_even_confusion_has_the_score_it_was_made_for(criterion: BoardCriterion) -> None:
    counts = np.rint(make_even_confusion(5, 0.8) * 5 * 80).astype(int)
    labels, answers = (np.repeat(part.ravel(), counts.ravel()) for part in np.indices((5, 5)))
    score = accuracy_score(labels, answers) if criterion == "accuracy" else f1_score(labels, answers, average="macro")
    assert score == pytest.approx(0.8)


def test_same_seed_gives_the_same_spread_and_chunks_change_only_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    confusion = make_even_confusion(4, 0.8)
    first = spread_between_parts(confusion, 50, 50, n_draws=200, seed=3)
    assert first == spread_between_parts(confusion, 50, 50, n_draws=200, seed=3)
    assert first != spread_between_parts(confusion, 50, 50, n_draws=200, seed=4)
    monkeypatch.setattr("podium.ensembling.board._CHUNK_VALUES", 16 * 30)
    assert spread_between_parts(confusion, 50, 50, n_draws=200, seed=3) == pytest.approx(first, rel=0.25)


@pytest.mark.parametrize("criterion", BOARD_CRITERIA)
def test_where_labels_are_certain_both_parts_together_score_as_scikit_learn_says(criterion: BoardCriterion) -> None:
    rng = np.random.default_rng(1)
    labels, answers = rng.integers(0, 3, 40), rng.integers(0, 3, (2, 40))
    public, private = simulate_board(np.eye(3)[labels], answers, 0.5, "accuracy", n_draws=50)
    right = (answers == labels).mean(axis=1)
    np.testing.assert_allclose((public + private) / 2, np.tile(right, (50, 1)))
    nearly_all, rest = simulate_board(np.eye(3)[labels], answers, 1.0, criterion, n_draws=3)
    assert set(np.unique(rest)) <= {0.0, 1.0}  # one image, found or not
    score = accuracy_score if criterion == "accuracy" else partial(f1_score, average="macro")
    known = [score(labels, answer) for answer in answers]
    np.testing.assert_allclose(nearly_all, np.tile(known, (3, 1)), atol=0.05)


def test_labels_are_drawn_with_their_chances() -> None:
    chances = np.array([[0.7, 0.2, 0.1]] * 2 + [[0.0, 1.0, 0.0]] * 2)
    for label, expected in enumerate([(0.7 + 0.0) / 2, (0.2 + 1.0) / 2, (0.1 + 0.0) / 2]):
        answers = np.full((1, 4), label)
        public, private = simulate_board(chances, answers, 0.5, "accuracy", n_draws=20_000)
        assert (public + private).mean() / 2 == pytest.approx(expected, abs=0.01)


def test_same_answers_differ_by_nothing_and_more_different_ones_by_more() -> None:
    rng = np.random.default_rng(2)
    chances = rng.dirichlet(np.full(4, 0.3), 500)
    best = chances.argmax(axis=1)
    few, many = best.copy(), best.copy()
    few[:10], many[:200] = (few[:10] + 1) % 4, (many[:200] + 1) % 4
    public, private = simulate_board(chances, np.stack([best, best, few, many]), 0.5, n_draws=400)
    gaps = public - private
    spread = [float((gaps[:, k] - gaps[:, 0]).std()) for k in (1, 2, 3)]
    assert spread[0] == 0.0
    assert 0 < spread[1] < spread[2] / 2
    assert spread[1] < gaps[:, 0].std()


def test_draws_do_not_depend_on_which_other_submissions_stand_beside() -> None:
    chances = np.random.default_rng(3).dirichlet(np.ones(3), 30)
    answers = np.random.default_rng(4).integers(0, 3, (3, 30))
    alone, _ = simulate_board(chances, answers[1:2], 0.4, n_draws=20)
    together, _ = simulate_board(chances, answers, 0.4, n_draws=20)
    np.testing.assert_array_equal(alone[:, 0], together[:, 1])


@pytest.mark.parametrize(("n_images", "share", "n_public"), [(10, 0.3, 3), (10, 0.001, 1), (10, 0.999, 9), (2, 0.5, 1)])
def test_each_part_has_an_image(n_images: int, share: float, n_public: int) -> None:
    assert count_public(n_images, share) == n_public


@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.97])
def test_matched_probabilities_promise_the_measured_accuracy_and_keep_their_order(accuracy: float) -> None:
    probabilities = np.random.default_rng(6).dirichlet(np.full(5, 0.5), 300).astype(np.float32)
    best = probabilities.argmax(axis=1)
    matched = match_confidence(probabilities, best[None], [accuracy])
    assert matched.max(axis=1).mean() == pytest.approx(accuracy, abs=1e-6)
    np.testing.assert_allclose(matched.sum(axis=1), 1)
    np.testing.assert_array_equal(matched.argmax(axis=1), best)


def test_submissions_score_in_drawn_boards_as_often_as_was_measured() -> None:
    rng = np.random.default_rng(8)
    believed = rng.dirichlet(np.full(6, 0.5), 2000)
    answers = np.stack([believed.argmax(axis=1)] * 2)
    answers[1, :200] = (answers[1, :200] + 1) % 6
    chances = match_confidence(believed, answers, [0.9, 0.82])
    public, private = simulate_board(chances, answers, 0.5, "accuracy", n_draws=300)
    assert (public + private).mean() / 2 == pytest.approx(0.86, abs=0.003)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_what_no_temperature_gives_stays_finite(accuracy: float) -> None:
    matched = match_confidence(np.array([[1.0, 0.0], [0.5, 0.5]]), np.zeros((1, 2), np.int64), [accuracy])
    assert np.isfinite(matched).all()
    np.testing.assert_allclose(matched.sum(axis=1), 1)


def test_combined_estimate_is_the_best_guess_of_two_measurements() -> None:
    rng = np.random.default_rng(7)
    first, second = 0.9 + 0.02 * rng.normal(size=20_000), 0.9 + 0.01 * rng.normal(size=20_000)
    sds = np.tile([[0.02], [0.01]], (1, 20_000))
    means, spreads = combine_estimates(np.stack([first, second]), sds)
    assert means.std() == pytest.approx(spreads[0], rel=0.03)
    assert means.std() < min(first.std(), second.std())
    np.testing.assert_allclose(means, (first + 4 * second) / 5)


def test_missing_estimate_counts_for_nothing() -> None:
    means, sds = combine_estimates(
        np.array([[np.nan, np.nan], [0.8, np.nan]]), np.array([[np.nan, 0.1], [0.1, np.nan]])
    )
    assert means[0] == pytest.approx(0.8) and sds[0] == pytest.approx(0.1)
    assert np.isnan(means[1]) and np.isnan(sds[1])
