"""Typed parameters of the register pipeline."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ENSEMBLE = "ensemble"
"""Stands for the last ensemble; no member can be called so, since their names end in a digest."""


def _require_free_alias(alias: str) -> str:
    if not re.fullmatch(r"[\w-]+", alias) or re.fullmatch(r"latest|v\d+", alias, re.IGNORECASE):
        raise ValueError("letters, digits, - and _; MLflow keeps 'latest' and 'v' with a number for itself")
    return alias


class RegistryConfig(BaseModel):
    """What is packed, and under which name.

    Attributes:
        what: ``ensemble``, the last one, or the name of a member.
        name: Of the registered model; null takes the competition's.
        alias: Which moves to the new version; null gives none.
    """

    model_config = ConfigDict(extra="forbid")

    what: Annotated[str, Field(min_length=1)] = ENSEMBLE
    name: Annotated[str, Field(pattern=r"^[^/:]+$")] | None = None
    alias: Annotated[str, AfterValidator(_require_free_alias)] | None = "champion"
