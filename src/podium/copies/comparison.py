"""How much two pictures show the same, once one is laid upon the other."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

MOSTLY_DRAWN = 0.5
"""Of the area of a picture that is no page: so much of it is more than plain."""

_BLUR_PX = 1.5
_LEAST_HALF_PX = 96
_NOISE_LEVELS = 5.0
_LEAST_AREA = 1e-3
_ALL_INSIDE, _SHARP_PX = 0.99, 0.3
_LEAST_VARIANCE = 9.0  # of gray levels; less is noise of saving
_NOISE_VARIANCE = 2.0
_SHARE_THAT_MAY_DIFFER = 0.05
_STEP_PX = 2
_ECC_ROUNDS, _ECC_GAIN, _ECC_BLUR_PX = 20, 1e-4, 5


@dataclass(frozen=True)
class Comparison:
    """What two pictures share.

    Attributes:
        similarity: 0 to 1; 95 % of what is drawn on the shared area correlates at least so much, window by window. It
            does not change with brightness or contrast, nor, much, with blur and noise.
        share: Of the smaller picture that lies upon the larger one, 0 to 1.
        share_of_larger: Of the larger one that is covered, 0 to 1.
        drawn: How much of the shared area is more than plain in both, 0 to 1: nearly all of a photo, little of a page.
        side_px: Long side of the coarser picture, as they were compared.
    """

    similarity: float
    share: float
    share_of_larger: float
    drawn: float
    side_px: int


def compare(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], matrix: Floats) -> Comparison:
    """Compare two gray pictures by pixels, the finer one scaled to the coarser.

    Args:
        first, second: uint8, (height, width).
        matrix: float64 (2, 3), from places on the second to places on the first, in shares of their long sides; it is
            improved first, as far as the pixels say so.

    Noisy photos are compared at half their size, too, where noise weighs less. Others are not, nor are pages: what
    tells two of one form apart is small.
    """
    to_px = matrix * (max(first.shape) / max(second.shape))
    to_px[:, 2] = matrix[:, 2] * max(first.shape)
    if np.linalg.det(to_px[:, :2]) > 1:  # the second would be enlarged
        first, second, to_px = second, first, np.asarray(cv2.invertAffineTransform(to_px))
    still, moving = first.astype(np.float32), _blur_for(second.astype(np.float32), to_px)
    mappings = [one for one in (to_px, _refine(still, moving, to_px)) if one is not None]
    found = [_measure(still, moving, one) for one in mappings]
    best = max(found, key=lambda comparison: comparison.similarity)
    is_noisy = max(_measure_noise(first), _measure_noise(second)) > _NOISE_LEVELS
    if not is_noisy or best.drawn <= MOSTLY_DRAWN or max(still.shape) < 2 * _LEAST_HALF_PX:
        return best
    found += [_measure(_halve(still), _halve(moving), one * [1, 1, 0.5]) for one in mappings]
    return replace(max(found, key=lambda comparison: comparison.similarity), side_px=best.side_px)


def _halve(picture: Pixels) -> Pixels:
    return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _measure_noise(picture: npt.NDArray[np.uint8]) -> float:
    """Estimate the standard deviation of noise, gray levels; text and edges count little, as the median is taken.

    By Immerkær's mask (1996, "Fast Noise Variance Estimation").
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    return float(np.median(np.abs(cv2.filter2D(picture.astype(np.float32), -1, mask))) / (6 * 0.6745))


def _blur_for(picture: Pixels, to_px: Floats) -> Pixels:
    """Blur what is to be shrunk, so that it keeps no detail that the smaller picture cannot hold."""
    shrunk = 1 / np.sqrt(abs(np.linalg.det(to_px[:, :2])))
    sigma = 0.5 * np.sqrt(max(shrunk**2 - 1, 0.0))
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32) if sigma > _SHARP_PX else picture


def _refine(still: Pixels, moving: Pixels, to_px: Floats) -> Floats | None:
    """Change the mapping a little so that the pictures correlate more; None where that leads nowhere.

    The enhanced correlation coefficient (Evangelidis and Psarakis, 2008, "Parametric Image Alignment Using Enhanced
    Correlation Coefficient Maximization").
    """
    back = np.asarray(cv2.invertAffineTransform(to_px), dtype=np.float32)
    end = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ECC_ROUNDS, _ECC_GAIN)
    inside = np.full(moving.shape, 255, np.uint8)
    try:
        _, found = cv2.findTransformECC(still, moving, back, cv2.MOTION_AFFINE, end, inside, _ECC_BLUR_PX)
    except cv2.error:  # no overlap, or nothing to follow
        return None
    refined = np.asarray(found, dtype=np.float64)
    is_sound = bool(np.isfinite(refined).all()) and abs(np.linalg.det(refined[:, :2])) > _LEAST_AREA
    return np.asarray(cv2.invertAffineTransform(refined)) if is_sound else None


def _measure(still: Pixels, moving: Pixels, to_px: Floats) -> Comparison:
    size = still.shape[::-1]
    moved = np.asarray(cv2.warpAffine(moving, to_px, size), dtype=np.float32)
    inside = np.asarray(cv2.warpAffine(np.ones_like(moving), to_px, size)) > _ALL_INSIDE
    areas = sorted([still.size, moving.size * abs(np.linalg.det(to_px[:, :2]))])
    share, share_of_larger = (min(float(inside.sum() / max(area, 1.0)), 1.0) for area in areas)
    correlations, weights, drawn = _correlate(still, moved, inside)
    if weights.sum() <= 0:
        return Comparison(0.0, share, share_of_larger, 0.0, max(size))
    order = np.argsort(correlations, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    similarity = correlations[order][int(np.searchsorted(reached, _SHARE_THAT_MAY_DIFFER))]
    return Comparison(float(np.clip(similarity, 0.0, 1.0)), share, share_of_larger, drawn, max(size))


def _correlate(first: Pixels, second: Pixels, inside: Flags) -> tuple[Floats, Floats, float]:
    """Correlate two pictures in a window around every other pixel that lies inside both.

    Returns:
        Correlations, float64 (n,); how much is drawn there, 0 where it is no more than noise, float64 (n,); and the
        share of windows in which both have something drawn.
    """
    mask = inside.astype(np.float32)
    side = max(9, round(0.05 * max(first.shape))) | 1
    n = np.maximum(_sum(mask, side), 1e-3)
    a, b = _blur(first, mask), _blur(second, mask)
    mean_a, mean_b = _sum(a * mask, side) / n, _sum(b * mask, side) / n
    var_a = np.maximum(_sum(a * a * mask, side) / n - mean_a**2, 0)
    var_b = np.maximum(_sum(b * b * mask, side) / n - mean_b**2, 0)
    both = _sum(a * b * mask, side) / n - mean_a * mean_b
    # One may have been saved with less contrast: both are brought to the mean of the first.
    gain = np.sqrt((var_a[inside].mean() + 1) / (var_b[inside].mean() + 1)) if inside.any() else 1.0
    var_b, both = var_b * gain**2, both * gain
    correlations = both / np.sqrt((var_a + _NOISE_VARIANCE) * (var_b + _NOISE_VARIANCE))
    weights = np.sqrt(np.maximum(np.maximum(var_a, var_b) - _LEAST_VARIANCE, 0)) * mask
    every = np.s_[::_STEP_PX, ::_STEP_PX]
    drawn = np.minimum(var_a, var_b)[every][inside[every]] > _LEAST_VARIANCE
    share = float(drawn.mean()) if drawn.size else 0.0
    return correlations[every].ravel().astype(np.float64), weights[every].ravel().astype(np.float64), share


def _sum(picture: Pixels, side: int) -> Pixels:
    window = (side, side)
    return np.asarray(cv2.boxFilter(picture, -1, window, borderType=cv2.BORDER_CONSTANT), dtype=np.float32)


def _blur(picture: Pixels, mask: Pixels) -> Pixels:
    """Blur without what lies outside of the mask."""
    known = np.asarray(cv2.GaussianBlur(mask, (0, 0), _BLUR_PX))
    blurred = np.asarray(cv2.GaussianBlur(picture * mask, (0, 0), _BLUR_PX))
    return np.asarray(blurred / np.maximum(known, 1e-3), dtype=np.float32)
