"""Folds are trained once, saved one by one, and never on a split that leaks."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from podium.copies.search import NO_PAIRS
from podium.copies.sets import collect_copies
from podium.datasets.finished_folds import FinishedFold
from podium.disk.identity import read_identity
from podium.errors import InputError
from podium.pipelines.leaks.config import LeaksConfig
from podium.pipelines.leaks.nodes import prove_no_leak
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training import folds as one_fold
from podium.pipelines.training import nodes
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import digest_recipe
from podium.pipelines.training.nodes import OUTPUTS, identify_member, train_folds
from podium.vision.recipe import Recipe

IMAGES = pd.DataFrame(
    {
        "image_id": ["시험", "라", "다", "나", "가"],
        "subset": ["test", "train", "train", "train", "train"],
        "label": pd.array([None, 1, 0, 1, 0], dtype="Int64"),
        "group_id": [None, "4", "3", "2", "1"],
        "sha256": list("edcba"),
    }
)
FOLDS = pd.DataFrame({"image_id": ["가", "나", "다", "라"], "fold": [0, 1, 0, 1]})
TARGETS = pd.DataFrame({"image_id": ["나", "가", "라", "다"], "label": [1, 0, 1, 0], "training_label": [1, 0, 1, 1]})
VARIANTS = pd.DataFrame({"image_id": ["다", "가", "라", "나"], "n_variants": [3, 1, 4, 2]})
SPEC = {"height_px": 8, "width_px": 8, "resize": "stretch", "mean": [0.5] * 3, "std": [0.2] * 3}
DIGESTS = {"recipe": "기준", "recipe_digest": "r", "split_digest": "s", "content_digest": "c"}
MEMBER = {"name": "기준-0a", "folds": [0, 1], "sources": [], **DIGESTS}
WEIGHTS = {"path": None, "sha256": None}
ATTRIBUTES: dict[str, Any] = {}


CLASSES = pd.DataFrame({"label": [0, 1]})


EXTRA = pd.DataFrame({"image_id": ["시험"], "fold": [1], "label": [0]})


def prove(images: pd.DataFrame = IMAGES, folds: pd.DataFrame = FOLDS, **leaks: Any) -> dict[str, Any]:
    proven = prove_no_leak(images, folds, collect_copies(images, NO_PAIRS), pd.DataFrame(), LeaksConfig(**leaks))
    return dict(proven["leak_proof"])


def identify(
    images: pd.DataFrame = IMAGES,
    classes: pd.DataFrame = CLASSES,
    extra: pd.DataFrame = EXTRA,
    pseudo_labels: bool = False,
    proof: dict[str, Any] | None = None,
    **splitting: Any,
) -> dict[str, Any]:
    config, leaks = SplittingConfig(**{"n_folds": 2, **splitting}), LeaksConfig()
    proof = prove(images) if proof is None else proof
    recipe = Recipe(name="기준", pseudo_labels=pseudo_labels)
    return identify_member(
        recipe, [], SPEC, images, FOLDS, TARGETS, VARIANTS, classes, WEIGHTS, [], extra, proof, leaks, config
    )


@pytest.mark.parametrize(("scheme", "held_out"), [("k_fold", [0, 1]), ("hold_out", [0])])
def test_member_has_the_folds_of_the_scheme(scheme: str, held_out: list[int]) -> None:
    member = identify(scheme=scheme)
    assert member["folds"] == held_out
    assert member["name"] == identify()["name"], "the scheme says how many folds are trained, not how"


def test_class_more_makes_another_member() -> None:
    assert identify(classes=pd.DataFrame({"label": [0, 1, 2]}))["name"] != identify()["name"]


def test_member_says_which_recipe_it_is_of() -> None:
    assert identify()["recipe_digest"] == digest_recipe(Recipe(name="다른 이름"))


def test_pseudo_labels_make_another_member_of_a_recipe_that_takes_them_alone() -> None:
    other = EXTRA.assign(label=1)
    assert identify(extra=other)["name"] == identify()["name"]
    names = {identify(pseudo_labels=True)["name"], identify(extra=other, pseudo_labels=True)["name"]}
    assert len(names) == 2 and identify()["name"] not in names


@pytest.mark.parametrize(
    ("column", "values", "case"),
    [
        ("group_id", [None, "1", "3", "2", "1"], "가 in fold 0; 라 in fold 1 (group)"),
        ("sha256", ["e", "d", "c", "a", "a"], "가 in fold 0; 나 in fold 1 (bytes)"),
    ],
)
def test_split_that_leaks_has_no_member(column: str, values: list[Any], case: str) -> None:
    with pytest.raises(InputError, match="leaks") as error:
        identify(IMAGES.assign(**{column: values}))
    assert error.value.cases == [case]


def test_nothing_is_trained_without_a_proof() -> None:
    with pytest.raises(InputError, match="Nobody has proven") as error:
        identify(proof={})
    assert "kedro run --pipeline train" in error.value.cases[0]


@pytest.mark.parametrize(
    ("proof", "key"),
    [
        (prove(folds=FOLDS.assign(fold=[1, 0, 1, 0])), "split_digest"),
        (prove(IMAGES.assign(sha256=list("edcbz"))), "content_digest"),
        (prove(IMAGES.assign(group_id=[None, "1", "1", "2", "3"])), "group_digest"),
        (prove(near_duplicate_max_bits=3), "settings_digest"),
    ],
)
def test_proof_of_something_else_is_refused(proof: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match="something else") as error:
        identify(proof=proof)
    assert [case.split(":")[0] for case in error.value.cases] == [f"leak_proof.{key}"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put a fold that is trained at once in place of training; holds what each call was given."""
    calls: list[dict[str, Any]] = []
    names = ["plan", "store", "tables", "fold", "hardware", "folder", "sources"]

    def fit(*arguments: Any) -> dict[str, Any]:
        calls.append(dict(zip(names, arguments, strict=True)))
        calls[-1]["folder"].mkdir(parents=True, exist_ok=True)
        return {name: f"{name} of {calls[-1]['fold']}" for name in OUTPUTS}

    monkeypatch.setattr(one_fold, "fit_and_describe", fit)
    return calls


def train(tmp_path: Path, finished: dict[str, Any] | None = None, **member: Any) -> Any:
    training = TrainingConfig(checkpoint_dir=tmp_path / "모델", device="cpu", num_workers=0)
    recipe = Recipe.model_validate({"name": "기준", **member.pop("recipe_leaves", {})})
    return train_folds(
        {**MEMBER, **member}, recipe, [], SPEC, WEIGHTS, IMAGES, CLASSES, ATTRIBUTES, {"folder": "저장소"}, FOLDS,
        TARGETS, VARIANTS, finished or {}, EXTRA, training,
    )  # fmt: skip


def finish(history: pd.DataFrame) -> FinishedFold:
    return FinishedFold(history, Path("표"), Path("가중치"))


def test_run_is_told_what_it_computes_on(
    calls: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(nodes, "tell_tags", lambda *tags: told.append(tags))
    next(train(tmp_path))
    tags = {"accelerator": "cpu", "precision": "32-true", "devices": "1", "nodes": "1", "micro_batch": "whole batch"}
    assert told == [("training", tags)]


def test_each_fold_is_handed_out_as_soon_as_it_ends(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    results = train(tmp_path)
    assert next(results) == {name: {"기준-0a/fold_0": f"{name} of 0"} for name in OUTPUTS}
    assert [call["fold"] for call in calls] == [0]
    assert next(results) == {name: {"기준-0a/fold_1": f"{name} of 1"} for name in OUTPUTS}
    assert next(results, None) is None


def test_checkpoints_say_whose_they_are_before_the_first_one_is_written(
    calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    next(train(tmp_path))
    assert read_identity(tmp_path / "모델" / "기준-0a" / "fold_0" / "checkpoints") == {
        **DIGESTS,
        "preparation": "8x8-stretch-bicubic",
    }


def test_checkpoints_are_kept_until_the_fold_is_saved(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "모델" / "기준-0a"
    results = train(tmp_path)
    next(results)
    assert (folder / "fold_0" / "checkpoints").is_dir(), "the runner has not saved yet"
    next(results)
    assert not (folder / "fold_0" / "checkpoints").exists()
    assert (folder / "fold_1" / "checkpoints").is_dir()
    next(results, None)
    assert not (folder / "fold_1" / "checkpoints").exists()


def test_tables_in_any_order_are_joined_by_image(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    list(train(tmp_path))
    joined = calls[0]["tables"].train.set_index("image_id")
    assert joined.index.tolist() == ["가", "나", "다", "라"]
    assert joined["sha256"].tolist() == list("abcd")
    assert joined["fold"].tolist() == [0, 1, 0, 1]
    assert joined["training_label"].tolist() == [0, 1, 1, 1]
    assert joined["n_variants"].tolist() == [1, 2, 3, 4]
    extra = calls[0]["tables"].extra
    assert extra[["image_id", "fold", "label", "sha256"]].to_numpy().tolist() == [["시험", 1, 0, "e"]]
    assert calls[0]["tables"].test["image_id"].tolist() == ["시험"]
    assert calls[0]["tables"].n_classes == 2
    assert calls[0]["store"] == "저장소"


def test_finished_fold_is_not_trained_again_but_its_curves_are_told(
    calls: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = []
    monkeypatch.setattr(nodes, "log_epoch", lambda fold, row: logged.append((fold, row["epoch"])))
    history = pd.DataFrame({"fold": [0, 0], "epoch": [0, 1], "val_loss": [1.0, 0.5]})
    results = list(train(tmp_path, {"기준-0a/fold_0": finish(history)}))
    assert results[0] == {name: {} for name in OUTPUTS}
    assert [call["fold"] for call in calls] == [1]
    assert logged == [(0, 0), (0, 1)]


def test_finished_fold_leaves_no_checkpoints_of_a_run_killed_after_its_last_save(
    calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    checkpoints = tmp_path / "모델" / "기준-0a" / "fold_0" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "last.ckpt").write_bytes(b"x")
    next(train(tmp_path, {"기준-0a/fold_0": finish(pd.DataFrame())}))
    assert not checkpoints.exists()
    assert calls == []


def test_finished_fold_of_another_member_does_not_count(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    list(train(tmp_path, {"기준-0b/fold_0": pd.DataFrame(), "다른-0a/fold_1": pd.DataFrame()}))
    assert [call["fold"] for call in calls] == [0, 1]


def test_failing_fold_leaves_its_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        arguments[5].mkdir(parents=True, exist_ok=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(one_fold, "fit_and_describe", fail)
    with pytest.raises(KeyboardInterrupt):
        list(train(tmp_path))
    assert (tmp_path / "모델" / "기준-0a" / "fold_0" / "checkpoints").is_dir()


def test_every_fold_has_the_four_files_that_make_it_finished() -> None:
    assert set(OUTPUTS) == {"weights", "oof", "test_probabilities", "history"}


def test_fold_learns_from_the_same_fold_of_its_sources(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    finished = {f"스승-1b/fold_{fold}": finish(pd.DataFrame({"fold": [fold]})) for fold in (0, 1)}
    list(train(tmp_path, finished, sources=["스승-1b"]))
    assert [call["sources"][0].history["fold"].item() for call in calls] == [0, 1]


def test_recipe_that_joins_others_trains_nothing(
    calls: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = []

    def join(recipe: Any, tables: Any, fold: int, sources: Any) -> dict[str, Any]:
        joined.append((fold, len(sources)))
        return {name: name for name in OUTPUTS}

    monkeypatch.setattr(one_fold, "join_and_describe", join)
    finished = {f"{name}/fold_{fold}": finish(pd.DataFrame()) for fold in (0, 1) for name in ("a-1", "b-2")}
    results = list(train(tmp_path, finished, sources=["a-1", "b-2"], recipe_leaves={"join": ["a", "b"]}))
    assert joined == [(0, 2), (1, 2)]
    assert calls == []
    assert results[1]["oof"] == {"기준-0a/fold_1": "oof"}


def test_soup_averages_each_fold_that_is_not_finished_yet(
    calls: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    averaged = []

    def average(plan: Any, store: str, tables: Any, fold: int, hardware: Any, sources: Any) -> dict[str, Any]:
        averaged.append((store, fold, [source.history["of"].item() for source in sources]))
        return {name: name for name in OUTPUTS}

    monkeypatch.setattr(one_fold, "average_and_describe", average)
    finished = {
        f"{name}/fold_{fold}": finish(pd.DataFrame({"of": [f"{name} {fold}"]}))
        for fold in (0, 1)
        for name in ("a-1", "b-2")
    }
    soup = {"sources": ["a-1", "b-2"], "recipe_leaves": {"soup": {"recipes": ["a", "b"]}}}
    results = list(train(tmp_path, finished, **soup))
    assert averaged == [("저장소", 0, ["a-1 0", "b-2 0"]), ("저장소", 1, ["a-1 1", "b-2 1"])]
    assert calls == []
    assert results[1]["weights"] == {"기준-0a/fold_1": "weights"}
    averaged.clear()
    list(train(tmp_path, {**finished, "기준-0a/fold_0": finish(pd.DataFrame())}, **soup))
    assert [fold for _, fold, _ in averaged] == [1]
