"""How large the thumbnails of a page are, so that it stays small enough for a browser."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

SIZES_PX = ((5_000, 224), (10_000, 128), (40_000, 96))
"""Up to so many images, thumbnails of this long side: about 40 MB, 60 MB and 100 MB of page at the upper ends."""
SMALLEST_PX = 64


def choose_size(n_images: int, thumbnail_px: int | None) -> int:
    """Return the long side of thumbnails in pixels: as asked for, or what keeps a page of so many images small."""
    if thumbnail_px is not None:
        return thumbnail_px
    return next((side for most, side in SIZES_PX if n_images <= most), SMALLEST_PX)


def shrink_thumbnails(thumbnails: Sequence[bytes], side_px: int) -> list[bytes]:
    """Make JPEG thumbnails smaller, keeping their aspect ratio; those that are small enough stay byte for byte.

    Args:
        thumbnails: Of the survey, JPEG files.
        side_px: Longest side afterwards.

    Raises:
        ValueError: A file is no JPEG file.
    """
    from podium.survey.thumbnails import THUMBNAIL_PX, shrink_thumbnail

    if side_px >= THUMBNAIL_PX:
        return list(thumbnails)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # decoding and averaging let go of the interpreter
        return list(pool.map(lambda thumbnail: shrink_thumbnail(thumbnail, side_px), thumbnails))
