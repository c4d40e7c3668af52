from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from podium.errors import InputError
from podium.pipelines.evaluation import create_pipeline
from podium.pipelines.evaluation.nodes import (
    collect_predictions,
    list_worst_images,
    score_each_class,
    score_member,
    show_confusion,
    show_learning_curves,
)
from podium.pipelines.training.member import digest_recipe
from podium.probabilities import make_table
from podium.vision.recipe import Recipe

RECIPE = Recipe(name="기준")
MEMBER = {
    "name": "기준-0a", "recipe": "기준", "recipe_digest": digest_recipe(RECIPE), "attribute": None, "folds": [0, 1],
}  # fmt: skip
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["마스크", "미착용"], "target": [0, 1], "mask": ["o", "x"]})
ATTRIBUTES: dict[str, dict[str, Any]] = {"mask": {"values": ["o", "x"]}}
TARGETS = pd.DataFrame({"image_id": ["라", "다", "나", "가"], "label": [1, 1, 0, 0], "training_label": [0, 0, 0, 0]})
CHANCES = {"가": (0, 0.9), "나": (1, 0.3), "다": (0, 0.2), "라": (1, 0.6)}  # fold, and chance of the first class


def make_part(fold: int) -> pd.DataFrame:
    ids = [name for name, (of, _) in CHANCES.items() if of == fold][::-1]
    first = np.array([CHANCES[name][1] for name in ids], dtype=np.float32)
    return make_table(pd.Series(ids), fold, np.stack([first, 1 - first], axis=1))


def make_partitions() -> dict[str, Any]:
    return {
        "기준-0a/fold_0": lambda: make_part(0),
        "기준-0a/fold_1": lambda: make_part(1),
        "기준-0b/fold_0": lambda: 1 / 0,  # of another member: never opened
    }


def make_history() -> dict[str, Any]:
    rows = pd.DataFrame({"fold": 0, "epoch": [0, 1], "train_loss": 1.0, "val_loss": 1.0, "val_macro_f1": 0.5})
    return {f"기준-0a/fold_{fold}": (lambda fold=fold: rows.assign(fold=fold)) for fold in (0, 1)}


PREDICTIONS = collect_predictions(MEMBER, make_partitions(), RECIPE)


def test_folds_of_this_member_alone_are_put_together_by_image() -> None:
    assert PREDICTIONS["image_id"].tolist() == ["가", "나", "다", "라"]
    assert PREDICTIONS["fold"].tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(PREDICTIONS["p_0"], [0.9, 0.3, 0.2, 0.6])


@pytest.mark.parametrize("recipe", [Recipe(name="빠름"), Recipe(name="기준", epochs=3)], ids=["renamed", "changed"])
def test_member_of_another_recipe_than_the_chosen_one_is_not_scored(recipe: Recipe) -> None:
    with pytest.raises(InputError, match="another recipe") as error:
        collect_predictions(MEMBER, make_partitions(), recipe)
    assert error.value.cases == [
        f"recipe: '{recipe.name}' as it reads now is chosen, 기준-0a was trained last; "
        "kedro run --pipeline train trains and evaluates the chosen one"
    ]


def test_ancestry_of_the_chosen_recipe_does_not_matter() -> None:
    collect_predictions(MEMBER, make_partitions(), Recipe(name="기준", based_on="다른 것"))


def test_scores_are_on_true_labels() -> None:
    scores = score_member(MEMBER, PREDICTIONS, TARGETS, CLASSES, ATTRIBUTES)
    assert scores["member"] == "기준-0a"
    assert scores["accuracy"] == 0.5  # 가 and 다 are right; on training labels 가 and 라 would be
    assert scores["attributes"]["mask"]["accuracy"] == 0.5
    assert {name: part["accuracy"] for name, part in scores["folds"].items()} == {"fold_0": 1.0, "fold_1": 0.0}


@pytest.mark.parametrize(("attribute", "told"), [(None, "macro F1 0.5000"), ("mask", "macro F1 of 'mask' 0.5000")])
def test_what_is_told_is_the_score_of_what_the_member_learnt(
    caplog: pytest.LogCaptureFixture, attribute: str | None, told: str
) -> None:
    caplog.set_level("INFO")
    score_member({**MEMBER, "attribute": attribute}, PREDICTIONS, TARGETS, CLASSES, ATTRIBUTES)
    assert caplog.messages == [f"기준-0a: {told} on 4 images out of fold"]


def test_each_class_has_its_scores() -> None:
    table = score_each_class(PREDICTIONS, TARGETS, CLASSES)
    assert table["class_name"].tolist() == ["마스크", "미착용"]
    assert table["f1"].tolist() == [0.5, 0.5]
    assert table["n_images"].tolist() == [2, 2]


def test_worst_images_come_first_with_what_they_were_taken_for() -> None:
    table = list_worst_images(PREDICTIONS, TARGETS, CLASSES)
    assert table["image_id"].tolist() == ["나", "라", "다", "가"]
    np.testing.assert_allclose(table["true_probability"], [0.3, 0.4, 0.8, 0.9], atol=1e-6)
    np.testing.assert_allclose(table["predicted_probability"], [0.7, 0.6, 0.8, 0.9], atol=1e-6)
    assert table["true_class"].tolist() == ["마스크", "미착용", "미착용", "마스크"]
    assert table["predicted_class"].tolist() == ["미착용", "마스크", "미착용", "마스크"]
    assert table["fold"].tolist() == [1, 1, 0, 0]


def test_equally_bad_images_stand_in_order_of_their_names() -> None:
    same = make_table(pd.Series(["나", "가"]), 0, np.full((2, 2), 0.5, dtype=np.float32))
    assert list_worst_images(same, TARGETS, CLASSES)["image_id"].tolist() == ["가", "나"]


def test_plot_and_picture_show_the_same_counts() -> None:
    shown = show_confusion(MEMBER, PREDICTIONS, TARGETS, CLASSES, ATTRIBUTES)
    assert np.array_equal(shown["confusion_plot"].data[0].text, [[1, 1], [1, 1]])
    assert len(shown["confusion_picture"].axes[0].texts) == 4
    assert "기준-0a" in shown["confusion_plot"].layout.title.text
    assert [axis.get_title() for axis in shown["attribute_confusion_picture"].axes] == ["mask"]
    assert np.array_equal(shown["attribute_confusion_plot"].data[0].text, [[1, 1], [1, 1]])


def test_learning_curves_show_the_folds_of_this_member() -> None:
    figure = show_learning_curves(MEMBER, {**make_history(), "기준-0b/fold_0": lambda: 1 / 0}, RECIPE)
    assert {trace.name for trace in figure.data} >= {"fold 0", "fold 1"}


def test_pipeline_makes_every_result_from_a_member_in_memory() -> None:
    values = {
        "member": MEMBER, "recipe": RECIPE, "oof": make_partitions(), "history": make_history(), "targets": TARGETS,
        "classes": CLASSES, "attributes": ATTRIBUTES,
    }  # fmt: skip
    catalog = DataCatalog({name: MemoryDataset(value, copy_mode="assign") for name, value in values.items()})
    for name in create_pipeline().all_outputs():
        catalog[name] = MemoryDataset(copy_mode="assign")
    results = SequentialRunner().run(create_pipeline(), catalog)
    assert catalog["scores"].load()["accuracy"] == 0.5
    assert create_pipeline().outputs() <= set(results)
