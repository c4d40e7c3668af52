"""A recipe learns from members that are whole, read as now, and know the same split and images."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from podium.datasets.finished_folds import FinishedFold
from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_content, digest_recipe
from podium.pipelines.training.sources import find_sources
from podium.vision.recipe import Recipe

IMAGES = pd.DataFrame({"image_id": ["가", "나"], "subset": "train", "label": [0, 1], "sha256": ["a", "b"]})
FOLDS = pd.DataFrame({"image_id": ["가", "나"], "fold": [0, 1]})
RECIPES: dict[str, Any] = {
    "스승": {"epochs": 3},
    "학생": {"distillation": {"teachers": ["스승"]}},
    "합": {"join": ["나이", "마스크"]},
    "수프": {"soup": {"recipes": ["제자", "스승"]}},
    "제자": {"epochs": 4},
    "나이": {"attribute": "age"},
    "마스크": {"attribute": "mask"},
}


def finish(name: str, member: str, n_folds: int = 2, **changes: Any) -> dict[str, FinishedFold]:
    history = pd.DataFrame({"epoch": [0]})
    history.attrs.update(
        {
            "recipe": name,
            "recipe_digest": digest_recipe(Recipe.model_validate({**RECIPES[name], "name": name})),
            "split_digest": digest_table(FOLDS),
            "content_digest": digest_content(IMAGES),
            **changes,
        }
    )
    return {f"{member}/fold_{fold}": FinishedFold(history, Path(), Path()) for fold in range(n_folds)}


def find(recipe: str, finished: dict[str, FinishedFold]) -> list[str]:
    chosen = Recipe.model_validate({**RECIPES[recipe], "name": recipe})
    return find_sources(chosen, RECIPES, finished, IMAGES, FOLDS, SplittingConfig(n_folds=2))


def test_members_are_named_in_the_order_of_the_recipe() -> None:
    finished = {**finish("마스크", "마스크-1"), **finish("나이", "나이-2"), **finish("스승", "스승-3")}
    assert find("합", finished) == ["나이-2", "마스크-1"]
    assert find("학생", finished) == ["스승-3"]
    assert find("스승", {}) == []
    assert find("수프", {**finished, **finish("제자", "제자-4")}) == ["제자-4", "스승-3"]


@pytest.mark.parametrize("attribute", ["recipe", "recipe_digest", "split_digest", "content_digest"])
def test_member_of_another_recipe_split_or_images_is_not_taken(attribute: str) -> None:
    with pytest.raises(InputError, match="needs members that are not there") as error:
        find("학생", finish("스승", "스승-3", **{attribute: "other"}))
    (case,) = error.value.cases
    assert case.startswith("스승: not trained on this split and these images; kedro run --pipeline train --params")


def test_member_that_lacks_a_fold_is_not_taken_and_all_that_lack_are_listed() -> None:
    with pytest.raises(InputError) as error:
        find("합", {**finish("나이", "나이-2", n_folds=1)})
    assert [case.split(":")[0] for case in error.value.cases] == ["나이", "마스크"]


def test_several_members_that_fit_are_an_error_that_names_them() -> None:
    with pytest.raises(InputError) as error:
        find("학생", {**finish("스승", "스승-3"), **finish("스승", "스승-4")})
    assert error.value.cases == ["스승: 스승-3, 스승-4 all fit; remove those that are no longer wanted"]
