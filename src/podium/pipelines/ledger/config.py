"""Parameters of the ledger pipeline."""

from pydantic import BaseModel, ConfigDict, Field


class LedgerConfig(BaseModel):
    """How chance is looked at.

    Attributes:
        public_share: Share of the test images that the board shows in public.
        n_draws: How often true labels and the public part are drawn.
        seed: Of the draws.
    """

    model_config = ConfigDict(extra="forbid")

    public_share: float = Field(0.5, gt=0.0, lt=1.0)
    n_draws: int = Field(1000, ge=100, le=100_000)
    seed: int = Field(1, ge=0)
