"""Quick first steps of shrinking a picture a lot."""

import cv2
import numpy as np


def halve(image: np.ndarray, least_px: tuple[int, int]) -> np.ndarray:
    """Average blocks of 2 x 2 pixels, again and again while both sides are even and stay large enough.

    Odd sides end it, as something would have to be cut off or shifted.

    Args:
        image: uint8, (height, width, channels) or (height, width).
        least_px: Height and width that must be left.

    Returns:
        uint8, of the same channels; ``image`` itself when nothing is to do.
    """
    height, width = image.shape[:2]
    while height % 2 == width % 2 == 0 and height >= 2 * least_px[0] and width >= 2 * least_px[1]:
        height, width = height // 2, width // 2
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return image
