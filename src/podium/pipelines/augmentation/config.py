"""Parameters of the augmentation pipeline."""

from typing import Any

PolicySteps = list[dict[str, dict[str, Any] | None]]
"""Steps of a policy: ``[{transform: {argument: value}}, …]``, in the order in which they are applied."""
