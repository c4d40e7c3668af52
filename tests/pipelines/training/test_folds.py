"""What a fold is given, and what is said of its results."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from podium.errors import InputError
from podium.pipelines.training import folds
from podium.pipelines.training.folds import (
    MemberTables,
    average_and_describe,
    fit_and_describe,
    join_and_describe,
    number_values,
)
from podium.probabilities import make_table, to_matrix
from podium.vision import fitting_store
from podium.vision.fit import FittedFold, MemberPlan
from podium.vision.hardware import Hardware
from podium.vision.input_spec import InputSpec
from podium.vision.micro_batches import Division
from podium.vision.recipe import Recipe
from podium.vision.soups import Soup

MEMBER = {
    "name": "기준-0a", "recipe": "기준", "recipe_digest": "r1", "attribute": None, "sources": [], "split_digest": "s1",
    "content_digest": "c1", "folds": [0, 1],
}  # fmt: skip
CLASSES = pd.DataFrame({"label": [0, 1, 2, 3], "크기": ["작음", "작음", "큼", "큼"], "색": ["흑", "백", "흑", "백"]})
ATTRIBUTES = {"크기": {"values": ["작음", "큼"]}, "색": {"values": ["백", "흑"]}}
TRAIN = pd.DataFrame(
    {
        "image_id": ["가", "나", "다", "라"],
        "sha256": ["a", "b", "c", "d"],
        "fold": [0, 1, 0, 1],
        "label": [0, 1, 2, 0],
        "training_label": [1, 2, 3, 0],
        "n_variants": [1, 2, 3, 4],
    }
)
TEST = pd.DataFrame({"image_id": ["시험1", "시험2"], "sha256": ["y", "z"]})


class Store:
    """A store whose rows are told by the letters of the contents."""

    def __init__(self, folder: Path):
        self.folder = folder

    preparation = "8x8-stretch-bicubic"

    def rows_of(self, sha256: Any) -> np.ndarray:
        return np.array([ord(letter) for letter in sha256], dtype=np.int64)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put a fold that is trained at once in place of training; holds what it was given."""
    given: dict[str, Any] = {}

    def fit(plan: Any, data: Any, fold: int, hardware: Any, folder: Any, on_epoch: Any, teachers: Any) -> FittedFold:
        given.update(store=data.store, data=data, teachers=teachers)
        on_epoch({"epoch": 0, "val_loss": 0.5})
        oof = np.array([[0.75, 0.25, 0, 0], [0.25, 0.75, 0, 0]], dtype=np.float32)[:, : data.n_classes]
        history = pd.DataFrame({"epoch": [0], "val_loss": [0.5]})
        return FittedFold({"w": torch.ones(2)}, history, oof, oof[::-1], given.get("division"))

    monkeypatch.setattr(folds, "fit_fold", fit)
    monkeypatch.setattr(fitting_store, "ImageStore", Store)
    monkeypatch.setattr(folds, "tell_epoch", lambda fold, row: given.update(logged=(fold, row)))
    monkeypatch.setattr(folds, "tell_tags", lambda name, values: given.update(tags=(name, values)))
    return given


def make_tables(extra: pd.DataFrame | None = None, **changes: Any) -> MemberTables:
    return MemberTables(TRAIN, TEST, 4, number_values(CLASSES, ATTRIBUTES), {**MEMBER, **changes}, extra)


def train_fold(fold: int, width_px: int = 8, extra: pd.DataFrame | None = None, **recipe: Any) -> dict[str, Any]:
    spec = InputSpec(8, width_px, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    plan = MemberPlan(Recipe.model_validate({"name": "기준", **recipe}), spec, [], None)
    tables = make_tables(extra, attribute=recipe.get("attribute"))
    return fit_and_describe(plan, "저장소", tables, fold, Hardware("cpu", "32-true", 0), Path("checkpoints"), [])


def test_held_out_fold_is_scored_on_true_labels_and_the_others_are_trained_on_shifted_ones(
    given: dict[str, Any],
) -> None:
    train_fold(1)
    data = given["data"]
    assert given["store"].folder == Path("저장소")
    assert data.train_rows.tolist() == [ord("a"), ord("c")]
    assert data.training_labels.tolist() == [1, 3]
    assert data.n_variants.tolist() == [1, 3]
    assert data.validation_rows.tolist() == [ord("b"), ord("d")]
    assert data.validation_labels.tolist() == [1, 0]
    assert data.test_rows.tolist() == [ord("y"), ord("z")]
    assert data.n_classes == 4


def test_run_is_told_how_many_images_a_device_computed_at_once(given: dict[str, Any]) -> None:
    train_fold(1)
    assert "tags" not in given, "nothing was asked for"
    given["division"] = Division(64, 16, 0)
    train_fold(1)
    assert given["tags"] == ("training.fold_1", {"images_at_once": "16"})


def test_probabilities_stand_beside_the_images_that_they_are_of(given: dict[str, Any]) -> None:
    results = train_fold(1)
    assert results["oof"]["image_id"].tolist() == ["나", "라"]
    assert results["test_probabilities"]["image_id"].tolist() == ["시험1", "시험2"]
    for name in ("oof", "test_probabilities", "history"):
        assert set(results[name]["fold"]) == {1}
    assert to_matrix(results["oof"])[0].tolist() == [0.75, 0.25, 0, 0]
    assert to_matrix(results["test_probabilities"])[0].tolist() == [0.25, 0.75, 0, 0]
    assert list(results["history"]) == ["fold", "epoch", "val_loss"]


def test_every_table_says_whose_it_is(given: dict[str, Any], tmp_path: Path) -> None:
    results = train_fold(0)
    wanted = {key: MEMBER[key] for key in MEMBER if key not in ("folds", "sources")}
    for name in ("oof", "test_probabilities", "history"):
        results[name].to_parquet(tmp_path / name)
        assert pd.read_parquet(tmp_path / name).attrs == wanted


def test_header_of_the_weights_is_plain_and_holds_recipe_and_input(given: dict[str, Any]) -> None:
    header = train_fold(0)["weights"]["header"]
    assert json.loads(json.dumps(header)) == header
    assert header["member"] == MEMBER
    assert header["fold"] == 0
    assert Recipe.model_validate(header["recipe"]) == Recipe(name="기준")
    assert header["input_spec"]["mean"] == [0.5, 0.5, 0.5]


def test_epochs_are_tracked_under_their_fold(given: dict[str, Any]) -> None:
    train_fold(1)
    assert given["logged"] == (1, {"epoch": 0, "val_loss": 0.5})


def test_store_of_another_size_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="made for another recipe") as error:
        train_fold(0, width_px=12)
    (case,) = error.value.cases
    assert case.startswith("input: the recipe wants 8x12")
    assert "data" not in given


def test_recipe_of_one_attribute_trains_on_its_values_and_speaks_of_all_classes(given: dict[str, Any]) -> None:
    results = train_fold(1, attribute="색")
    data = given["data"]
    assert data.n_classes == 2
    assert data.training_labels.tolist() == [0, 0], "classes 1 and 3 are 백, the first value"
    assert data.validation_labels.tolist() == [0, 1]
    assert to_matrix(results["oof"])[0].tolist() == [0.125, 0.375, 0.125, 0.375], "each value's share, dealt evenly"
    assert results["oof"].attrs["attribute"] == "색"
    assert results["weights"]["header"]["n_classes"] == 2


def test_head_an_attribute_is_told_the_values_of_every_class(given: dict[str, Any]) -> None:
    header = train_fold(0, head={"name": "per_attribute"})["weights"]["header"]
    assert given["data"].class_values.tolist() == [[0, 1], [0, 0], [1, 1], [1, 0]]
    assert header["class_values"] == [[0, 1], [0, 0], [1, 1], [1, 0]]
    train_fold(0)
    assert given["data"].class_values is None
    train_fold(0, head={"name": "per_attribute"}, attribute="색")
    assert given["data"].class_values.tolist() == [[0], [1]], "one attribute alone is one layer for its values"


class Source:
    """A finished fold of a model that knows one attribute."""

    def __init__(self, probabilities: list[list[float]]):
        self._probabilities = np.array(probabilities, dtype=np.float32)

    def load_table(self, name: str) -> pd.DataFrame:
        return make_table(pd.Series(["나", "라"] if name == "oof" else ["시험1", "시험2"]), 1, self._probabilities)


def test_joined_probabilities_are_products_and_are_scored_on_true_labels() -> None:
    size, colour = [[0.45, 0.45, 0.05, 0.05]] * 2, [[0.1, 0.4, 0.1, 0.4]] * 2
    results = join_and_describe(Recipe(name="합"), make_tables(), 1, [Source(size), Source(colour)])  # type: ignore[list-item]
    joined = to_matrix(results["oof"])
    assert joined[0] == pytest.approx([0.9 * 0.2, 0.9 * 0.8, 0.1 * 0.2, 0.1 * 0.8], abs=1e-6)
    assert results["oof"]["image_id"].tolist() == ["나", "라"]
    assert results["test_probabilities"]["image_id"].tolist() == ["시험1", "시험2"]
    history = results["history"].iloc[0]
    assert history["val_accuracy"] == 0.5
    assert history["val_loss"] == pytest.approx(-(np.log(0.72) + np.log(0.18)) / 2, abs=1e-5)
    assert results["weights"]["tensors"] == {}


EXTRA = pd.DataFrame({"image_id": ["시험2", "시험1"], "fold": [0, 1], "sha256": ["z", "y"], "label": [2, 3]})


def test_test_images_under_pseudo_labels_train_their_own_fold_and_validate_none(given: dict[str, Any]) -> None:
    results = train_fold(1, extra=EXTRA, variants={"n_per_image": 2})
    data = given["data"]
    assert data.train_rows.tolist() == [ord("a"), ord("c"), ord("y")]
    assert data.training_labels.tolist() == [1, 3, 3]
    assert data.n_variants.tolist() == [1, 3, 2]
    assert data.validation_rows.tolist() == [ord("b"), ord("d")]
    assert results["oof"]["image_id"].tolist() == ["나", "라"]
    train_fold(0, extra=EXTRA)
    assert given["data"].train_rows.tolist() == [ord("b"), ord("d"), ord("z")]


def test_pseudo_label_is_a_value_of_the_attribute_that_a_recipe_learns_alone(given: dict[str, Any]) -> None:
    train_fold(1, extra=EXTRA, attribute="색")
    assert given["data"].training_labels.tolist() == [0, 0, 0], "class 3 is 백, the first value"


def test_averaged_fold_is_described_like_a_trained_one_and_says_what_was_kept(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finished:
        def __init__(self, number: float):
            self.weights = {"tensors": {"w": torch.tensor([number])}, "header": {"n": number}}

        def load_weights(self) -> dict[str, Any]:
            return self.weights

    oof = np.array([[0.1, 0.8, 0.1, 0.0], [0.7, 0.1, 0.1, 0.1]], dtype=np.float32)
    seen: dict[str, Any] = {}

    def make_soup(plan: Any, data: Any, fold: int, hardware: Any, ingredients: Any) -> Soup:
        seen.update(fold=fold, names=[one.name for one in ingredients], headers=[one.header for one in ingredients])
        return Soup({"w": torch.ones(1)}, ["나-2"], {"가-1": 0.5, "나-2": 0.75}, 3, oof, oof[::-1])

    monkeypatch.setattr(folds, "make_soup", make_soup)
    spec = InputSpec(8, 8, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    recipe = Recipe.model_validate({"name": "수프", "soup": {"recipes": ["가", "나"], "how": "greedy"}})
    tables = make_tables(sources=["가-1", "나-2"])
    sources: list[Any] = [Finished(1.0), Finished(2.0)]
    plan = MemberPlan(recipe, spec, [], None)
    results = average_and_describe(plan, "저장소", tables, 1, Hardware("cpu", "32-true", 0), sources)
    assert seen == {"fold": 1, "names": ["가-1", "나-2"], "headers": [{"n": 1.0}, {"n": 2.0}]}
    trained = train_fold(1)
    assert set(results) == set(trained)
    header = results["weights"]["header"]
    assert set(header) == {*trained["weights"]["header"], "soup"}
    assert header["soup"] == {
        "how": "greedy", "kept": ["나-2"], "scores": {"가-1": 0.5, "나-2": 0.75}, "n_norms_estimated": 3,
    }  # fmt: skip
    assert results["oof"]["image_id"].tolist() == ["나", "라"]
    assert results["test_probabilities"]["image_id"].tolist() == ["시험1", "시험2"]
    (row,) = results["history"].to_dict("records")
    assert (row["fold"], row["epoch"], row["val_accuracy"], row["val_macro_f1"]) == (1, 0, 1.0, 1.0)
    assert row["val_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.7)) / 2, abs=1e-6)
    assert results["history"].attrs["name"] == MEMBER["name"]
