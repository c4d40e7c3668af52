"""Parameters of the splitting pipeline."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SplittingConfig(BaseModel):
    """How training images are dealt into folds.

    Attributes:
        scheme: ``k_fold`` holds out every fold once; ``hold_out`` holds out fold 0 alone.
        n_folds: Number of folds; a hold-out is one n-th of the images.
        seed: Of the shuffling of groups.
    """

    model_config = ConfigDict(extra="forbid")

    scheme: Literal["k_fold", "hold_out"] = "k_fold"
    n_folds: int = Field(3, ge=2, le=100)
    seed: int = Field(1, ge=0)

    @property
    def held_out_folds(self) -> list[int]:
        """The folds that are validated on, each with a model of its own."""
        return list(range(self.n_folds)) if self.scheme == "k_fold" else [0]
