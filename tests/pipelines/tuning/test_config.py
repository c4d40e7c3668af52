from typing import Any

import pytest
from pydantic import ValidationError

from podium.pipelines.tuning.config import TuningConfig


@pytest.mark.parametrize(
    ("name", "value"), [("min_lr", 0), ("max_lr", -1), ("n_steps", 29), ("max_batch_size", 7), ("batch_size", 8)]
)
def test_wrong_parameter_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"(?m)^{name}$"):
        TuningConfig.model_validate({name: value})


def test_rates_have_to_rise() -> None:
    with pytest.raises(ValidationError, match="min_lr has to be smaller than max_lr"):
        TuningConfig(min_lr=1e-2, max_lr=1e-3)
