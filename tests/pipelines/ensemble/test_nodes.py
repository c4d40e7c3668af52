"""Which members are in, how much each weighs, and what they say together."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.ensemble import create_pipeline
from podium.pipelines.ensemble.nodes import blend_probabilities, expect_chance_f1, score_ensemble, weigh_members
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_content
from podium.probabilities import make_table, to_matrix
from podium.vision.metrics import count_confusion, macro_f1

IDS = ["가", "나", "다", "라"]
IMAGES = pd.DataFrame(
    {
        "image_id": [*IDS, "시험1", "시험2"],
        "subset": ["train"] * 4 + ["test"] * 2,
        "label": pd.array([0, 1, 0, 1, None, None], dtype="Int64"),
        "sha256": list("abcdef"),
    }
)
FOLDS = pd.DataFrame({"image_id": IDS, "fold": [0, 1, 1, 0]})
TARGETS = pd.DataFrame({"image_id": IDS, "label": [0, 1, 0, 1], "training_label": [1, 1, 1, 1]})
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["개", "고양이"], "target": [0, 1]})
SPLITTING = SplittingConfig(n_folds=2)
PRESENT = {"split_digest": digest_table(FOLDS), "content_digest": digest_content(IMAGES)}

Members = dict[str, dict[str, Any]]


def make_table_of(ids: list[str], fold: int, first: list[float], attrs: dict[str, str]) -> pd.DataFrame:
    column = np.array(first, dtype=np.float32)
    table = make_table(pd.Series(ids), fold, np.stack([column, 1 - column], axis=1))
    table.attrs.update(attrs)
    return table


def add_member(
    members: Members, name: str, first: dict[str, float], test: dict[int, list[float]], **attrs: str
) -> None:
    """Add a member that gives each training image ``first`` for class 0, and each test image ``test`` by fold."""
    for fold in (0, 1):
        key = f"{name}/fold_{fold}"
        ids = FOLDS.loc[FOLDS["fold"] == fold, "image_id"].tolist()[::-1]
        oof = make_table_of(ids, fold, [first[i] for i in ids], {**PRESENT, **attrs})
        tests = make_table_of(["시험2", "시험1"], fold, test[fold], {**PRESENT, **attrs})
        members["oof"][key] = lambda oof=oof: oof
        members["test_probabilities"][key] = lambda tests=tests: tests
        members["history"][key] = lambda: 1 / 0  # that it is there is all that counts


RIGHT = {"가": 0.9, "나": 0.2, "다": 0.7, "라": 0.4}  # macro F1 of 1
HALF = {"가": 0.9, "나": 0.2, "다": 0.1, "라": 0.6}  # 가 and 나 are right: macro F1 of 1/2
WRONG = {"가": 0.1, "나": 0.8, "다": 0.1, "라": 0.6}
TEST = {0: [0.5, 0.75], 1: [0.25, 0.25]}


@pytest.fixture
def members() -> Members:
    members: Members = {"oof": {}, "test_probabilities": {}, "history": {}}
    add_member(members, "반-0a", HALF, TEST)
    add_member(members, "기준-0b", RIGHT, {0: [0.0, 1.0], 1: [1.0, 1.0]})
    return members


def weigh(members: Members, splitting: SplittingConfig = SPLITTING) -> pd.DataFrame:
    return weigh_members(
        **members, images=IMAGES, folds=FOLDS, targets=TARGETS, classes=CLASSES, attributes={}, splitting=splitting
    )


def blend(weights: pd.DataFrame, members: Members) -> dict[str, pd.DataFrame]:
    return blend_probabilities(weights, members["oof"], members["test_probabilities"], SPLITTING)


def test_members_weigh_by_their_macro_f1_on_true_labels_best_first(members: Members) -> None:
    weights = weigh(members)
    assert weights["member"].tolist() == ["기준-0b", "반-0a"]
    np.testing.assert_allclose(weights["macro_f1"], [1.0, 0.5])
    np.testing.assert_allclose(weights["weight"], [2 / 3, 1 / 3])
    assert weights["n_images"].tolist() == [4, 4]


@pytest.mark.parametrize("n", [1, 3, 7])
def test_weights_sum_to_one(n: int) -> None:
    members: Members = {"oof": {}, "test_probabilities": {}, "history": {}}
    for number in range(n):
        add_member(members, f"m-{number}", (RIGHT, HALF, WRONG)[number % 3], TEST)
    assert weigh(members)["weight"].sum() == pytest.approx(1.0, abs=1e-12)


def test_members_that_find_nothing_weigh_the_same() -> None:
    members: Members = {"oof": {}, "test_probabilities": {}, "history": {}}
    for name in ("b", "a"):
        add_member(members, name, WRONG, TEST)
    weights = weigh(members)
    assert weights["member"].tolist() == ["a", "b"]
    assert weights["weight"].tolist() == [0.5, 0.5]


def test_order_in_which_members_are_listed_does_not_matter(members: Members) -> None:
    turned = {name: dict(reversed(part.items())) for name, part in members.items()}
    pd.testing.assert_frame_equal(weigh(turned), weigh(members))


@pytest.mark.parametrize("table", ["oof", "test_probabilities", "history"])
def test_incomplete_member_is_left_out_and_named(
    members: Members, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    del members[table]["반-0a/fold_1"]
    with caplog.at_level(logging.INFO):
        weights = weigh(members)
    assert weights["member"].tolist() == ["기준-0b"]
    assert weights["weight"].tolist() == [1.0]
    assert "left out of the ensemble: 반-0a: not finished, 반-0a/fold_1 missing" in caplog.messages


@pytest.mark.parametrize("key", ["split_digest", "content_digest"])
def test_member_of_another_split_or_other_images_is_left_out_and_named(
    members: Members, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    add_member(members, "옛것-0c", RIGHT, TEST, **{key: "old"})
    with caplog.at_level(logging.INFO):
        weights = weigh(members)
    assert "옛것-0c" not in weights["member"].tolist()
    (message,) = [message for message in caplog.messages if "옛것-0c" in message]
    assert message == (
        f"left out of the ensemble: 옛것-0c: made for another split or other images ({key} old, not {PRESENT[key]})"
    )


def test_member_with_one_fold_of_another_split_is_left_out(members: Members) -> None:
    stray: Members = {"oof": {}, "test_probabilities": {}, "history": {}}
    add_member(stray, "반-0a", HALF, TEST, split_digest="old")
    members["oof"]["반-0a/fold_1"] = stray["oof"]["반-0a/fold_1"]
    assert weigh(members)["member"].tolist() == ["기준-0b"]


def test_hold_out_asks_for_its_one_fold_only(members: Members) -> None:
    for table in members.values():
        table.pop("반-0a/fold_1")
    weights = weigh(members, SplittingConfig(n_folds=2, scheme="hold_out"))
    assert set(weights["member"]) == {"반-0a", "기준-0b"}
    assert weights["n_images"].tolist() == [2, 2]


def test_no_member_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no member to make an ensemble of") as error:
        weigh({"oof": {}, "test_probabilities": {}, "history": {}})
    assert error.value.cases == ["none was trained"]


def test_no_member_that_fits_is_refused_with_what_each_lacks(members: Members) -> None:
    del members["history"]["반-0a/fold_0"]
    del members["history"]["기준-0b/fold_0"], members["history"]["기준-0b/fold_1"]
    add_member(members, "옛것-0c", RIGHT, TEST, split_digest="old")
    with pytest.raises(InputError) as error:
        weigh(members)
    assert sorted(error.value.cases) == [
        "기준-0b: not finished, 기준-0b/fold_0, 기준-0b/fold_1 missing",
        "반-0a: not finished, 반-0a/fold_0 missing",
        f"옛것-0c: made for another split or other images (split_digest old, not {PRESENT['split_digest']})",
    ]


def test_blend_is_the_weighted_mean_by_hand(members: Members) -> None:
    blended = blend(pd.DataFrame({"member": ["기준-0b", "반-0a"], "weight": [0.75, 0.25]}), members)
    oof, test = blended["ensemble_oof"], blended["ensemble_probabilities"]
    assert oof["image_id"].tolist() == IDS
    assert oof["fold"].tolist() == [0, 1, 1, 0]
    np.testing.assert_allclose(oof["p_0"], [0.75 * RIGHT[i] + 0.25 * HALF[i] for i in IDS], atol=1e-6)
    assert test["image_id"].tolist() == ["시험1", "시험2"]
    assert test["fold"].tolist() == [-1, -1]
    # 시험1: 0.75 · mean(1, 1) + 0.25 · mean(0.75, 0.25); 시험2: 0.75 · mean(0, 1) + 0.25 · mean(0.5, 0.25)
    np.testing.assert_allclose(test["p_0"], [0.75 + 0.125, 0.375 + 0.09375], atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_blended_rows_sum_to_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    members: Members = {"oof": {}, "test_probabilities": {}, "history": {}}
    for number in range(5):
        first = dict(zip(IDS, rng.random(4).tolist(), strict=True))
        add_member(members, f"m-{number}", first, {fold: rng.random(2).tolist() for fold in (0, 1)})
    for table in blend(weigh(members), members).values():
        matrix = to_matrix(table)
        assert matrix.dtype == np.float32
        assert [str(dtype) for dtype in table.dtypes[2:]] == ["float32", "float32"]
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-6)


def test_blend_of_one_member_is_that_member(members: Members) -> None:
    oof = blend(pd.DataFrame({"member": ["반-0a"], "weight": [1.0]}), members)["ensemble_oof"]
    np.testing.assert_array_equal(oof["p_0"], np.array([HALF[i] for i in IDS], dtype=np.float32))


def test_competition_without_a_test_part_has_no_test_probabilities(members: Members) -> None:
    for key, load in members["test_probabilities"].items():
        members["test_probabilities"][key] = lambda load=load: load().iloc[:0]
    blended = blend(weigh(members), members)
    assert len(blended["ensemble_probabilities"]) == 0
    assert list(blended["ensemble_probabilities"]) == ["image_id", "fold", "p_0", "p_1"]
    assert len(blended["ensemble_oof"]) == 4


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.6, 0.3, 0.1], [0.97, 0.01, 0.01, 0.01], [1.0, 0.0]])
def test_chance_is_what_guessing_does_score(shares: list[float]) -> None:
    n, rng = 400_000, np.random.default_rng(0)
    labels = np.repeat(np.arange(len(shares)), np.round(np.array(shares) * n).astype(int))
    simulated = macro_f1(count_confusion(labels, rng.integers(0, len(shares), len(labels)), len(shares)))
    assert expect_chance_f1(pd.Series(labels), len(shares)) == pytest.approx(simulated, abs=0.003)


def test_blend_is_scored_on_true_labels_beside_chance(members: Members) -> None:
    oof = blend(weigh(members), members)["ensemble_oof"]
    scores = score_ensemble(oof, TARGETS, CLASSES, {})
    said = to_matrix(oof).argmax(axis=1)
    assert scores["macro_f1"] == macro_f1(count_confusion([0, 1, 0, 1], said, 2))
    assert scores["chance_macro_f1"] == pytest.approx(0.5)
    assert set(scores) == {"macro_f1", "accuracy", "n_images", "log_loss", "attributes", "folds", "chance_macro_f1"}


def test_chance_is_that_of_the_images_that_are_scored(members: Members) -> None:
    oof = blend(weigh(members), members)["ensemble_oof"]
    scored = oof[oof["image_id"].isin(["가", "다", "라"])]  # classes 0, 0, 1: not as even as all four
    scores = score_ensemble(scored, TARGETS, CLASSES, {})
    assert scores["chance_macro_f1"] == pytest.approx(expect_chance_f1(pd.Series([0, 0, 1]), 2))
    assert scores["chance_macro_f1"] != pytest.approx(expect_chance_f1(TARGETS["label"], 2), abs=1e-3)


def test_pipeline_goes_from_members_to_scores_in_memory(members: Members) -> None:
    values = {
        **members, "images": IMAGES, "folds": FOLDS, "targets": TARGETS, "classes": CLASSES, "attributes": {},
        "params:splitting": SPLITTING,
    }  # fmt: skip
    catalog = DataCatalog({name: MemoryDataset(value, copy_mode="assign") for name, value in values.items()})
    results = SequentialRunner().run(create_pipeline(), catalog)
    assert results["ensemble_scores"].load()["n_images"] == 4
    assert results["ensemble_probabilities"].load()["image_id"].tolist() == ["시험1", "시험2"]
