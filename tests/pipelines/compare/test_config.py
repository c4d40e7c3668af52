from typing import Any

import pytest
from pydantic import ValidationError

from podium.pipelines.compare.config import CompareConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [("vote", "loud"), ("weights", {"김": -1}), ("weights", {"김": float("inf")}), ("include_own", "x"), ("votes", 1)],
)
def test_wrong_parameter_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"(?m)^{name}"):
        CompareConfig.model_validate({name: value})


def test_weights_take_names_in_any_script() -> None:
    assert CompareConfig(weights={"민수": 2, "Zoë": 0.5}).weights == {"민수": 2.0, "Zoë": 0.5}
