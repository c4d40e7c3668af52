import copy
from pathlib import Path
from typing import Any

import pytest

from podium.competitions.config import ImageFolder
from podium.errors import InputError
from podium.pipelines.selection.nodes import merge_recipe, select_competition, select_recipe

RECIPES: dict[str, dict[str, Any]] = {
    "기준": {
        "epochs": 5,
        "optimizer": {"name": "sgd", "lr": 0.1},
        "label_shift": {"age": {"at_least": 58, "counts_as": 60}},
        "test_time_views": ["none", "horizontal"],
    },
    "빠름": {"based_on": "기준", "epochs": 1, "optimizer": {"lr": 0.5}},
    "빠름 맨": {
        "based_on": "빠름",
        "optimizer": {"weight_decay": 0.0},
        "label_shift": {},
        "test_time_views": ["turn_180"],
    },
}


def test_competition_of_the_chosen_name_is_found() -> None:
    found = select_competition("꽃", {"꽃": {"format": "image_folder", "root": "데이터/꽃"}, "b": {"format": "?"}})
    assert found == ImageFolder(format="image_folder", root=Path("데이터/꽃"))


def test_leaves_come_from_the_nearest_recipe_that_states_them() -> None:
    recipe = select_recipe("빠름 맨", RECIPES)
    assert (recipe.name, recipe.based_on) == ("빠름 맨", "빠름")
    assert recipe.epochs == 1
    assert (recipe.optimizer.name, recipe.optimizer.lr, recipe.optimizer.weight_decay) == ("sgd", 0.5, 0.0)


def test_lists_are_replaced_whole() -> None:
    assert select_recipe("빠름 맨", RECIPES).test_time_views == ("turn_180",)


def test_label_shift_is_replaced_whole_so_that_it_can_be_switched_off() -> None:
    assert select_recipe("빠름", RECIPES).label_shift == select_recipe("기준", RECIPES).label_shift != {}
    assert select_recipe("빠름 맨", RECIPES).label_shift == {}
    other = {**RECIPES, "x": {"based_on": "기준", "label_shift": {"height": {"at_least": 1, "counts_as": 2}}}}
    assert list(select_recipe("x", other).label_shift or {}) == ["height"]


def test_what_no_recipe_states_is_the_default() -> None:
    assert select_recipe("기준", RECIPES).batch_size == 32


def test_merging_leaves_the_recipes_unchanged() -> None:
    before = copy.deepcopy(RECIPES)
    merge_recipe("빠름 맨", RECIPES)
    assert before == RECIPES


def test_unknown_recipe_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        select_recipe("기준2", RECIPES)
    assert error.value.cases == ["recipe: there is no recipe '기준2'; did you mean '기준'?"]


def test_unknown_base_is_named_where_it_is_stated() -> None:
    recipes = {**RECIPES, "빠름": {"based_on": "기준2"}}
    with pytest.raises(InputError) as error:
        select_recipe("빠름 맨", recipes)
    assert error.value.cases == ["recipes.빠름.based_on: there is no recipe '기준2'; did you mean '기준'?"]


@pytest.mark.parametrize(("base", "chain"), [("a", "a -> a"), ("b", "a -> b -> a")])
def test_circle_is_named_with_its_whole_chain(base: str, chain: str) -> None:
    with pytest.raises(InputError, match="based on each other") as error:
        select_recipe("a", {"a": {"based_on": base}, "b": {"based_on": "a"}})
    (case,) = error.value.cases
    assert case.startswith("recipes.a.based_on: ")
    assert case.endswith(chain)
