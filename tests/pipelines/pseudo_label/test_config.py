from typing import Any

import pytest
from pydantic import ValidationError

from podium.pipelines.pseudo_label.config import PseudoLabelConfig


@pytest.mark.parametrize(
    "values", [{"threshold": 0.0}, {"threshold": 1.1}, {"max_share_per_class": 0.0}, {"treshold": 0.9}]
)
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PseudoLabelConfig(**values)
