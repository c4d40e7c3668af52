"""Parameters of the ingestion pipeline."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class IngestionConfig(BaseModel):
    """How images are read.

    Attributes:
        on_bad_image: ``error`` stops and lists all of them, ``quarantine`` sets them aside and writes the list.
        max_pixels: A picture of more pixels (width times height) is refused before it is decoded.
        n_jobs: Threads that decode; null takes one a core.
        store_dir: Where the pixels are kept, one folder a size and way of preparing.
    """

    model_config = ConfigDict(extra="forbid")

    on_bad_image: Literal["error", "quarantine"] = "error"
    max_pixels: int = Field(100_000_000, ge=1)
    n_jobs: int | None = Field(None, ge=1)
    store_dir: Path
