from typing import Any

from podium.pipelines.report.configurations import (
    Change,
    describe_configuration,
    find_common,
    find_twins,
    flatten_recipe,
    list_defaults,
    list_differing,
    list_told_apart,
)
from podium.pipelines.selection.nodes import merge_recipe
from podium.vision.recipe import Recipe

RECIPES: dict[str, dict[str, Any]] = {
    "기본": {"epochs": 3, "optimizer": {"lr": 0.01}},
    "변형": {"based_on": "기본", "loss": {"label_smoothing": 0.1}, "optimizer": {"options": {"betas": [0.9, 0.95]}}},
}


def resolve(name: str) -> dict[str, Any]:
    return Recipe.model_validate(merge_recipe(name, RECIPES)).model_dump(mode="json")


def test_recipe_that_states_nothing_changes_nothing() -> None:
    found = describe_configuration("가-0", Recipe(name="가").model_dump(mode="json"), {})
    assert found.from_defaults == [] and found.base is None
    assert found.leaves == list_defaults()


def test_every_leaf_that_is_stated_is_told_with_the_default_it_replaces() -> None:
    found = describe_configuration("변형-0", resolve("변형"), RECIPES)
    assert found.from_defaults == [
        Change("loss.label_smoothing", "0.1", "0.0"),
        Change("optimizer.lr", "0.01", "0.001"),
        Change("optimizer.options", '{"betas": [0.9, 0.95]}', "{}"),
        Change("epochs", "3", "10"),
    ]
    assert found.base == "기본"
    assert [change.leaf for change in found.from_base] == ["loss.label_smoothing", "optimizer.options"]


def test_base_is_the_one_of_now_and_is_left_out_where_it_is_gone_or_refused() -> None:
    changed = {**RECIPES, "기본": {"epochs": 7, "optimizer": {"lr": 0.01}}}
    assert Change("epochs", "3", "7") in describe_configuration("변형-0", resolve("변형"), changed).from_base
    for recipes in ({}, {"기본": {"epochs": 0}}, {"기본": {"based_on": "없는것"}}):
        found = describe_configuration("변형-0", resolve("변형"), recipes)
        assert found.base is None and found.from_base == []


def test_member_older_than_a_leaf_counts_as_having_its_default() -> None:
    recipe = resolve("기본")
    del recipe["soup"], recipe["mixing"]["batch_share"]
    leaves = describe_configuration("기본-0", recipe, {}).leaves
    assert (leaves["soup.how"], leaves["mixing.batch_share"]) == ("uniform", "1.0")


def test_recipe_that_would_be_refused_today_is_shown_as_it_was() -> None:
    found = describe_configuration("기본-0", resolve("기본") | {"epochs": 0, "옛것": {"켬": True}}, {})
    assert found.leaves["옛것.켬"] == "true"
    assert Change("epochs", "0", "10") in found.from_defaults
    assert Change("옛것.켬", "true", "") in found.from_defaults


def test_leaves_are_listed_that_differ_between_members_or_from_the_default() -> None:
    both = [describe_configuration(f"{name}-0", resolve(name), {}) for name in RECIPES]
    assert list_differing(both) == ["loss.label_smoothing", "optimizer.lr", "optimizer.options", "epochs"]
    assert list_told_apart(both) == {"loss.label_smoothing", "optimizer.options"}
    assert list_differing([]) == []


def test_what_all_members_change_alike_is_common_to_them() -> None:
    both = [describe_configuration(f"{name}-0", resolve(name), {}) for name in RECIPES]
    assert [change.leaf for change in find_common(both)] == ["optimizer.lr", "epochs"]
    other = describe_configuration("다-0", resolve("기본") | {"epochs": 4}, {})
    assert [change.leaf for change in find_common([*both, other])] == ["optimizer.lr"]
    assert find_common(both[:1]) == find_common([]) == []


def test_members_of_one_recipe_are_twins_whatever_it_is_called() -> None:
    first, second = (describe_configuration(name, resolve("기본") | {"name": name}, {}) for name in ("가-0", "가-1"))
    other = describe_configuration("나-0", resolve("변형"), {})
    assert find_twins([first, other, second]) == [["가-0", "가-1"]]
    assert find_twins([first, other]) == []


def test_names_are_no_leaves() -> None:
    assert not {"name", "based_on"} & set(flatten_recipe(resolve("변형")))
