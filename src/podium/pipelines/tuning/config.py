"""Parameters of the tuning pipeline."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TuningConfig(BaseModel):
    """How far the search goes.

    Attributes:
        min_lr: Learning rate of the first step of the range test.
        max_lr: Of its last step.
        n_steps: Steps of the range test.
        max_batch_size: The largest batch size that is tried.
    """

    model_config = ConfigDict(extra="forbid")

    min_lr: float = Field(1e-7, gt=0.0)
    max_lr: float = Field(1.0, gt=0.0)
    n_steps: int = Field(100, ge=30)
    max_batch_size: int = Field(1024, ge=8)

    @model_validator(mode="after")
    def _require_range(self) -> "TuningConfig":
        if self.min_lr >= self.max_lr:
            raise ValueError(f"min_lr has to be smaller than max_lr (got {self.min_lr} and {self.max_lr})")
        return self
