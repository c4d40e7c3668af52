"""Parameters of the prune pipeline."""

from pydantic import BaseModel, ConfigDict, Field, StrictBool


class PruneConfig(BaseModel):
    """What may go.

    Attributes:
        delete: Whether it goes; else it is listed alone.
        keep_versions: So many of the newest saves of each versioned file stay, whatever they hold.
        min_age_hours: What was written within so many hours stays: another process may be at work on it.
    """

    model_config = ConfigDict(extra="forbid")

    delete: StrictBool = False
    keep_versions: int = Field(10, ge=1)
    min_age_hours: float = Field(6.0, ge=0.0)
