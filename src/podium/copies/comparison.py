"""How much two pictures show the same, once one is laid upon the other."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from podium.copies.overlay import Floats, Gray, Pixels, bring, order, refine

MOSTLY_DRAWN = 0.5
"""Of the area of a picture that is no page: so much of it is more than plain."""

GLANCE_PX = 64
"""Long side at which two pictures are compared first."""

_REFINED_PX = 224
_LEAST_DOUBTFUL, _LEAST_CERTAIN = 0.5, 0.95
_LEAST_HALF_PX = 96
_BLUR_PX = 1.5
_ALL_INSIDE = 0.99
_LEAST_VARIANCE = 9.0  # of gray levels; less is noise of saving
_LITTLE_VARIANCE = 2.0
_PLAINEST_SHARE, _MOST_NOISE_VARIANCE = 0.1, 60.0  # blurred, that is what noise of 40 levels leaves
_NOISE_LEFT = 0.25
_SHARE_THAT_MAY_DIFFER, _SHARE_AT_A_GLANCE = 0.05, 0.25
_STEP_PX = 2


@dataclass(frozen=True)
class Comparison:
    """What two pictures share.

    Attributes:
        similarity: 0 to 1; 95 % of what is drawn on the shared area correlates at least so much, window by window. It
            does not change with brightness or contrast nor, much, with blur and noise.
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


def glance(first: Gray, second: Gray, matrix: Floats) -> float:
    """Compare two small pictures, as they are laid upon each other, to tell whether it is worth while to look closer.

    Args:
        first, second: uint8, (height, width), at most :data:`GLANCE_PX` a side.
        matrix: See :func:`compare`.

    Returns:
        0 to 1: three quarters of what is drawn on the shared area correlate at least so much; 1 where nothing that is
        drawn can be seen in this size.
    """
    found = _measure(*bring(*order(first, second, matrix), GLANCE_PX), _SHARE_AT_A_GLANCE)
    return found.similarity if found.drawn > 0 else 1.0


def compare(first: Gray, second: Gray, matrix: Floats) -> Comparison:
    """Compare two gray pictures by pixels, the finer one scaled to the coarser.

    Args:
        first, second: uint8, (height, width).
        matrix: float64 (2, 3), from places on the second to places on the first, in shares of their long sides; it is
            improved first, as far as the pixels say so.

    Photos are compared at half their size, too, where noise and blur weigh less. Pages are not: what tells two of one
    form apart is small.
    """
    first, second, to_px = order(first, second, matrix)
    side_px = max(first.shape)
    mappings = [to_px, *refine(first, second, to_px, min(_REFINED_PX, side_px))]
    best = _compare_at(first, second, mappings, side_px)
    if side_px > _REFINED_PX and _LEAST_DOUBTFUL <= best.similarity < _LEAST_CERTAIN:
        mappings += refine(first, second, mappings[-1], side_px)
        best = _compare_at(first, second, mappings, side_px)
    if best.drawn <= MOSTLY_DRAWN or side_px < 2 * _LEAST_HALF_PX:
        return best
    half = _compare_at(first, second, mappings, side_px // 2)
    return best if best.similarity >= half.similarity else replace(half, side_px=best.side_px)


def _compare_at(first: Gray, second: Gray, mappings: list[Floats], side_px: int) -> Comparison:
    found = [_measure(*bring(first, second, one, side_px), _SHARE_THAT_MAY_DIFFER) for one in mappings]
    return max(found, key=lambda comparison: comparison.similarity)


def _measure(still: Pixels, moving: Pixels, to_px: Floats, may_differ: float) -> Comparison:
    size = still.shape[::-1]
    moved = np.asarray(cv2.warpAffine(moving, to_px[:2], size), dtype=np.float32)
    inside = np.asarray(cv2.warpAffine(np.ones_like(moving), to_px[:2], size) > _ALL_INSIDE, dtype=np.float32)
    areas = sorted([still.size, moving.size * abs(float(np.linalg.det(to_px)))])
    share, share_of_larger = (min(float(inside.sum()) / max(area, 1.0), 1.0) for area in areas)
    correlations, weights, drawn = _correlate(still, moved, inside)
    if weights.sum() <= 0:
        return Comparison(0.0, share, share_of_larger, 0.0, max(size))
    order = np.argsort(correlations, kind="stable")
    reached = np.cumsum(weights[order], dtype=np.float64) / weights.sum(dtype=np.float64)
    similarity = correlations[order][min(int(np.searchsorted(reached, may_differ)), len(order) - 1)]
    return Comparison(float(np.clip(similarity, 0.0, 1.0)), share, share_of_larger, drawn, max(size))


def _correlate(first: Pixels, second: Pixels, inside: Pixels) -> tuple[Pixels, Pixels, float]:
    """Correlate two pictures in a window around every other pixel that lies inside both, noise taken off.

    Noise attenuates a correlation, as it adds to both variances and not to what the two have in common (Spearman, 1904,
    "The Proof and Measurement of Association between Two Things"). Of each picture as much variance counts as noise as
    its plainest windows have.

    Args:
        first, second: float32 (height, width), gray levels.
        inside: float32 (height, width), 1 where both are known, else 0.

    Returns:
        Correlations, float32 (n,); how much is drawn there, 0 where it is no more than noise, float32 (n,); and the
        share of windows in which both have something drawn.
    """
    side = max(9, round(0.05 * max(first.shape))) | 1
    every = np.s_[::_STEP_PX, ::_STEP_PX]
    kept = inside[every] > 0
    if not kept.any():
        return np.zeros(0, np.float32), np.zeros(0, np.float32), 0.0
    known = np.maximum(cv2.GaussianBlur(inside, (0, 0), _BLUR_PX), 1e-3)
    a, b = (cv2.GaussianBlur(one * inside, (0, 0), _BLUR_PX) / known * inside for one in (first, second))
    sums = [cv2.boxFilter(one, -1, (side, side), borderType=cv2.BORDER_CONSTANT)[every][kept]
            for one in (inside, a, b, a * a, b * b, a * b)]  # fmt: skip
    means = [np.asarray(one / sums[0], dtype=np.float32) for one in sums[1:]]
    mean_a, mean_b, var_a, var_b, both = means
    var_a, noise_a = _take_off_noise(var_a - mean_a * mean_a)
    var_b, noise_b = _take_off_noise(var_b - mean_b * mean_b)
    # One may have been saved with less contrast: both are brought to the mean of the first.
    gain = np.sqrt((var_a.mean() + 1) / (var_b.mean() + 1))
    var_b, noise_b, both = var_b * gain**2, noise_b * gain**2, (both - mean_a * mean_b) * gain
    least_a, least_b = (_LITTLE_VARIANCE + _NOISE_LEFT * noise for noise in (noise_a, noise_b))
    correlations = both / np.sqrt((var_a + least_a) * (var_b + least_b))
    weights = np.sqrt(np.maximum(np.maximum(var_a, var_b) - _LEAST_VARIANCE - noise_a - noise_b, 0))
    return correlations, weights, float((np.minimum(var_a, var_b) > _LEAST_VARIANCE).mean())


def _take_off_noise(variances: Pixels) -> tuple[Pixels, float]:
    """Return what is left of each window's variance, and how much of it is noise."""
    plainest = np.partition(variances, int(_PLAINEST_SHARE * (len(variances) - 1)))
    noise = float(np.clip(plainest[int(_PLAINEST_SHARE * (len(variances) - 1))], 0, _MOST_NOISE_VARIANCE))
    return np.maximum(variances - noise, 0), noise
