"""Two pictures laid upon each other: brought to one scale, and the mapping between them improved by their pixels."""

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Gray = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.float32]

_NEARLY = 0.75  # a picture that is no more than so much larger is not shrunk first
_LEAST_AREA = 1e-3
_MOST_SHIFT = 0.15  # of the long side, that improving a mapping may shift a corner
_ECC_ROUNDS, _ECC_GAIN, _ECC_BLUR_PX = 20, 1e-4, 5


def shrink(picture: Gray, side_px: float) -> Gray:
    """Bring a picture to a long side; one that is hardly larger, or smaller, stays as it is."""
    scale = side_px / max(picture.shape)
    if scale > _NEARLY:
        return picture
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def order(first: Gray, second: Gray, matrix: Floats) -> tuple[Gray, Gray, Floats]:
    """Put the coarser picture first.

    Args:
        first, second: uint8, (height, width).
        matrix: float64 (2, 3), from places on the second to places on the first, in shares of their long sides.

    Returns:
        The coarser picture, the finer one, and the mapping from pixels of the finer to those of the coarser, float64
        (3, 3).
    """
    on_first = max(first.shape) * matrix
    to_px = np.vstack([on_first, [0, 0, 1]]) @ np.diag([1 / max(second.shape), 1 / max(second.shape), 1])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from the middle of pixels to their corners
    to_px = np.linalg.inv(half) @ to_px @ half
    return (second, first, np.linalg.inv(to_px)) if np.linalg.det(to_px) > 1 else (first, second, to_px)


def bring(first: Gray, second: Gray, to_px: Floats, side_px: int) -> tuple[Pixels, Pixels, Floats]:
    """Shrink the first picture to a long side, and the second to the same scale; with the mapping between the two."""
    still = shrink(first, side_px)
    scale = max(still.shape) / max(first.shape) * float(np.sqrt(abs(np.linalg.det(to_px))))
    moving = shrink(second, scale * max(second.shape))
    mapping = _between(first, still) @ to_px @ _between(moving, second)
    return still.astype(np.float32), moving.astype(np.float32), mapping


def refine(first: Gray, second: Gray, to_px: Floats, side_px: int, *, in_perspective: bool = False) -> list[Floats]:
    """Improve the mapping between two pictures, as they are at a long side, so that they correlate more.

    The enhanced correlation coefficient (Evangelidis and Psarakis, 2008, "Parametric Image Alignment Using Enhanced
    Correlation Coefficient Maximization").

    Args:
        first, second: The coarser picture and the finer one.
        to_px: float64 (3, 3), from pixels of the second to those of the first.
        side_px: Long side of the first at which they are compared.
        in_perspective: Let parallels meet, as on a page that was photographed; otherwise they stay parallels.

    Returns:
        The better mapping; none where that leads nowhere.
    """
    still, moving, start = bring(first, second, to_px, side_px)
    back = np.linalg.inv(start).astype(np.float32)
    motion = cv2.MOTION_HOMOGRAPHY if in_perspective else cv2.MOTION_AFFINE
    end = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_ROUNDS, _ECC_GAIN)
    inside = np.full(moving.shape, 255, np.uint8)
    try:
        _, found = cv2.findTransformECC(
            still, moving, back if in_perspective else back[:2], motion, end, inside, _ECC_BLUR_PX
        )
    except cv2.error:  # no overlap, or nothing to follow
        return []
    refined = np.vstack([np.asarray(found, dtype=np.float64), [0, 0, 1]])[:3]
    if not np.isfinite(refined).all() or abs(np.linalg.det(refined)) <= _LEAST_AREA:
        return []
    improved = np.linalg.inv(refined)
    height, width = moving.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], dtype=np.float64)
    shift_px = np.abs(_map(improved, corners) - _map(start, corners)).max()
    if not shift_px <= _MOST_SHIFT * max(still.shape):  # led astray, to where nothing contradicts
        return []
    return [_between(still, first) @ improved @ _between(second, moving)]


def _map(mapping: Floats, places: Floats) -> Floats:
    """Map places (n, 3), with a 1 each, to places (n, 2)."""
    mapped = places @ mapping.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:], dtype=np.float64)


def _between(picture: Gray | Pixels, resized: Gray | Pixels) -> Floats:
    """Return the mapping from the pixels of a picture to those of the same in another size, float64 (3, 3)."""
    y, x = resized.shape[0] / picture.shape[0], resized.shape[1] / picture.shape[1]
    return np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1]])
