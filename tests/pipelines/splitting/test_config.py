from typing import Any

import pytest
from pydantic import ValidationError

from podium.pipelines.splitting.config import SplittingConfig


@pytest.mark.parametrize(("scheme", "held_out"), [("k_fold", [0, 1, 2, 3, 4]), ("hold_out", [0])])
def test_scheme_says_which_folds_are_validated_on(scheme: Any, held_out: list[int]) -> None:
    assert SplittingConfig(scheme=scheme, n_folds=5).held_out_folds == held_out


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_folds", 1), ("n_folds", 101), ("seed", -1), ("near_duplicate_max_bits", 18), ("scheme", "loo"), ("folds", 3)],
)
def test_wrong_value_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"(?m)^{name}$"):
        SplittingConfig.model_validate({name: value})
