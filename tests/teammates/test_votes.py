"""Votes are those that counting by hand, and other libraries, give; every tie has one outcome."""

from collections import Counter

import numpy as np
import pytest

from podium.errors import InputError
from podium.teammates.answers import Answers
from podium.teammates.votes import cast_votes, choose_class, order_weights


def make_answers(*labels: list[int], chances: dict[int, list[list[float]]] | None = None) -> list[Answers]:
    """Make a teammate of each list of labels; ``chances`` gives some of them probabilities."""
    tables = {place: np.array(table, np.float32) for place, table in (chances or {}).items()}
    return [Answers(f"t{place}", np.array(row), tables.get(place)) for place, row in enumerate(labels)]


@pytest.mark.parametrize("seed", range(5))
def test_hard_vote_is_what_counting_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, (5, 200))
    answers = make_answers(*labels.tolist())
    hard = cast_votes(answers, np.ones(5), 4)["hard"]
    for column, vote in zip(labels.T.tolist(), hard.tolist(), strict=True):
        counts = Counter(column)
        assert vote == min(label for label in counts if counts[label] == max(counts.values()))


@pytest.mark.parametrize("seed", range(3))
def test_votes_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.ensemble import VotingClassifier
    from sklearn.naive_bayes import GaussianNB

    rng = np.random.default_rng(seed)
    features, truth, weights = rng.normal(size=(120, 3)), rng.integers(0, 3, 120), rng.random(3) + 0.1
    models = [(f"m{column}", GaussianNB(var_smoothing=10.0 ** (2 * column - 4))) for column in range(3)]
    fitted = {
        kind: VotingClassifier(models, voting=kind, weights=weights.tolist()).fit(features, truth)
        for kind in ("hard", "soft")
    }
    chances = [model.predict_proba(features) for model in fitted["soft"].estimators_]
    answers = [
        Answers(f"t{place}", table.argmax(axis=1), table.astype(np.float32)) for place, table in enumerate(chances)
    ]
    votes = cast_votes(answers, weights, 3)
    np.testing.assert_array_equal(votes["weighted"], fitted["hard"].predict(features))
    np.testing.assert_array_equal(votes["soft"], fitted["soft"].predict(features))


def test_tie_of_the_hard_vote_goes_by_weight_then_probability_then_label() -> None:
    answers = make_answers([2, 2, 2], [1, 1, 1])
    assert cast_votes(answers, np.array([2.0, 1.0]), 3)["hard"].tolist() == [2, 2, 2]
    assert cast_votes(answers, np.ones(2), 3)["hard"].tolist() == [1, 1, 1]
    sure = make_answers([2, 2, 2], [1, 1, 1], chances={0: [[0, 0.4, 0.6], [0, 0.1, 0.9], [0.1, 0.4, 0.5]]})
    assert cast_votes(sure, np.ones(2), 3)["hard"].tolist() == [2, 2, 2]
    assert cast_votes(sure, np.array([1.0, 1.5]), 3)["hard"].tolist() == [1, 1, 1], "weight comes before probability"


def test_weight_does_not_outvote_heads_in_the_hard_vote_and_does_in_the_weighted() -> None:
    votes = cast_votes(make_answers([0], [1], [1]), np.array([5.0, 1.0, 1.0]), 2)
    assert (votes["hard"].tolist(), votes["weighted"].tolist()) == ([1], [0])


def test_tie_of_the_weighted_vote_goes_by_heads() -> None:
    votes = cast_votes(make_answers([0], [1], [1]), np.array([0.8, 0.7, 0.1]), 2)
    assert 0.7 + 0.1 < 0.8, "though by rounding alone"
    assert votes["weighted"].tolist() == [1]


def test_soft_vote_is_left_to_those_who_gave_probabilities() -> None:
    answers = make_answers([0], [0], [1], chances={2: [[0.4, 0.6]]})
    assert cast_votes(answers, np.ones(3), 2)["soft"].tolist() == [1]
    assert cast_votes(answers, np.ones(3), 2, soft_includes_classes=True)["soft"].tolist() == [0]


def test_soft_vote_is_the_mean_by_weight() -> None:
    answers = make_answers([0], [1], chances={0: [[0.9, 0.1]], 1: [[0.4, 0.6]]})
    assert cast_votes(answers, np.array([1.0, 1.0]), 2)["soft"].tolist() == [0]
    assert cast_votes(answers, np.array([1.0, 9.0]), 2)["soft"].tolist() == [1]


def test_there_is_no_soft_vote_without_probabilities_that_weigh_something() -> None:
    assert "soft" not in cast_votes(make_answers([0], [1]), np.ones(2), 2)
    answers = make_answers([0], [1], chances={1: [[0.4, 0.6]]})
    assert "soft" not in cast_votes(answers, np.array([1.0, 0.0]), 2)


def test_order_of_teammates_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(3), (4, 300)).astype(np.float32)
    answers = [Answers(f"t{place}", table.argmax(axis=1), table) for place, table in enumerate(chances)]
    weights = np.array([0.1, 0.2, 0.3, 0.3])
    votes, turned = cast_votes(answers, weights, 3), cast_votes(answers[::-1], weights[::-1], 3)
    for kind, vote in votes.items():
        np.testing.assert_array_equal(vote, turned[kind])


def test_lowest_label_wins_among_equals_by_all_keys() -> None:
    assert choose_class(np.array([[1.0, 2.0, 2.0]]), np.array([[9.0, 1.0, 1.0]])).tolist() == [1]


def test_weights_are_ordered_by_name_and_one_where_none_is_stated() -> None:
    assert order_weights(["가", "b"], {"b": 2.5}).tolist() == [1.0, 2.5]


def test_weights_of_nobody_are_named() -> None:
    with pytest.raises(InputError) as error:
        order_weights(["민수", "alex"], {"alexx": 2.0, "x": 1.0})
    assert error.value.cases == [
        "compare.weights.alexx: nobody of that name; did you mean 'alex'?",
        "compare.weights.x: nobody of that name; allowed: alex, 민수",
    ]


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(InputError, match="all are 0"):
        order_weights(["a"], {"a": 0.0})
