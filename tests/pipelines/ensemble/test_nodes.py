"""Which members are in, how much each weighs, and what they say together."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from podium.copies.search import NO_PAIRS
from podium.copies.sets import collect_copies
from podium.digests import digest_probabilities, digest_table
from podium.ensembling.criteria import score
from podium.ensembling.resampling import bootstrap_scores, make_interval
from podium.ensembling.selection import blend
from podium.errors import InputError
from podium.pipelines.ensemble import create_pipeline
from podium.pipelines.ensemble.choosing import list_weighings
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.ensemble.members import Members, describe_images, list_test_ids, make_members
from podium.pipelines.ensemble.nodes import (
    blend_members,
    expect_chance_f1,
    gather_members,
    judge_methods,
    rank_members,
    score_ensemble,
    weigh_members,
)
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
        "group_id": ["p", "q", "r", "s", None, None],
        "sha256": list("abcdef"),
        "width_px": 32,
        "height_px": 32,
        "perceptual_hash": "0" * 64,
    }
)
FOLDS = pd.DataFrame({"image_id": IDS, "fold": [0, 1, 1, 0]})
TARGETS = pd.DataFrame({"image_id": IDS, "label": [0, 1, 0, 1], "training_label": [1, 1, 1, 1]})
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["개", "고양이"], "target": [0, 1]})
SPLITTING = SplittingConfig(n_folds=2)
NO_COPIES = pd.DataFrame({"image_id": [], "copy_set": []})
TEMPLATE = pd.DataFrame({"image_id": ["시험1", "시험2"], "ID": ["1", "2"], "target": 0})
PRESENT = {"split_digest": digest_table(FOLDS), "content_digest": digest_content(IMAGES)}

Tables = dict[str, dict[str, Any]]
CONFIG = EnsembleConfig(n_draws=100)
NESTED = make_table(pd.Series(["가"]), 0, np.array([[0.25, 0.75]], np.float32))
EQUAL = EnsembleConfig(method="equal", calibrate=False, class_offsets="never", n_draws=100, min_certainty=0.0)


def make_table_of(ids: list[str], fold: int, first: list[float], attrs: dict[str, str]) -> pd.DataFrame:
    column = np.array(first, dtype=np.float32)
    table = make_table(pd.Series(ids), fold, np.stack([column, 1 - column], axis=1))
    table.attrs.update(attrs)
    return table


def add_member(tables: Tables, name: str, first: dict[str, float], test: dict[int, list[float]], **attrs: str) -> None:
    """Add a member that gives each training image ``first`` for class 0, and each test image ``test`` by fold."""
    for fold in (0, 1):
        key = f"{name}/fold_{fold}"
        ids = FOLDS.loc[FOLDS["fold"] == fold, "image_id"].tolist()[::-1]
        oof = make_table_of(ids, fold, [first[i] for i in ids], {**PRESENT, **attrs})
        tests = make_table_of(["시험2", "시험1"], fold, test[fold], {**PRESENT, **attrs})
        tables["oof"][key] = lambda oof=oof: oof
        tables["test_probabilities"][key] = lambda tests=tests: tests
        tables["history"][key] = lambda: 1 / 0  # that it is there is all that counts


RIGHT = {"가": 0.9, "나": 0.2, "다": 0.7, "라": 0.4}  # macro F1 of 1
HALF = {"가": 0.9, "나": 0.2, "다": 0.1, "라": 0.6}  # 가 and 나 are right: macro F1 of 1/2
WRONG = {"가": 0.1, "나": 0.8, "다": 0.1, "라": 0.6}
TEST = {0: [0.5, 0.75], 1: [0.25, 0.25]}


@pytest.fixture
def tables() -> Tables:
    tables: Tables = {"oof": {}, "test_probabilities": {}, "history": {}}
    add_member(tables, "반-0a", HALF, TEST)
    add_member(tables, "기준-0b", RIGHT, {0: [0.0, 1.0], 1: [1.0, 1.0]})
    return tables


def gather(
    tables: Tables,
    splitting: SplittingConfig = SPLITTING,
    config: EnsembleConfig = CONFIG,
    folder: Path = Path("nobody handed anything over"),
) -> Members:
    return gather_members(
        **tables, images=IMAGES, folds=FOLDS, targets=TARGETS, copies=NO_COPIES, classes=CLASSES,
        submission_template=TEMPLATE, teammate_members=folder, splitting=splitting, ensemble=config,
    )  # fmt: skip


def run(tables: Tables, config: EnsembleConfig = EQUAL, classes: pd.DataFrame = CLASSES) -> dict[str, Any]:
    """Run the nodes of the pipeline one after another; all that they read and write, by name."""
    values: dict[str, Any] = {
        **tables, "images": IMAGES, "folds": FOLDS, "targets": TARGETS, "copies": NO_COPIES, "classes": classes,
        "attributes": {},
        "params:splitting": SPLITTING, "params:ensemble": config, "params:public_share": 0.5,
        "submission_template": TEMPLATE, "teammate_members": Path("nobody handed anything over"),
    }  # fmt: skip
    for node in create_pipeline().nodes:
        values |= node.run({name: values[name] for name in node.inputs})
    return values


def draw_members(seed: int, n_members: int = 5, n_groups: int = 120) -> tuple[Members, pd.DataFrame]:
    """Draw members of three classes over two images a person, and what is true."""
    rng = np.random.default_rng(seed)
    n = 2 * n_groups
    labels = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    ids = [f"사진{i:04d}" for i in range(n)]
    described = {"sha256": [f"{i}" for i in range(n)], "width_px": 32, "height_px": 32, "perceptual_hash": "0" * 64}
    groups = [f"사람{i // 2}" for i in range(n)]
    images = pd.DataFrame({"image_id": ids, "subset": "train", "group_id": groups, **described})
    images = pd.concat([images, pd.DataFrame({"image_id": ["시험"], "subset": ["test"]})])
    targets = pd.DataFrame({"image_id": ids, "label": labels})
    shared = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[labels]
    found, tests = {}, {}
    for number in range(n_members):
        logits = shared + rng.normal(size=(n, 3))
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        table = make_table(pd.Series(ids), 0, chances.astype(np.float32))
        found[f"회원-{number}"] = table.assign(fold=np.arange(n) // 2 % 2)
        for fold in (0, 1):
            test = make_table(pd.Series(["시험"]), fold, np.full((1, 3), 1 / 3, np.float32))
            tests[f"회원-{number}/fold_{fold}"] = lambda test=test: test
    folds = pd.DataFrame({"image_id": ids, "fold": np.arange(n) // 2 % 2})
    described = describe_images(images, folds, targets, NO_COPIES, SPLITTING)
    return make_members(found, [], tests, described, list_test_ids(images), PRESENT), targets


def test_order_in_which_members_are_listed_does_not_matter(tables: Tables) -> None:
    turned = {name: dict(reversed(part.items())) for name, part in tables.items()}
    here, there = run(tables, CONFIG), run(turned, CONFIG)
    for name in ("ensemble_weights", "member_ranking", "method_scores", "ensemble_probabilities"):
        pd.testing.assert_frame_equal(here[name], there[name])


@pytest.mark.parametrize("table", ["oof", "test_probabilities", "history"])
def test_incomplete_member_is_left_out_and_named(tables: Tables, table: str, caplog: pytest.LogCaptureFixture) -> None:
    del tables[table]["반-0a/fold_1"]
    with caplog.at_level(logging.INFO):
        members = gather(tables)
    assert members.names == ["기준-0b"]
    assert "left out of the ensemble: 반-0a: not finished, 반-0a/fold_1 missing" in caplog.messages


@pytest.mark.parametrize("key", ["split_digest", "content_digest"])
def test_member_of_another_split_or_other_images_is_left_out_and_named(
    tables: Tables, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    add_member(tables, "옛것-0c", RIGHT, TEST, **{key: "old"})
    with caplog.at_level(logging.INFO):
        members = gather(tables)
    assert members.names == ["기준-0b", "반-0a"]
    (message,) = [message for message in caplog.messages if "옛것-0c" in message]
    assert message == (
        "left out of the ensemble: 옛것-0c: made for another split, other images or other labels "
        f"({key} old, not {PRESENT[key]})"
    )


def test_member_of_one_attribute_is_left_out_and_named(tables: Tables, caplog: pytest.LogCaptureFixture) -> None:
    add_member(tables, "나이-0c", RIGHT, TEST, attribute="age")
    with caplog.at_level(logging.INFO):
        assert "나이-0c" not in gather(tables).names
    assert any("knows the attribute 'age' alone" in message for message in caplog.messages)


def test_member_with_one_fold_of_another_split_is_left_out(tables: Tables) -> None:
    stray: Tables = {"oof": {}, "test_probabilities": {}, "history": {}}
    add_member(stray, "반-0a", HALF, TEST, split_digest="old")
    tables["oof"]["반-0a/fold_1"] = stray["oof"]["반-0a/fold_1"]
    assert gather(tables).names == ["기준-0b"]


def test_hold_out_asks_for_its_one_fold_only(tables: Tables) -> None:
    for table in tables.values():
        table.pop("반-0a/fold_1")
    members = gather(tables, SplittingConfig(n_folds=2, scheme="hold_out"))
    assert members.names == ["기준-0b", "반-0a"]
    assert members.images["image_id"].tolist() == ["가", "라"]


def test_no_member_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="no member to make an ensemble of") as error:
        gather({"oof": {}, "test_probabilities": {}, "history": {}})
    assert error.value.cases == ["none was trained"]


def test_no_member_that_fits_is_refused_with_what_each_lacks(tables: Tables) -> None:
    del tables["history"]["반-0a/fold_0"]
    del tables["history"]["기준-0b/fold_0"], tables["history"]["기준-0b/fold_1"]
    add_member(tables, "옛것-0c", RIGHT, TEST, split_digest="old")
    with pytest.raises(InputError) as error:
        gather(tables)
    assert sorted(error.value.cases) == [
        "기준-0b: not finished, 기준-0b/fold_0, 기준-0b/fold_1 missing",
        "반-0a: not finished, 반-0a/fold_0 missing",
        "옛것-0c: made for another split, other images or other labels "
        f"(split_digest old, not {PRESENT['split_digest']})",
    ]


def test_member_that_is_to_be_left_out_is_and_an_unknown_one_is_refused(tables: Tables) -> None:
    assert gather(tables, config=EnsembleConfig(leave_out=("반-0a",))).names == ["기준-0b"]
    with pytest.raises(InputError, match="there is no member '반-0b'; did you mean '반-0a'"):
        gather(tables, config=EnsembleConfig(leave_out=("반-0b",)))
    with pytest.raises(InputError, match=r"ensemble\.leave_out names it"):
        gather(tables, config=EnsembleConfig(leave_out=("반-0a", "기준-0b")))


def test_member_of_a_teammate_joins_in(tables: Tables, tmp_path: Path) -> None:
    folder = tmp_path / "members/지수"
    folder.mkdir(parents=True)
    (folder / "member.yml").write_text(f"split_digest: {PRESENT['split_digest']}\n", encoding="utf-8")
    oof = pd.DataFrame({"image_id": IDS[::-1], "p_0": [0.4, 0.7, 0.2, 0.9]})
    oof.assign(p_1=1 - oof["p_0"]).to_csv(folder / "oof.csv", index=False)
    test = pd.DataFrame({"ID": ["2", "1"], "p_0": [0.25, 1.0]})
    test.assign(p_1=1 - test["p_0"]).to_csv(folder / "test_probabilities.csv", index=False)
    members = gather(tables, folder=tmp_path / "members")
    assert members.names == ["teammate:지수", "기준-0b", "반-0a"]
    np.testing.assert_allclose(members.oof[0, :, 0], [RIGHT[i] for i in IDS])
    np.testing.assert_allclose(members.load_test["teammate:지수"]()[:, 0], [1.0, 0.25])
    alone: Tables = {"oof": {}, "test_probabilities": {}, "history": {}}
    assert gather(alone, folder=tmp_path / "members").names == ["teammate:지수"]
    (folder / "member.yml").write_text("split_digest: 0123456789ab\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"(?s)0123456789ab.*{PRESENT['split_digest']}"):
        gather(tables, folder=tmp_path / "members")


def test_too_many_members_for_every_subset_are_refused(tables: Tables) -> None:
    with pytest.raises(InputError, match="tries every subset of 2 members"):
        gather(tables, config=EnsembleConfig(method="best_subset", subset_max_members=1))


@pytest.mark.parametrize("criterion", ["macro_f1", "accuracy", "log_loss"])
def test_members_are_ranked_anew_by_any_criterion_from_stored_predictions(criterion: Any) -> None:
    members, targets = draw_members(0)
    classes = pd.DataFrame({"label": [0, 1, 2]})
    config = EnsembleConfig(criterion=criterion, n_draws=100)
    ranking = rank_members(members, targets, classes, {}, config)
    labels = members.labels
    wanted = {
        name: {
            "macro_f1": f1_score(labels, oof.argmax(axis=1), average="macro"),
            "accuracy": accuracy_score(labels, oof.argmax(axis=1)),
            "log_loss": -np.log(oof[np.arange(len(labels)), labels].astype(float)).mean(),
        }
        for name, oof in zip(members.names, members.oof, strict=True)
    }
    sign = -1 if criterion == "log_loss" else 1
    assert ranking["member"].tolist() == sorted(wanted, key=lambda name: -sign * wanted[name][criterion])
    for row in ranking.to_dict("records"):
        for key, value in wanted[row["member"]].items():
            assert row[key] == pytest.approx(value, abs=1e-6)
        assert row["score"] == pytest.approx(sign * row[criterion], abs=1e-6)
        assert row["low"] < row["score"] < row["high"]
    assert ranking["rank"].tolist() == [1, 2, 3, 4, 5]


def test_members_that_help_each_other_are_taken_and_nested_scores_are_told_for_all_methods() -> None:
    members, _ = draw_members(1)
    judged = judge_methods(members, CONFIG)
    table = judged["method_scores"].set_index("method")
    assert set(table.index) == {
        "best_single", "equal", "greedy", "greedy with class offsets", "best_single with class offsets", "best_subset",
        "rank_mean", "hard_vote", "stacking",
    }  # fmt: skip
    assert judged["ensemble_choice"]["method"] == "greedy"
    assert judged["ensemble_choice"]["certainty"] >= 0.75
    assert table.loc["best_single", "gain"] == 0
    assert table.loc["greedy", "score"] >= table.loc["greedy", "nested_score"] - 0.02
    assert (table["low"] <= table["nested_score"]).all()
    assert (table["nested_score"] <= table["high"]).all()


def test_a_gain_that_is_not_real_keeps_the_best_single_member() -> None:
    members, targets = draw_members(2)
    oof = np.repeat(members.oof[:1], 5, axis=0)  # five that say the same, but for a pinch of noise
    oof += np.random.default_rng(0).uniform(0, 1e-4, oof.shape).astype(np.float32)
    alike = replace(members, oof=oof / oof.sum(axis=2, keepdims=True))
    judged = judge_methods(alike, CONFIG)
    assert judged["ensemble_choice"]["method"] == "best_single"
    assert "so not real" in judged["ensemble_choice"]["reason"]
    ranking = rank_members(alike, targets, pd.DataFrame({"label": [0, 1, 2]}), {}, CONFIG)
    weights = weigh_members(alike, ranking, judged["ensemble_choice"], CONFIG)
    assert weights["weight"].tolist() == [1.0]
    assert weights["member"].tolist() == [ranking["member"][0]]


@pytest.mark.parametrize("method", ["greedy", "equal", "best_subset", "best_single"])
def test_every_method_gives_weights_that_sum_to_one_and_scores_no_worse_than_told(method: Any) -> None:
    members, targets = draw_members(3)
    config = EnsembleConfig(method=method, n_draws=100, min_certainty=0.0)
    ranking = rank_members(members, targets, pd.DataFrame({"label": [0, 1, 2]}), {}, config)
    judged = judge_methods(members, config)
    assert judged["ensemble_choice"]["method"] == method
    weights = weigh_members(members, ranking, judged["ensemble_choice"], config)
    assert weights["weight"].sum() == pytest.approx(1, abs=1e-12)
    assert (weights["weight"] > 0).all()
    assert weights["weight"].is_monotonic_decreasing
    if method in ("greedy", "best_subset"):
        blended = blend_members(
            members, weights, {"method": method, "class_offsets": False}, judged["ensemble_nested_oof"], config
        )["ensemble_oof"]
        reached = f1_score(members.labels, to_matrix(blended).argmax(axis=1), average="macro")
        assert reached >= ranking["macro_f1"].max() - 1e-9


def test_offsets_are_used_when_asked_for_and_never_else() -> None:
    members, _ = draw_members(4)
    always, never = (
        judge_methods(members, EnsembleConfig(class_offsets=use, n_draws=100)) for use in ("always", "never")
    )
    assert always["ensemble_choice"]["class_offsets"] is True
    assert never["ensemble_choice"]["class_offsets"] is False
    assert not any("offsets" in method for method in never["method_scores"]["method"])
    best = pd.DataFrame({"member": ["회원-0"], "weight": [1.0]})
    blended = [
        blend_members(members, best, judged["ensemble_choice"], judged["ensemble_nested_oof"], CONFIG)
        for judged in (always, never)
    ]
    assert len(blended[0]["decision"]["offsets"]) == 3
    assert blended[1]["decision"]["offsets"] == []
    scores = [
        f1_score(members.labels, to_matrix(part["ensemble_oof"]).argmax(axis=1), average="macro") for part in blended
    ]
    assert scores[0] >= scores[1]


def test_offsets_that_are_always_wanted_are_used_with_the_best_single_member_too(tables: Tables) -> None:
    for part in tables.values():
        part.pop("반-0a/fold_0")
    results = run(tables, EnsembleConfig(class_offsets="always", n_draws=100))
    assert results["ensemble_choice"]["method"] == "best_single"
    assert results["ensemble_choice"]["class_offsets"] is True
    assert len(results["decision"]["offsets"]) == 2


def test_copies_of_a_picture_are_one_group_whatever_person_they_are_said_to_show() -> None:
    same = collect_copies(IMAGES.assign(sha256=["a", "b", "a", "d", "e", "f"]), NO_PAIRS)
    described = describe_images(IMAGES, FOLDS, TARGETS, same, SPLITTING).set_index("image_id")["group"]
    assert described["가"] == described["다"]
    assert described.nunique() == 3
    assert describe_images(IMAGES, FOLDS, TARGETS, NO_COPIES, SPLITTING)["group"].nunique() == 4


def test_images_of_one_group_alone_cannot_judge_an_ensemble(tables: Tables) -> None:
    members = gather(tables)
    with pytest.raises(InputError, match="of one group"):
        judge_methods(replace(members, images=members.images.assign(group=0)), CONFIG)


def test_member_that_does_not_fit_may_be_left_out_by_name_too(tables: Tables) -> None:
    del tables["history"]["반-0a/fold_0"]
    assert gather(tables, config=EnsembleConfig(leave_out=("반-0a",))).names == ["기준-0b"]


def test_temperature_lowers_the_log_loss_and_changes_no_class() -> None:
    members, _ = draw_members(5)
    weights = pd.DataFrame({"member": ["회원-0", "회원-1"], "weight": [0.5, 0.5]})
    choice = {"method": "greedy", "class_offsets": False}
    with_it, without = (
        blend_members(members, weights, choice, NESTED, EnsembleConfig(calibrate=calibrate))
        for calibrate in (True, False)
    )
    assert with_it["decision"]["log_loss_after"] < with_it["decision"]["log_loss_before"]
    assert without["decision"]["temperature"] == 1.0
    np.testing.assert_array_equal(
        to_matrix(with_it["ensemble_oof"]).argmax(axis=1), to_matrix(without["ensemble_oof"]).argmax(axis=1)
    )


def test_blend_is_the_weighted_mean_by_hand(tables: Tables) -> None:
    weights = pd.DataFrame({"member": ["기준-0b", "반-0a"], "weight": [0.75, 0.25]})
    blended = blend_members(gather(tables), weights, {"class_offsets": False}, NESTED, EQUAL)
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
    tables: Tables = {"oof": {}, "test_probabilities": {}, "history": {}}
    for number in range(5):
        first = dict(zip(IDS, rng.random(4).tolist(), strict=True))
        add_member(tables, f"m-{number}", first, {fold: rng.random(2).tolist() for fold in (0, 1)})
    results = run(tables)
    for name in ("ensemble_oof", "ensemble_nested_oof", "ensemble_probabilities"):
        matrix = to_matrix(results[name])
        assert [str(dtype) for dtype in results[name].dtypes[2:]] == ["float32", "float32"]
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-6)


def test_digest_names_the_nested_table_that_was_there_when_the_weights_were_used(tables: Tables) -> None:
    weights = pd.DataFrame({"member": ["기준-0b", "반-0a"], "weight": [0.75, 0.25]})
    digests = blend_members(gather(tables), weights, {"class_offsets": False}, NESTED, EQUAL)["ensemble_digests"]
    assert digests["nested_oof_digest"] == digest_probabilities(NESTED)
    assert {key: digests[key] for key in PRESENT} == PRESENT


def test_competition_without_a_test_part_has_no_test_probabilities(tables: Tables) -> None:
    for key, load in tables["test_probabilities"].items():
        tables["test_probabilities"][key] = lambda load=load: load().iloc[:0]
    members = replace(gather(tables), test_ids=pd.Series([], dtype="str"))
    weights = pd.DataFrame({"member": ["기준-0b", "반-0a"], "weight": [0.5, 0.5]})
    blended = blend_members(members, weights, {"class_offsets": False}, NESTED, EQUAL)
    assert len(blended["ensemble_probabilities"]) == 0
    assert list(blended["ensemble_probabilities"]) == ["image_id", "fold", "p_0", "p_1"]
    assert len(blended["ensemble_oof"]) == 4


def test_one_member_alone_is_the_ensemble(tables: Tables) -> None:
    for part in tables.values():
        part.pop("반-0a/fold_0")
    results = run(tables, CONFIG)
    assert results["ensemble_weights"]["member"].tolist() == ["기준-0b"]
    assert results["ensemble_weights"]["weight"].tolist() == [1.0]


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.1], [0.6, 0.3, 0.1], [0.97, 0.01, 0.01, 0.01], [1.0, 0.0]])
def test_chance_is_what_guessing_does_score(shares: list[float]) -> None:
    n, rng = 400_000, np.random.default_rng(0)
    labels = np.repeat(np.arange(len(shares)), np.round(np.array(shares) * n).astype(int))
    simulated = macro_f1(count_confusion(labels, rng.integers(0, len(shares), len(labels)), len(shares)))
    assert expect_chance_f1(pd.Series(labels), len(shares)) == pytest.approx(simulated, abs=0.003)


def test_blend_is_scored_on_true_labels_beside_chance(tables: Tables) -> None:
    results = run(tables)
    scores = results["ensemble_scores"]
    said = to_matrix(results["ensemble_oof"]).argmax(axis=1)
    assert scores["macro_f1"] == macro_f1(count_confusion([0, 1, 0, 1], said, 2))
    assert scores["chance_macro_f1"] == pytest.approx(0.5)
    assert scores["n_images"] == 4


def test_expected_private_score_is_the_nested_one_with_an_interval_that_widens_for_a_smaller_part() -> None:
    members, targets = draw_members(6)
    classes = pd.DataFrame({"label": [0, 1, 2], "size": ["작다", "크다", "크다"]})
    attributes = {"size": {"values": ("작다", "크다")}}
    judged = judge_methods(members, CONFIG)
    nested = judged["ensemble_nested_oof"]
    choice, weights = judged["ensemble_choice"], pd.DataFrame({"member": members.names, "weight": 0.2})
    oof = blend_members(members, weights, choice, nested, CONFIG)["ensemble_oof"]
    widths = []
    for n_test in (100, 2000):
        test = make_table(pd.Series([f"{i}" for i in range(n_test)]), -1, np.full((n_test, 3), 1 / 3, np.float32))
        scores = score_ensemble(oof, nested, test, members, targets, classes, attributes, 0.5, CONFIG)
        expected = scores["expected_private"]
        assert expected["n_images"] == n_test / 2
        assert expected["score"] == pytest.approx(
            f1_score(members.labels, to_matrix(nested).argmax(axis=1), average="macro"), abs=1e-12
        )
        assert expected["low"] < expected["score"] < expected["high"]
        widths.append(expected["high"] - expected["low"])
        part = expected["attributes"]["size"]
        said, true = (np.array([0, 1, 1])[a] for a in (to_matrix(nested).argmax(axis=1), members.labels))
        assert part["score"] == pytest.approx(f1_score(true, said, average="macro"), abs=1e-12)
        assert part["score"] == pytest.approx(scores["nested"]["attributes"]["size"]["macro_f1"], abs=1e-12)
    assert widths[0] > 1.3 * widths[1]


def test_expected_score_covers_what_new_images_give() -> None:
    covered = []
    for seed in range(30):
        members, _ = draw_members(seed, n_members=3, n_groups=150)
        # The first hundred persons are what the ensemble is chosen on, the others the private part.
        known, new = (slice(0, 200), slice(200, 300))
        first = replace(members, oof=members.oof[:, known], images=members.images[known].reset_index(drop=True))
        judged = judge_methods(first, EnsembleConfig(n_draws=200, class_offsets="never", calibrate=False))
        groups = first.groups
        nested = to_matrix(judged["ensemble_nested_oof"])
        draws = bootstrap_scores(nested[None], first.labels, groups, "macro_f1", 200, 0, n_drawn_images=100)
        interval = make_interval(score(nested, first.labels, "macro_f1"), draws[0], 0.9)
        weigh = list_weighings(first.names, CONFIG)[judged["ensemble_choice"]["method"]]
        said = blend(members.oof[:, new], weigh(first.oof, first.labels)).argmax(axis=1)
        reached = f1_score(members.labels[new], said, average="macro")
        covered.append(interval.low <= reached <= interval.high)
    assert np.mean(covered) >= 0.75


def test_pipeline_gives_the_same_bytes_twice(tables: Tables) -> None:
    first, second = run(tables, CONFIG), run(tables, CONFIG)
    assert first["ensemble_scores"] == second["ensemble_scores"]
    for name in ("ensemble_probabilities", "ensemble_oof", "method_scores", "ensemble_weights"):
        assert first[name].to_csv() == second[name].to_csv()
