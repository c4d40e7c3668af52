"""Parameters of the survey pipeline."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class SurveyConfig(BaseModel):
    """Where surveys lie.

    Attributes:
        folder: Of surveys, one folder a competition; null takes ``survey`` beside ``ingestion.store_dir``.
    """

    model_config = ConfigDict(extra="forbid")

    folder: Path | None = None
