"""Parameters of the splitting pipeline."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SplittingConfig(BaseModel):
    """How training images are dealt into folds.

    Attributes:
        scheme: ``k_fold`` holds out every fold once; ``hold_out`` holds out fold 0 alone.
        n_folds: Number of folds; a hold-out is one n-th of the images.
        seed: Of the shuffling of groups.
        held_out: The folds that are held out, whatever the scheme; null: those of the scheme.
    """

    model_config = ConfigDict(extra="forbid")

    scheme: Literal["k_fold", "hold_out"] = "k_fold"
    n_folds: int = Field(3, ge=2, le=100)
    seed: int = Field(1, ge=0)
    held_out: list[int] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _require_folds(self) -> "SplittingConfig":
        wrong = sorted(set(self.held_out or []) - set(range(self.n_folds)))
        if wrong:
            raise ValueError(f"held_out: there are folds 0 to {self.n_folds - 1}, not {', '.join(map(str, wrong))}")
        return self

    @property
    def held_out_folds(self) -> list[int]:
        """The folds that are validated on, each with a model of its own."""
        if self.held_out is not None:
            return sorted(set(self.held_out))
        return list(range(self.n_folds)) if self.scheme == "k_fold" else [0]
