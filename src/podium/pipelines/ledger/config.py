"""Parameters of the ledger pipeline."""

from pydantic import BaseModel, ConfigDict, Field


class LedgerConfig(BaseModel):
    """How chance is looked at.

    Attributes:
        n_draws: How often true labels and the public part are drawn.
        seed: Of the draws.
    """

    model_config = ConfigDict(extra="forbid")

    n_draws: int = Field(1000, ge=100, le=100_000)
    seed: int = Field(1, ge=0)
