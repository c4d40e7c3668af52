"""Ages 57 to 60 by hand, and everything that must not move."""

from typing import Any

import pandas as pd
import pytest

from podium.competitions.config import IdTarget, LabelShift, MaskProfiles
from podium.errors import InputError
from podium.pipelines.labels.nodes import shift_labels
from podium.vision.recipe import Recipe

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "마스크": {"values": ("착용", "미착용"), "raw_column": None, "edges": ()},
    "age": {"values": ("<30", "30-59", ">=60"), "raw_column": "age_years", "edges": (30, 60)},
}
CLASSES = pd.DataFrame(
    {
        "label": range(6),
        "class_name": [f"{mask} {age}" for mask in ("착용", "미착용") for age in ("<30", "30-59", ">=60")],
        "마스크": ["착용"] * 3 + ["미착용"] * 3,
        "age": ["<30", "30-59", ">=60"] * 2,
    }
)
AGES = [29, 30, 57, 58, 59, 60, 61]
TRUE = [0, 4, 1, 4, 1, 5, 2]
SHIFTED = [0, 4, 1, 5, 2, 5, 2]  # 58 and 59 count as 60
COMPETITION = MaskProfiles(format="mask_profiles", root="x")


def make_images() -> pd.DataFrame:
    train = pd.DataFrame(
        {
            "image_id": [f"train/{age}.jpg" for age in AGES],
            "subset": "train",
            "label": TRUE,
            "마스크": ["착용", "미착용", "착용", "미착용", "착용", "미착용", "착용"],
            "age": ["<30", "30-59", "30-59", "30-59", "30-59", ">=60", ">=60"],
            "age_years": AGES,
        }
    ).astype({"label": "Int64", "age_years": "Int64"})
    test = pd.DataFrame({"image_id": ["test/a.jpg"], "subset": ["test"]})
    return pd.concat([train.iloc[::-1], test], ignore_index=True)


def shift(competition: Any = COMPETITION, **recipe: Any) -> pd.DataFrame:
    return shift_labels(make_images(), CLASSES, ATTRIBUTES, competition, Recipe.model_validate({"name": "r", **recipe}))


def list_cases(attributes: dict[str, Any] = ATTRIBUTES, **shifts: tuple[float, float]) -> list[str]:
    label_shift = {name: {"at_least": low, "counts_as": high} for name, (low, high) in shifts.items()}
    recipe = Recipe.model_validate({"name": "r", "label_shift": label_shift})
    with pytest.raises(InputError, match="Labels cannot be shifted") as error:
        shift_labels(make_images(), CLASSES, attributes, COMPETITION, recipe)
    return error.value.cases


def test_ages_of_58_and_59_are_trained_as_60_by_the_competitions_own_rule() -> None:
    targets = shift()
    assert targets["training_label"].tolist() == SHIFTED
    assert targets["label"].tolist() == TRUE


def test_empty_shift_of_a_recipe_shifts_nothing() -> None:
    targets = shift(label_shift={})
    assert targets["training_label"].tolist() == targets["label"].tolist() == TRUE


def test_shift_of_a_recipe_replaces_the_competitions() -> None:
    targets = shift(label_shift={"age": {"at_least": 58.5, "counts_as": 60}})
    assert targets["training_label"].tolist() == [0, 4, 1, 4, 2, 5, 2], "59 alone"
    targets = shift(label_shift={"age": {"at_least": 29, "counts_as": 30}})
    assert targets["training_label"].tolist() == [1, *TRUE[1:]]


def test_other_rule_of_a_competition_holds() -> None:
    competition = COMPETITION.model_copy(update={"label_shift": {"age": LabelShift(at_least=57, counts_as=60)}})
    assert shift(competition)["training_label"].tolist() == [0, 4, 2, 5, 2, 5, 2]


def test_number_above_what_it_counts_as_stays() -> None:
    competition = COMPETITION.model_copy(update={"label_shift": {"age": LabelShift(at_least=20, counts_as=30)}})
    assert shift(competition)["training_label"].tolist() == [1, *TRUE[1:]]


def test_image_without_a_number_keeps_the_band_of_its_class() -> None:
    images = make_images()
    images["age_years"] = images["age_years"].mask(
        images["image_id"].isin(["train/29.jpg", "train/58.jpg", "train/60.jpg"])
    )
    targets = shift_labels(images, CLASSES, ATTRIBUTES, COMPETITION, Recipe(name="r"))
    assert targets["training_label"].tolist() == [0, 4, 1, 4, 2, 5, 2], "59 alone is shifted"


@pytest.mark.parametrize("label_shift", [None, {}])
def test_every_training_image_and_no_other_has_both_labels(label_shift: Any) -> None:
    targets = shift(label_shift=label_shift)
    assert list(targets) == ["image_id", "label", "training_label"]
    assert targets["image_id"].tolist() == [f"train/{age}.jpg" for age in AGES]
    assert [str(targets[name].dtype) for name in ("label", "training_label")] == ["int64", "int64"]


def test_true_label_is_the_one_of_the_images_even_after_a_shift() -> None:
    images = make_images()
    before = images.copy()
    targets = shift_labels(images, CLASSES, ATTRIBUTES, COMPETITION, Recipe(name="r"))
    expected = before.dropna(subset="label").set_index("image_id")["label"]
    assert targets.set_index("image_id")["label"].astype("Int64").to_dict() == expected.to_dict()
    pd.testing.assert_frame_equal(images, before)


def test_attributes_read_from_json_do_the_same() -> None:
    attributes = {name: {**part, "values": list(part["values"]), "edges": list(part["edges"])}
                  for name, part in ATTRIBUTES.items()}  # fmt: skip
    targets = shift_labels(make_images(), CLASSES, attributes, COMPETITION, Recipe(name="r"))
    assert targets["training_label"].tolist() == SHIFTED


def test_competition_without_attributes_keeps_its_labels() -> None:
    images = make_images()[["image_id", "subset", "label"]]
    competition = IdTarget(format="id_target", root="x")
    targets = shift_labels(images, CLASSES[["label", "class_name"]], {}, competition, Recipe(name="r"))
    assert targets["training_label"].tolist() == targets["label"].tolist() == TRUE


def test_shift_of_an_unknown_attribute_is_named_with_the_nearest() -> None:
    assert list_cases(ages=(58, 60)) == [
        "label_shift.ages: not an attribute that is a banded number; did you mean 'age'?"
    ]


def test_shift_of_an_attribute_without_a_number_is_named() -> None:
    (case,) = list_cases(마스크=(58, 60))
    assert case == "label_shift.마스크: not an attribute that is a banded number; allowed: age"


def test_shift_where_nothing_is_banded_is_named() -> None:
    (case,) = list_cases({"마스크": ATTRIBUTES["마스크"]}, age=(58, 60))
    assert case == "label_shift.age: not an attribute that is a banded number; this competition has none"


@pytest.mark.parametrize("counts_as", [58, 57.5])
def test_shift_downwards_is_named_with_both_numbers(counts_as: float) -> None:
    assert list_cases(age=(58, counts_as)) == [f"label_shift.age: counts_as ({counts_as:g}) must exceed at_least (58)"]


@pytest.mark.parametrize("bounds", [(40, 50), (61, 70), (10, 29)])
def test_shift_that_joins_no_bands_is_refused_rather_than_doing_nothing(bounds: tuple[float, float]) -> None:
    (case,) = list_cases(age=bounds)
    assert case.startswith("label_shift.age: ")


def test_all_wrong_shifts_are_listed_at_once() -> None:
    starts = [case.split(":")[0] for case in list_cases(ages=(58, 60), age=(60, 58), 마스크=(1, 2))]
    assert starts == ["label_shift.ages", "label_shift.age", "label_shift.마스크"]
