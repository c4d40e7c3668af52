"""Parameters of the leaks pipeline."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SEARCH_VERSION = 4
"""Of the way in which pairs are searched: one more where another way finds others, so that none is kept."""


class LeaksConfig(BaseModel):
    """What counts as a copy. docs/decisions/0010 has what was measured.

    Attributes:
        near_duplicate_max_bits: Images whose perceptual hashes differ in at most so many of 256 bits are compared as
            they are.
        min_similarity: How well two pictures, laid upon each other, have to correlate to count as copies.
        min_page_similarity: The same of pages: pictures that are more than half empty.
        min_small_similarity: The same of pictures of less than 128 px.
        min_ink: How much of one page's ink, place by place, has to be on the other, where they were changed too much to
            correlate: stamped, scribbled on, folded, smeared.
        min_share: How much of the smaller of the two has to lie upon the larger.
        min_side_px: Pictures with a shorter side are compared by bytes alone.
        not_copies: By competition, lists of image_id that show different things although they look alike.
    """

    model_config = ConfigDict(extra="forbid")

    near_duplicate_max_bits: int = Field(18, ge=0, le=64)
    min_similarity: float = Field(0.8, gt=0.0, le=1.0)
    min_page_similarity: float = Field(0.9, gt=0.0, le=1.0)
    min_small_similarity: float = Field(0.95, gt=0.0, le=1.0)
    min_ink: float = Field(0.88, gt=0.0, le=1.0)
    min_share: float = Field(0.4, gt=0.0, le=1.0)
    min_side_px: int = Field(64, ge=24)
    not_copies: dict[str, tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...]] = {}
