"""Selections against a plain search, and the properties that any selection must have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from podium.ensembling.criteria import Criterion, score
from podium.ensembling.selection import (
    Bags,
    blend,
    drop_idle,
    select_bagged,
    select_best_single,
    select_greedily,
    select_subset,
)

CRITERIA: list[Criterion] = ["macro_f1", "accuracy", "log_loss"]
seeds = st.integers(0, 10_000)


def draw(seed: int, n_members: int = 6, n: int = 80, n_classes: int = 4) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Draw members of different quality whose errors go together in part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes)) + 1.2 * np.eye(n_classes)[labels]
    members = np.exp(logits + rng.uniform(0.3, 2.0, (n_members, 1, 1)) * rng.normal(size=(n_members, n, n_classes)))
    return (
        (members / members.sum(axis=2, keepdims=True)).astype(np.float32),
        labels,
        [f"회원{i}" for i in range(n_members)],
    )


def select_plainly(members: np.ndarray, labels: np.ndarray, max_picks: int) -> np.ndarray:
    """Caruana's greedy selection, every candidate scored by scikit-learn."""
    picks: list[int] = []
    best: tuple[float, int] = (-1.0, 0)
    for _ in range(max_picks):
        keys = []
        for member in range(len(members)):
            mean = members[[*picks, member]].sum(axis=0) / (len(picks) + 1)
            likelihood = np.log(mean[np.arange(len(labels)), labels]).mean()
            keys.append((round(f1_score(labels, mean.argmax(axis=1), average="macro"), 12), likelihood))
        pick = max(range(len(members)), key=lambda member: keys[member])
        picks.append(pick)
        if keys[pick][0] > best[0]:
            best = (keys[pick][0], len(picks))
    return np.bincount(picks[: best[1]], minlength=len(members)) / best[1]


@pytest.mark.parametrize("seed", range(8))
def test_greedy_selection_equals_a_plain_search(seed: int) -> None:
    members, labels, _ = draw(seed)
    np.testing.assert_array_equal(select_greedily(members, labels, max_picks=15), select_plainly(members, labels, 15))


@pytest.mark.parametrize("seed", range(4))
def test_subset_is_the_best_of_all(seed: int) -> None:
    members, labels, _ = draw(seed, n_members=4)
    reached = score(blend(members, select_subset(members, labels)), labels, "macro_f1")
    every = [[m for m in range(4) if number >> m & 1] for number in range(1, 16)]
    wanted = max(f1_score(labels, members[subset].mean(axis=0).argmax(axis=1), average="macro") for subset in every)
    assert reached == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, n_members=st.integers(1, 7), n_bags=st.integers(0, 6), criterion=st.sampled_from(CRITERIA))
def test_weights_are_shares_and_never_score_below_the_best_single(
    seed: int, n_members: int, n_bags: int, criterion: Criterion
) -> None:
    members, labels, names = draw(seed, n_members)
    single = score(blend(members, select_best_single(members, labels, criterion)), labels, criterion)
    assert single == pytest.approx(max(score(member, labels, criterion) for member in members), abs=1e-6)
    for weights in (
        select_bagged(members, labels, names, criterion, 10, Bags(n_bags, 0.5, seed)),
        select_subset(members, labels, criterion),
    ):
        assert weights.shape == (n_members,)
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        assert score(blend(members, weights), labels, criterion) >= single - 1e-6


@settings(max_examples=25, deadline=None)
@given(seed=seeds, order=st.permutations(range(6)), criterion=st.sampled_from(CRITERIA))
def test_order_of_members_and_images_changes_nothing(seed: int, order: list[int], criterion: Criterion) -> None:
    members, labels, names = draw(seed)
    rows = np.random.default_rng(seed).permutation(len(labels))
    weights = select_bagged(members, labels, names, criterion, 10)
    turned = select_bagged(members[order][:, rows], labels[rows], [names[i] for i in order], criterion, 10)
    np.testing.assert_allclose(turned, weights[order], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, copied=st.integers(0, 5), criterion=st.sampled_from(CRITERIA))
def test_a_copy_of_a_member_changes_nothing(seed: int, copied: int, criterion: Criterion) -> None:
    members, labels, names = draw(seed)
    before = blend(members, select_bagged(members, labels, names, criterion, 10))
    more, more_names = np.concatenate([members, members[[copied]]]), [*names, "회원9 복사"]
    after = blend(more, select_bagged(more, labels, more_names, criterion, 10))
    np.testing.assert_allclose(after, before, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, shares=st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4))
def test_a_member_that_says_the_same_of_every_image_changes_nothing(seed: int, shares: list[float]) -> None:
    members, labels, names = draw(seed)
    useless = np.broadcast_to(np.array(shares, np.float32) / np.sum(shares), members[:1].shape).astype(np.float32)
    before = select_bagged(members, labels, names, max_picks=10)
    after = select_bagged(np.concatenate([useless, members]), labels, ["무용", *names], max_picks=10)
    np.testing.assert_allclose(after, [0.0, *before], atol=1e-12)


def test_members_of_noise_cost_next_to_nothing_on_other_images() -> None:
    lost = []
    for seed in range(12):
        members, labels, names = draw(seed, n=600)
        noise = np.random.default_rng(seed).dirichlet(np.ones(4), (3, 600)).astype(np.float32)
        more, more_names = np.concatenate([members, noise]), [*names, "a", "b", "c"]
        without = select_bagged(members[:, :300], labels[:300], names)
        with_noise = select_bagged(more[:, :300], labels[:300], more_names)
        scores = [
            score(blend(probabilities[:, 300:], weights), labels[300:], "macro_f1")
            for probabilities, weights in ((members, without), (more, with_noise))
        ]
        lost.append(scores[0] - scores[1])
    assert np.mean(lost) < 0.01


def test_a_further_member_leaves_the_bags_of_the_others_as_they_are() -> None:
    members, labels, names = draw(3)
    hopeless = np.roll(np.eye(4, dtype=np.float32)[labels], 1, axis=1)[None]  # always wrong: no bag takes it
    before = select_bagged(members, labels, names)
    after = select_bagged(np.concatenate([hopeless, members]), labels, ["가장 먼저", *names])
    assert after[0] < 0.05, "only a bag of its own may hold it"
    assert np.corrcoef(before, after[1:])[0, 1] > 0.99


def test_equal_seeds_give_equal_bytes_and_others_differ() -> None:
    members, labels, names = draw(1)
    one, same, other = (select_bagged(members, labels, names, bags=Bags(seed=seed)) for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_of_copies_the_one_named_first_is_kept() -> None:
    members, _, _ = draw(0, n_members=2)
    assert drop_idle(members[[0, 1, 0]], ["c", "b", "a"]) == [1, 2]


def test_one_is_left_where_nobody_says_anything() -> None:
    members, labels, names = draw(0, n_members=2)
    members[:] = 0.25
    assert drop_idle(members, names) == [0]
    assert select_bagged(members, labels, names).tolist() == [1.0, 0.0]


def test_members_that_know_everything_are_settled_at_once() -> None:
    labels = np.array([0, 1, 2, 1])
    sure = np.eye(3, dtype=np.float32)[labels]
    np.testing.assert_array_equal(select_greedily(np.stack([sure, sure]), labels), [1.0, 0.0])
