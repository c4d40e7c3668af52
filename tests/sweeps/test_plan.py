"""Which trials a sweep has, and what makes two sweeps the same."""

from typing import Any

import pytest

from podium.errors import InputError
from podium.sweeps.config import SWEEP
from podium.sweeps.plan import decode_choice, encode_choice, list_combinations, resolve_entry
from sweeps.small_sweeps import CHANGES, RECIPES, SEARCH, make_small_plan


def test_changes_are_tried_seed_by_seed_and_the_base_comes_first() -> None:
    plan = make_small_plan(CHANGES)
    assert plan.list_keys() == ["base-seed1", "느림-seed1", "base-seed2", "느림-seed2"]
    entry = plan.make_entry("느림-seed2", {})
    assert (entry.change, entry.seed, entry.recipe) == ("느림", 2, "찾기-느림-seed2")
    recipe = resolve_entry(entry, RECIPES)
    assert (recipe.epochs, recipe.seed, recipe.optimizer.lr) == (3, 2, 1e-5)


def test_recipes_are_trained_under_their_own_names_on_all_folds() -> None:
    plan = make_small_plan({"kind": "recipes", "recipes": ["다른", "기준"]})
    assert plan.list_keys() == ["다른", "기준"]
    assert plan.folds == [0, 1, 2]
    assert plan.make_entry("다른", {}).values is None
    assert resolve_entry(plan.make_entry("다른", {}), RECIPES).loss.name == "focal"


def test_values_of_a_search_become_leaves_of_a_recipe() -> None:
    plan = make_small_plan(SEARCH)
    entry = plan.make_entry("003", {"optimizer.lr": 0.002, "epochs": 4, "input.size_px": [64, 64]})
    recipe = resolve_entry(entry, RECIPES)
    assert (recipe.name, recipe.optimizer.lr, recipe.epochs, recipe.input.size_px) == ("찾기-003", 0.002, 4, (64, 64))


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({**CHANGES, "seeds": [1, 3]}, {}),
        ({**CHANGES, "criterion": "accuracy"}, {}),
        ({**CHANGES, "folds": [1]}, {}),
        ({**CHANGES, "changes": {"느림": {"optimizer": {"lr": 2e-5}}}}, {}),
        (CHANGES, {"recipes": {**RECIPES, "기준": {"epochs": 4}}}),
        (CHANGES, {"policies": {"light": [{"HorizontalFlip": {"p": 0.5}}]}}),
        (SEARCH, {}),
        ({**SEARCH, "seed": 2}, {}),
    ],
)
def test_whatever_scores_depend_on_makes_another_study(config: dict[str, Any], parameters: dict[str, Any]) -> None:
    studies = {make_small_plan(CHANGES).study, make_small_plan(SEARCH).study} - (
        {make_small_plan(config).study} if config is SEARCH else set()
    )
    assert make_small_plan(config, **parameters).study not in studies


def test_other_content_of_a_policy_that_a_search_chooses_makes_another_study() -> None:
    drawn = {**SEARCH, "space": {"policy": {"kind": "choices", "values": ["light", "heavy"]}}}
    studies = {
        make_small_plan(drawn, policies={"light": [], "heavy": steps, "other": steps}).study
        for steps in ([], [{"HorizontalFlip": {"p": 0.5}}])
    }
    assert len(studies) == 2


def test_names_budgets_and_the_length_of_a_search_change_nothing() -> None:
    assert make_small_plan({**CHANGES, "budget": {"hours": 2}}).study == make_small_plan(CHANGES).study
    assert make_small_plan({**SEARCH, "n_trials": 50}).study == make_small_plan(SEARCH).study
    others = {**RECIPES, "또": {"epochs": 9}}
    assert make_small_plan(CHANGES, recipes=others).study == make_small_plan(CHANGES).study


def test_study_is_named_after_competition_and_sweep() -> None:
    competition, name, digest = make_small_plan(CHANGES).study.split("/")
    assert (competition, name, len(digest)) == ("꽃", "찾기", 12)


def test_fold_that_is_not_held_out_is_told() -> None:
    with pytest.raises(InputError, match=r"sweeps.찾기.folds: fold 5 is not held out; there are \[0, 1, 2\]"):
        make_small_plan({**CHANGES, "folds": [0, 5]})


def test_unknown_sweep_is_told_with_the_nearest() -> None:
    from podium.sweeps.config import find_sweep

    with pytest.raises(InputError, match="there is no sweep '차기'"):
        find_sweep("차기", {"찾기": CHANGES})
    with pytest.raises(InputError, match="choose one of 찾기"):
        find_sweep("", {"찾기": CHANGES})


def test_all_combinations_are_built_while_they_are_few() -> None:
    assert len(list_combinations(SWEEP.validate_python(SEARCH))) == 2 * 2 * 2
    many = {f"leaf{number}": {"kind": "int", "low": 0, "high": 1} for number in range(10)}
    assert len(list_combinations(SWEEP.validate_python({**SEARCH, "space": many}))) == 20


@pytest.mark.parametrize("value", [None, True, 1, 0.4, "가", [1, 2], {"age": {"at_least": 58}}])
def test_choice_of_any_kind_comes_back_as_it_was(value: Any) -> None:
    assert decode_choice(encode_choice(value)) == value
