"""Agreement is that of scikit-learn; contested images come with every vote, the most contested first."""

import math

import numpy as np
import pandas as pd
import pytest

from podium.teammates.agreement import compare_pairs, list_contested, measure_entropy, measure_kappa, measure_margin
from podium.teammates.answers import Answers

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "고양이", "새"], "target": [10, 7, 30]})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_classes", [2, 7])
def test_kappa_is_that_of_scikit_learn(seed: int, n_classes: int) -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(seed)
    first = rng.integers(0, n_classes, 300)
    second = np.where(rng.random(300) < 0.3, rng.integers(0, n_classes, 300), first)
    assert measure_kappa(first, second, n_classes) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_kappa_of_known_cases() -> None:
    first = np.array([0, 0, 1, 1])
    assert measure_kappa(first, first, 2) == 1.0
    assert measure_kappa(first, 1 - first, 2) == -1.0
    assert measure_kappa(first, np.array([0, 1, 0, 1]), 2) == 0.0


def test_kappa_is_undefined_when_both_know_one_class_only() -> None:
    one = np.zeros(5, np.int64)
    assert math.isnan(measure_kappa(one, one, 3))
    assert measure_kappa(one, one + 1, 3) == 0.0


def test_every_pair_is_compared_once() -> None:
    answers = [
        Answers(name, np.array(labels)) for name, labels in (("가", [0, 1, 2]), ("b", [0, 1, 1]), ("c", [0, 0, 0]))
    ]
    table = compare_pairs(answers, 3)
    assert table[["first", "second"]].to_numpy().tolist() == [["가", "b"], ["가", "c"], ["b", "c"]]
    np.testing.assert_allclose(table["agreement"], [2 / 3, 1 / 3, 1 / 3])
    assert table["n_images"].tolist() == [3, 3, 3]


def test_one_teammate_has_no_pair() -> None:
    table = compare_pairs([Answers("a", np.array([0, 1]))], 2)
    assert len(table) == 0
    assert [str(dtype) for dtype in table.dtypes] == ["str", "str", "int64", "float64", "float64"]


def test_entropy_is_that_of_scipy() -> None:
    from scipy.stats import entropy

    labels = np.random.default_rng(0).integers(0, 4, (6, 50))
    counts = np.stack([(labels == label).sum(axis=0) for label in range(4)])
    np.testing.assert_allclose(measure_entropy(labels, 4), entropy(counts), atol=1e-12)


def test_same_division_of_votes_has_the_same_entropy_to_the_last_digit() -> None:
    rng = np.random.default_rng(0)
    division = np.repeat([0, 1, 2, 3, 4], [7, 5, 3, 2, 2])
    labels = np.stack([rng.permutation(5)[division] for _ in range(100)], axis=1)
    assert len(set(measure_entropy(labels, 5).tolist())) == 1


def test_margin_is_the_mean_lead_of_the_most_probable_class() -> None:
    tables = [np.array([[0.1, 0.6, 0.3], [1, 0, 0]], np.float32), np.array([[0.5, 0.5, 0], [0.2, 0, 0.8]], np.float32)]
    np.testing.assert_allclose(measure_margin(tables), [0.15, 0.8], atol=1e-7)


LABELS = {"가": [0, 1, 2, 0, 1, 2], "b": [0, 1, 2, 1, 1, 1], "c": [0, 2, 2, 2, 2, 0], "d": [0, 1, 2, 2, 2, 2]}
TEMPLATE = pd.DataFrame({"image_id": [f"t/{k}" for k in "fedcba"], "ID": list("fedcba"), "ans": 0})
HARD = np.array([0, 1, 2, 2, 1, 2])


def contest(chances: np.ndarray | None = None) -> pd.DataFrame:
    answers = [Answers(name, np.array(labels)) for name, labels in LABELS.items()]
    if chances is not None:
        answers[0] = Answers("가", answers[0].labels, chances.astype(np.float32))
    return list_contested(answers, HARD, TEMPLATE, CLASSES)


def test_only_contested_images_are_listed_each_with_every_vote() -> None:
    table = contest().set_index("ID")
    assert set(table.index) == {"e", "c", "b", "a"}
    assert table.loc["c"].drop(["image_id", "entropy", "margin"]).to_dict() == {
        "vote_가": "개", "vote_b": "고양이", "vote_c": "새", "vote_d": "새", "hard_vote": "새",
    }  # fmt: skip


def test_most_contested_image_comes_first_and_equals_go_by_id() -> None:
    table = contest()
    assert table["image_id"].tolist() == ["t/a", "t/c", "t/b", "t/e"]  # 2:1:1, 2:1:1, 2:2, 3:1
    assert table["entropy"].is_monotonic_decreasing
    assert table["margin"].isna().all()


def test_equals_go_by_margin_where_it_is_known() -> None:
    chances = np.array([[1, 0, 0]] * 6, float)
    chances[5] = [0.9, 0.1, 0]  # a: 0.8
    chances[3] = [0.6, 0.4, 0]  # c: 0.2
    table = contest(chances)
    assert table["image_id"].tolist() == ["t/c", "t/a", "t/b", "t/e"]
    np.testing.assert_allclose(table["margin"], [0.2, 0.8, 1, 1], atol=1e-6)


def test_teammates_who_agree_on_everything_contest_nothing() -> None:
    same = [Answers(name, HARD) for name in ("a", "b")]
    table = list_contested(same, HARD, TEMPLATE, CLASSES)
    assert len(table) == 0
    assert list(table) == ["image_id", "ID", "vote_a", "vote_b", "hard_vote", "entropy", "margin"]
