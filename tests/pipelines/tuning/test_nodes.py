import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.tuning.nodes import gather_trial, suggest_settings
from podium.vision.recipe import Recipe

RECIPE = Recipe.model_validate({"name": "mine", "optimizer": {"lr": 0.004}, "batch_size": 16})
SIZES = [8, 16, 32, 64, 128]


def make_curve() -> pd.DataFrame:
    """A loss that falls fastest at a rate of 1e-3, and is lowest near 3e-2."""
    decades = np.linspace(-6, 0, 90)
    losses = 3 - 2 / (1 + np.exp(-5 * (decades + 3))) + np.exp(8 * (decades + 0.6))
    return pd.DataFrame({"step": range(90), "lr": 10**decades, "loss": losses})


def make_sizes(speeds: list[float], last: str = "fits") -> pd.DataFrame:
    outcomes = [*["fits"] * (len(speeds) - 1), last]
    known = [speed if outcome == "fits" else np.nan for speed, outcome in zip(speeds, outcomes, strict=True)]
    return pd.DataFrame({"batch_size": SIZES[: len(speeds)], "outcome": outcomes, "images_per_s": known})


def test_suggestion_is_told_by_the_keys_to_write(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "podium"):
        results = suggest_settings(RECIPE, make_curve(), make_sizes([10, 50, 91, 100, 99]))
    tuning = results["tuning"]
    assert tuning["steepest_lr"] == pytest.approx(1e-3, rel=0.2)
    assert 1e-3 < tuning["tenth_of_lowest_lr"] < 1e-2
    assert (tuning["recipe"], tuning["present_lr"], tuning["present_batch_size"]) == ("mine", 0.004, 16)
    assert (tuning["largest_batch_size"], tuning["saturating_batch_size"]) == (128, 32)
    assert caplog.messages[0].startswith(f"set recipes.mine.optimizer.lr: {tuning['steepest_lr']:.1e}, ")
    assert caplog.messages[1].startswith("recipes.mine.batch_size: 128 fits (the largest that was tried); from 32 on")
    assert isinstance(results["lr_curve_picture"], Figure)


@pytest.mark.parametrize(
    ("last", "said"), [("out of memory", "(twice that does not fit)"), ("not tried", "(twice that might not fit)")]
)
def test_end_of_the_search_for_a_batch_size_is_told(caplog: pytest.LogCaptureFixture, last: str, said: str) -> None:
    with caplog.at_level(logging.INFO, "podium"):
        tuning = suggest_settings(RECIPE, make_curve(), make_sizes([10, 50, 91], last))["tuning"]
    assert tuning["largest_batch_size"] == 16
    assert said in caplog.messages[1]


def test_nothing_is_suggested_where_nothing_was_found(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "podium"):
        results = suggest_settings(RECIPE, make_curve().assign(loss=2.0), make_sizes([10], "out of memory"))
    found = ("steepest_lr", "tenth_of_lowest_lr", "largest_batch_size", "saturating_batch_size")
    assert [results["tuning"][name] for name in found] == [None] * 4
    assert caplog.messages[0].startswith("no learning rate stands out for recipes.mine: ")
    assert caplog.messages[1].startswith("no batch size fits, ")


def test_recipe_that_trains_nothing_is_refused() -> None:
    recipe = Recipe.model_validate({"name": "joined", "join": ["a", "b"]})
    nothing: Any = {}
    with pytest.raises(InputError, match="There is nothing to tune") as error:
        gather_trial(recipe, [], *[nothing] * 11, SplittingConfig())
    assert error.value.cases == ["recipe: 'joined' trains nothing itself; tune what it joins: a, b"]
