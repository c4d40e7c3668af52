"""What cannot be trained is refused with its key, before any image is opened."""

from pathlib import Path
from typing import Any

import pytest

from podium.errors import InputError
from podium.vision.feasibility import require_feasible
from podium.vision.recipe import Recipe


def require(tmp_path: Path, **changes: Any) -> Any:
    base = {"name": "r", "model": {"backbone": "test_resnet"}, "input": {"size_px": [64, 96]}}
    return require_feasible(Recipe.model_validate({**base, **changes}), tmp_path)


def test_feasible_recipe_tells_input_and_weights(tmp_path: Path) -> None:
    spec, weights = require(tmp_path)
    assert spec.size_px == (64, 96)
    assert weights is None


@pytest.mark.parametrize(
    ("changes", "case"),
    [
        ({"optimizer": {"name": "adamv"}}, "recipes.r.optimizer.name: "),
        ({"model": {"backbone": "resnett"}}, "model.backbone: "),
        ({"model": {"backbone": "test_resnet", "pretrained": "weg.pth"}}, "model.pretrained: "),
        ({"test_time_views": ["none", "turn_90"]}, "recipes.r.test_time_views: 'turn_90' swaps the sides"),
        ({"freezing": {"name": "first_stages", "n_stages": 30}}, "freezing.n_stages: 30 is too many"),
        (
            {
                "model": {"backbone": "mixer_s32_224"},
                "input": {"size_px": [224, 224], "progressive": {"epochs": 2, "start_share": 0.5}},
            },
            "recipes.r.input.progressive: mixer_s32_224, built for 224x224 px, cannot take 112x112 ",
        ),
    ],
)
def test_what_is_impossible_is_named_by_its_key(tmp_path: Path, changes: dict[str, Any], case: str) -> None:
    with pytest.raises(InputError) as error:
        require(tmp_path, **changes)
    assert error.value.cases[0].startswith(case)


def test_growing_pictures_suit_a_convolutional_backbone(tmp_path: Path) -> None:
    require(tmp_path, input={"size_px": [128, 96], "progressive": {"epochs": 3, "start_share": 0.5}})
