from typing import Any

import pytest
from pydantic import ValidationError

from podium.pipelines.splitting.config import SplittingConfig


@pytest.mark.parametrize(("scheme", "held_out"), [("k_fold", [0, 1, 2, 3, 4]), ("hold_out", [0])])
def test_scheme_says_which_folds_are_validated_on(scheme: Any, held_out: list[int]) -> None:
    assert SplittingConfig(scheme=scheme, n_folds=5).held_out_folds == held_out


@pytest.mark.parametrize("scheme", ["k_fold", "hold_out"])
def test_folds_that_are_named_are_held_out_whatever_the_scheme(scheme: Any) -> None:
    assert SplittingConfig(scheme=scheme, n_folds=5, held_out=[3, 1]).held_out_folds == [1, 3]


def test_fold_that_does_not_exist_is_told() -> None:
    with pytest.raises(ValidationError, match="held_out: there are folds 0 to 2, not -1, 3"):
        SplittingConfig(n_folds=3, held_out=[3, 0, -1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_folds", 1), ("n_folds", 101), ("seed", -1), ("near_duplicate_max_bits", 18), ("scheme", "loo"), ("folds", 3)],
)
def test_wrong_value_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"(?m)^{name}$"):
        SplittingConfig.model_validate({name: value})
