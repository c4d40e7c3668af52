"""Sweeps as users write them: right ones are taken, wrong ones told, all at once and by their keys."""

from typing import Any

import pytest

from podium.errors import InputError
from podium.parameters import check_parameters
from sweeps.small_sweeps import CHANGES, RECIPES, SEARCH


def list_cases(**sweeps: Any) -> list[str]:
    """Check parameters with these sweeps, and return what is wrong with them."""
    parameters = {
        "competition": "꽃",
        "competitions": {"꽃": {"format": "image_folder", "root": "꽃"}},
        "recipe": "기준",
        "recipes": RECIPES,
        "policies": {"light": []},
        "ingestion": {"store_dir": "a"},
        "splitting": {},
        "training": {"checkpoint_dir": "a"},
        "weights_dir": "a",
        "sweeps": sweeps,
    }
    try:
        check_parameters(parameters, "꽃")
    except InputError as error:
        return error.cases
    return []


def change(config: dict[str, Any], **leaves: Any) -> dict[str, Any]:
    return {**config, **leaves}


def test_right_sweeps_of_every_kind_pass() -> None:
    recipes = {"kind": "recipes", "recipes": ["기준", "다른"], "budget": {"deadline": "2026-11-23T07:00:00+09:00"}}
    assert list_cases(찾기=CHANGES, 밤=recipes, 탐색=SEARCH) == []


@pytest.mark.parametrize(
    ("config", "case"),
    [
        (change(CHANGES, kind="chanes"), "kind 'chanes' is unknown; did you mean 'changes'?"),
        (change(CHANGES, bse="a"), "sweeps.찾기.bse: there is no such key; did you mean 'base'?"),
        (change(SEARCH, n_trails=3), "sweeps.찾기.n_trails: there is no such key; did you mean 'n_trials'?"),
        (change(CHANGES, base="기춘"), "sweeps.찾기.base: there is no recipe '기춘'; allowed: 기준, 다른"),
        (change(CHANGES, seeds=[1, 1]), "seeds: each seed once (got [1, 1])"),
        (change(CHANGES, changes={"base": {}}), "changes.base: the base is trained anyway"),
        (change(CHANGES, changes={"씨": {"seed": 3}}), "changes.씨.seed: the sweep says that itself"),
        (change(CHANGES, changes={"a/b": {}}), "sweeps.찾기.changes.a/b: a name becomes a folder"),
        (
            change(CHANGES, changes={"a": {"epohs": 3}}),
            "sweeps.찾기.changes.a.epohs: there is no such key; did you mean 'e",
        ),
        (change(CHANGES, changes={"a": {"policy": "lite"}}), "sweeps.찾기.changes.a.policy: there is no policy 'lite'"),
        (
            change(CHANGES, changes={"a": {"freezing": {"name": "melting", "thaw_epoch": 9}}}),
            "freezing.thaw_epoch: epoch 9 never comes in 3 epochs",
        ),
        (
            change(CHANGES, budget={"deadline": "2026-11-23T07:00:00"}),
            "sweeps.찾기.budget.deadline: Input should have tim",
        ),
        ({"kind": "recipes", "recipes": ["기준", "없음"]}, "sweeps.찾기.recipes: there is no recipe '없음'"),
        (
            change(SEARCH, space={"based_on": {"kind": "choices", "values": ["기준", "다른"]}}),
            "space.based_on: the sweep",
        ),
        (
            change(SEARCH, space={"optimizer.lr": {"kind": "float", "low": 0.0, "high": 1.0, "log": True}}),
            "low has to be above 0 with log (got 0.0)",
        ),
        (
            change(SEARCH, space={"epochs": {"kind": "int", "low": 0, "high": 3}}),
            "sweeps.찾기.space.epochs: Input should be greater than or equal to 1 (got 0)",
        ),
        (
            change(SEARCH, space={"loss.name": {"kind": "choices", "values": ["focal", "fokal"]}}),
            "sweeps.찾기.space.loss.name: Input should be 'cross_entropy'",
        ),
    ],
)
def test_wrong_sweep_is_told_by_its_key(config: dict[str, Any], case: str) -> None:
    assert any(case in found for found in list_cases(찾기=config)), list_cases(찾기=config)


def test_all_cases_are_told_at_once_and_each_once() -> None:
    wrong = {"a": {"epohs": 3}, "b": {"loss": {"name": "fokal"}}, "c": {"epochs": 0}}
    cases = list_cases(찾기=change(CHANGES, changes=wrong), 밤={"kind": "recipes", "recipes": ["없음"]})
    assert [case.split(":")[0] for case in cases] == [
        "sweeps.찾기.changes.a.epohs", "sweeps.찾기.changes.b.loss.name", "sweeps.찾기.changes.c.epochs",
        "sweeps.밤.recipes",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [[1], {"찾기": 3}])
def test_sweeps_that_are_no_mappings_are_refused_in_words(wrong: Any) -> None:
    parameters = {"sweeps": wrong, "recipes": RECIPES}
    with pytest.raises(InputError) as error:
        check_parameters(parameters, "꽃")
    assert any(case.startswith("sweeps") for case in error.value.cases)


def test_recipe_that_is_no_mapping_is_told_and_stops_no_check() -> None:
    with pytest.raises(InputError) as error:
        check_parameters({"sweeps": {"찾기": CHANGES}, "recipes": {**RECIPES, "수": 3}}, "꽃")
    assert any(case.startswith("recipes.수") for case in error.value.cases)


def test_recipe_of_the_configuration_is_not_taken_for_that_of_a_trial() -> None:
    cases = list_cases(이름={**CHANGES, "base": "기준"})
    assert cases == []
    RECIPES["이름-느림-seed1"] = {"epochs": 7}
    try:
        assert "says something else" in list_cases(이름=CHANGES)[0]
        RECIPES["이름-느림-seed1"] = {"based_on": "기준", "optimizer": {"lr": 1e-5}, "seed": 1}
        assert list_cases(이름=CHANGES) == [], "what a sweep offers for conf/local"
    finally:
        del RECIPES["이름-느림-seed1"]
