"""Parameters of the restore pipeline."""

from pydantic import BaseModel, ConfigDict, StrictBool


class RestoreConfig(BaseModel):
    """What is brought back.

    Attributes:
        version: The beginning of a version's name, as ``20260131T0915``; None takes the newest.
        overwrite: Whether files of this machine that have another content are replaced.
        take_over: Whether this workspace goes on with the backup; the one that wrote it so far then stops.
    """

    model_config = ConfigDict(extra="forbid")

    version: str | None = None
    overwrite: StrictBool = False
    take_over: StrictBool = True
