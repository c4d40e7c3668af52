"""The ways to compare with, against plain arithmetic."""

import numpy as np
import pytest

from podium.ensembling.methods import Stacking, average_ranks, vote_hard


def draw(seed: int, n_members: int = 3, n: int = 50, n_classes: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), (n_members, n)).astype(np.float32)


def test_ranks_do_not_depend_on_how_sure_a_member_is() -> None:
    members = draw(0)
    sure = members**9  # keeps the order of images within each class
    np.testing.assert_allclose(average_ranks(np.stack([members[0], sure[1], members[2]])), average_ranks(members))


def test_ranks_are_those_of_sorting() -> None:
    members = draw(1, n_members=1, n=20)
    ranks = members[0].argsort(axis=0).argsort(axis=0) + 1
    np.testing.assert_allclose(average_ranks(members), ranks / ranks.sum(axis=1, keepdims=True))


def test_majority_wins_whatever_the_probabilities() -> None:
    sure, unsure = [0.0, 1.0, 0.0], [0.34, 0.33, 0.33]
    members = np.array([[sure], [unsure], [unsure]], dtype=np.float32)
    assert vote_hard(members).argmax(axis=1).tolist() == [0]


def test_mean_probability_breaks_a_tie() -> None:
    members = np.array([[[0.6, 0.4, 0.0]], [[0.1, 0.9, 0.0]]], dtype=np.float32)
    votes = vote_hard(members)
    assert votes.argmax(axis=1).tolist() == [1]
    assert votes.sum() == pytest.approx(1)


def test_stacking_learns_which_member_to_trust() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    noise = rng.dirichlet(np.ones(3), 600).astype(np.float32)
    good = (0.7 * np.eye(3)[labels] + 0.3 * rng.dirichlet(np.ones(3), 600)).astype(np.float32)
    members = np.stack([noise, good])
    stacking = Stacking(members[:, :400], labels[:400])
    predicted = stacking.predict(members[:, 400:])
    assert (predicted.argmax(axis=1) == labels[400:]).mean() >= (
        good[400:].argmax(axis=1) == labels[400:]
    ).mean() - 0.02
    np.testing.assert_allclose(predicted.sum(axis=1), 1)


def test_stacking_gives_nothing_to_a_class_that_it_never_saw() -> None:
    members = draw(2)
    labels = np.random.default_rng(0).integers(0, 3, 50)
    assert (Stacking(members, labels).predict(members)[:, 3] == 0).all()


def test_stacking_of_images_of_one_class_says_that_class() -> None:
    members = draw(3)
    predicted = Stacking(members, np.full(50, 2)).predict(members)
    np.testing.assert_array_equal(predicted, np.eye(4)[np.full(50, 2)])
