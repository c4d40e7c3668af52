"""Parameters of the survey pipeline."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class SurveyConfig(BaseModel):
    """Where a survey lies.

    Attributes:
        folder: Of the survey; null takes ``survey`` beside ``ingestion.store_dir``. Each competition has its own.
    """

    model_config = ConfigDict(extra="forbid")

    folder: Path | None = None
