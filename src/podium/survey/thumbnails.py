"""Small pictures to look at."""

import cv2
import numpy as np
import simplejpeg

THUMBNAIL_PX = 224
_QUALITY = 85


def make_thumbnail(image: np.ndarray) -> bytes:
    """Make a thumbnail with the picture's own aspect ratio; smaller pictures keep their size.

    Args:
        image: uint8, (height, width, 3), upright.

    Returns:
        A JPEG file of at most :data:`THUMBNAIL_PX` pixels a side.
    """
    small = np.ascontiguousarray(shrink(image, THUMBNAIL_PX))
    return simplejpeg.encode_jpeg(small, quality=_QUALITY, colorsubsampling="420")


def shrink(image: np.ndarray, long_side_px: int) -> np.ndarray:
    """Average a picture down until its longer side measures ``long_side_px``; smaller ones stay as they are.

    Args:
        image: uint8, (height, width, 3) or (height, width).
        long_side_px: At least 1.

    Returns:
        uint8, of the same channels; ``image`` itself when nothing is to do.
    """
    height, width = image.shape[:2]
    if max(height, width) <= long_side_px:
        return image
    scale = long_side_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
