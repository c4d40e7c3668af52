from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from podium.competitions.config import LabelShift
from podium.vision.recipe import ModelConfig, Recipe


def find_places(**values: Any) -> list[str]:
    """Return the dotted places that a recipe is refused for."""
    with pytest.raises(ValidationError) as error:
        Recipe.model_validate({"name": "r", **values})
    return [".".join(map(str, detail["loc"])) for detail in error.value.errors()]


def test_name_alone_is_a_recipe() -> None:
    recipe = Recipe(name="기준 모델")
    assert recipe.name == "기준 모델"
    assert recipe.model.pretrained is False
    assert recipe.test_time_views == ("none",)


@pytest.mark.parametrize(
    "values",
    [
        {"epoch": 3},
        {"model": {"backbon": "x"}},
        {"input": {"size": [8, 8]}},
        {"variants": {"n": 1}},
        {"loss": {"alpha": 1}},
        {"optimizer": {"momentum": 0.9}},
        {"schedule": {"warmup": 1}},
        {"mixing": {"mixup": 1}},
        {"label_shift": {"age": {"at_least": 1, "counts_as": 2, "x": 3}}},
    ],
)
def test_unknown_key_is_refused_in_every_part(values: dict[str, Any]) -> None:
    assert len(find_places(**values)) == 1


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("seed", -1),
        ("epochs", 0),
        ("batch_size", 1),
        ("sampler", "balanced"),
        ("criterion", "f1"),
        ("early_stopping_epochs", 0),
        ("test_time_views", []),
        ("model.drop_rate", 1.1),
        ("input.resize", "fit"),
        ("variants.n_per_image", 0),
        ("loss.name", "ce"),
        ("loss.label_smoothing", 1.0),
        ("loss.gamma", -0.1),
        ("optimizer.lr", 0.0),
        ("optimizer.weight_decay", -1e-9),
        ("schedule.name", "linear"),
        ("schedule.final_lr_share", 1.5),
        ("mixing.batch_share", -0.1),
        ("mixing.mixup_alpha", -1.0),
    ],
)
def test_value_out_of_range_is_refused_by_its_place(place: str, value: Any) -> None:
    *parts, key = place.split(".")
    values: dict[str, Any] = {key: value}
    for part in reversed(parts):
        values = {part: values}
    assert find_places(**values) == [place]


@pytest.mark.parametrize("size_px", [[7, 64], [64, 4097], [64], [64, 64, 3], 64])
def test_impossible_input_size_is_refused(size_px: Any) -> None:
    assert all(place.startswith("input.size_px") for place in find_places(input={"size_px": size_px}))


@pytest.mark.parametrize("place", ["lr", "weight_decay"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_none_is_refused(place: str, value: float) -> None:
    assert find_places(optimizer={place: value}) == [f"optimizer.{place}"]


@pytest.mark.parametrize(
    ("given", "kept"), [(True, True), (False, False), ("가중치/lite0.safetensors", Path("가중치/lite0.safetensors"))]
)
def test_pretrained_is_a_choice_or_a_path(given: Any, kept: Any) -> None:
    config = ModelConfig(pretrained=given)
    assert config.pretrained == kept
    assert type(config.pretrained) is type(kept) or isinstance(config.pretrained, Path)


def test_label_shift_tells_the_competitions_own_from_none() -> None:
    assert Recipe(name="r").label_shift is None
    assert Recipe(name="r", label_shift={}).label_shift == {}
    shifted = Recipe.model_validate({"name": "r", "label_shift": {"age": {"at_least": 57, "counts_as": 60}}})
    assert shifted.label_shift == {"age": LabelShift(at_least=57, counts_as=60)}


def test_recipe_comes_back_from_json_as_it_was() -> None:
    recipe = Recipe.model_validate(
        {
            "name": "기준",
            "model": {"pretrained": "weights/x.safetensors"},
            "input": {"size_px": [64, 48]},
            "label_shift": {"age": {"at_least": 58, "counts_as": 60}},
            "test_time_views": ["none", "turn_180"],
        }
    )
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_recipe_cannot_be_changed_while_it_is_trained() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Recipe(name="r").epochs = 3
    with pytest.raises(ValidationError, match="frozen"):
        Recipe(name="r").optimizer.lr = 3.0
