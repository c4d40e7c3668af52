"""Parameters of the disk guard."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, StrictBool


class DiskConfig(BaseModel):
    """How much of the disk a run may take.

    Attributes:
        data_root: The folder of all data, which ``quota_gb`` counts.
        quota_gb: The most that ``data_root`` may hold, in GB of 10^9 bytes; null sets no limit but the disk's own.
        keep_free_gb: Of every disk that is written to, so much stays free: for all that is small, and for others.
        prune_when_short: Whether what is superseded goes by itself once a stage would not fit; old versions never do.
    """

    model_config = ConfigDict(extra="forbid")

    data_root: Path = Path("data")
    quota_gb: float | None = Field(None, gt=0.0)
    keep_free_gb: float = Field(1.0, ge=0.0)
    prune_when_short: StrictBool = False
