"""Parameters of the pseudo_label pipeline."""

from pydantic import BaseModel, ConfigDict, Field


class PseudoLabelConfig(BaseModel):
    """Which test predictions are taken for labels.

    Attributes:
        threshold: The least probability of the predicted class.
        max_share_per_class: At most so many test images are taken for a class, as a share of its training images; the
            most certain first, rounded up.
    """

    model_config = ConfigDict(extra="forbid")

    threshold: float = Field(0.9, gt=0.0, le=1.0)
    max_share_per_class: float = Field(0.5, gt=0.0, le=1000.0)
