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
    return _encode(shrink(image, THUMBNAIL_PX))


def shrink_thumbnail(thumbnail: bytes, long_side_px: int) -> bytes:
    """Make a thumbnail smaller; one that is small enough stays byte for byte.

    Args:
        thumbnail: A JPEG file.
        long_side_px: At least 1.

    Raises:
        ValueError: It is no JPEG file, or a damaged one.
    """
    image = simplejpeg.decode_jpeg(thumbnail)
    small = shrink(image, long_side_px)
    return thumbnail if small is image else _encode(small)


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


def _encode(image: np.ndarray) -> bytes:
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=_QUALITY, colorsubsampling="420")
