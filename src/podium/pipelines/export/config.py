"""Typed parameters of the export pipeline."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ExportConfig(BaseModel):
    """How ONNX files are proven.

    Attributes:
        n_images: So many pictures of the competition are answered by both.
        max_difference: No probability may differ by more.
    """

    model_config = ConfigDict(extra="forbid")

    n_images: Annotated[int, Field(ge=1)] = 64
    max_difference: Annotated[float, Field(gt=0.0)] = 1e-4
