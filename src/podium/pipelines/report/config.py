"""Parameters of the report pipeline."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ReportConfig(BaseModel):
    """What goes into the page.

    Attributes:
        n_heat_maps: Of so many training images, those with the largest loss, the page shows what the model looked at;
            0 leaves that out.
        thumbnail_px: Long side of the thumbnails; null goes by the number of images, so that the page stays below about
            100 MB.
        max_images: With more images than this, the page leaves out the ones that matter least.
        page_dir: Where the page will lie, so that it finds the organisers' files from there; null leaves those links
            out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_heat_maps: int = Field(200, ge=0)
    thumbnail_px: int | None = Field(None, ge=32, le=224)
    max_images: int = Field(20_000, ge=1)
    page_dir: Path | None = None
