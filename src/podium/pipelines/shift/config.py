"""Parameters of the shift pipeline."""

from pydantic import BaseModel, ConfigDict, Field


class ShiftConfig(BaseModel):
    """How training and test images are told apart.

    Attributes:
        n_folds: Parts of the images; each is judged by a classifier of the others.
        n_draws: Bootstrap draws of groups.
        level: Of the interval of the AUC.
        seed: Of folds, of draws, of the image that stands for its group, and of the test images on the sheet.
    """

    model_config = ConfigDict(extra="forbid")

    n_folds: int = Field(5, ge=2, le=20)
    n_draws: int = Field(1000, ge=100, le=100_000)
    level: float = Field(0.95, gt=0.5, lt=1.0)
    seed: int = Field(1, ge=0)
