"""Parameters of the compare pipeline."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

OWN_NAME = "podium"
"""What the own ensemble is called among teammates."""


class CompareConfig(BaseModel):
    """How teammates' answers become one.

    Attributes:
        vote: The vote that is submitted: ``hard``, ``weighted`` or ``soft``.
        weights: Of teammates by name; 1 where none is stated. They break ties of the hard vote, too.
        soft_includes_classes: Whether files of classes count as certain probabilities in the soft vote.
        include_own: Whether the last ensemble of this project takes part, as ``podium``.
    """

    model_config = ConfigDict(extra="forbid")

    vote: Literal["hard", "weighted", "soft"] = "hard"
    weights: dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]] = {}
    soft_includes_classes: bool = False
    include_own: bool = True
