"""Whether what is written on one page is on the other as well, whatever else was done to either.

A page that was stamped, scribbled on, folded, smeared or whose back shines through still has all its own ink: what
changed was added. Two people's entries in one form replace each other: where they stand, either page has ink that the
other one lacks. So what counts in each place is the page of which less is missing from the other.
"""

import cv2
import numpy as np

from podium.copies.overlay import Floats, Gray, Pixels, bring, order, refine

_PAPER_LEVELS, _MOSTLY_PAPER = 40, 0.6
_SIDE_PX, _REFINED_PX = 640, 224
_BLUR_PX = 1.0
_LETTER = 0.05  # of the long side: what is wider and dark belongs to the paper
_WINDOW = 0.04  # of the long side: some letters
_EDGE_PX = 9  # what lies outside shines in so far
_LEAST_LEVELS, _NOISE = 6.0, 3.0
_BLURS_PX = (0.8, 1.2, 1.8, 2.5)
_LEAST_CORRELATION = 0.4
_LEAST_INK_PX = 50
_LEAST_FOUND = 0.8
_MAY_DIFFER = 0.005
_STEP_PX = 2
_NOTHING = 1e-3


def is_page(gray: Gray) -> bool:
    """Tell whether most of a picture, uint8 (height, width), is nearly as bright as its brightest tenth."""
    return bool((gray >= np.percentile(gray, 90) - _PAPER_LEVELS).mean() >= _MOSTLY_PAPER)


def compare_ink(first: Gray, second: Gray, matrix: Floats) -> float:
    """Tell how much of one page's ink is on the other, place by place.

    Args:
        first, second: uint8, (height, width), darker where something is written.
        matrix: float64 (2, 3), from places on the second to places on the first, in shares of their long sides.

    Returns:
        0 to 1: where both have ink, but for the worst 0.5 % of it, at least so much of one page's is on the other. 0
        where less than 80 % of the ink of either is on the other, or the two have little in common.
    """
    first, second, to_px = order(first, second, matrix)
    side_px = min(max(first.shape), _SIDE_PX)
    mappings = [to_px, *refine(first, second, to_px, min(_REFINED_PX, side_px))]
    laid = [_lay(first, second, mapping, side_px) for mapping in mappings]
    if max(found[0] for found in laid) < _LEAST_CORRELATION:
        return 0.0
    closer = refine(first, second, mappings[-1], side_px, in_perspective=True)
    laid += [_lay(first, second, mapping, side_px) for mapping in closer]
    _, one, other, inside = max(laid, key=lambda found: found[0])
    return _measure(*_match_blur(one, other, inside), inside)


def _lay(first: Gray, second: Gray, to_px: Floats, side_px: int) -> tuple[float, Pixels, Pixels, Pixels]:
    """Return how the ink of both correlates, the ink of either, and where both are known."""
    still, moving, mapping = bring(first, second, to_px, side_px)
    size = still.shape[::-1]
    moved = cv2.warpPerspective(moving, mapping, size, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpPerspective(np.ones_like(moving), mapping, size) > 1 - _NOTHING
    inside = np.asarray(cv2.erode(known.astype(np.float32), np.ones((_EDGE_PX, _EDGE_PX))), dtype=np.float32)
    one, other = _find_ink(still), _find_ink(np.asarray(moved, dtype=np.float32))
    return _correlate(one, other, inside), one, other, inside


def _find_ink(gray: Pixels) -> Pixels:
    """Return how much darker each pixel is than the paper around it, float32 (height, width), gray levels."""
    side = round(_LETTER * max(gray.shape)) | 1
    smooth = _smooth(gray, _BLUR_PX)
    paper = np.asarray(cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), dtype=np.float32)
    return np.maximum(_smooth(paper, side / 6) - smooth, 0)


def _correlate(one: Pixels, other: Pixels, inside: Pixels) -> float:
    """Correlate what is dark on both and next to it; 0 where that is nothing."""
    both = ((one > _LEAST_LEVELS) & (other > _LEAST_LEVELS)).astype(np.uint8)
    if both.sum() < _LEAST_INK_PX:
        return 0.0
    near = (cv2.dilate(both, np.ones((5, 5), np.uint8)) > 0) & (inside > 0)
    a, b = one[near], other[near]
    return float(np.corrcoef(a, b)[0, 1]) if len(a) and a.std() > 0 and b.std() > 0 else 0.0


def _match_blur(one: Pixels, other: Pixels, inside: Pixels) -> tuple[Pixels, Pixels]:
    """Smooth the sharper one as much as lets both correlate most."""
    tries = [(one, other)]
    tries += [(_smooth(one, blur_px), other) for blur_px in _BLURS_PX]
    tries += [(one, _smooth(other, blur_px)) for blur_px in _BLURS_PX]
    return max(tries, key=lambda both: _correlate(both[0], both[1], inside))


def _smooth(pixels: Pixels, blur_px: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur_px), dtype=np.float32)


def _measure(one: Pixels, other: Pixels, inside: Pixels) -> float:
    levels = [float(np.median(ink[inside > 0])) for ink in (one, other)]
    least = [max(_LEAST_LEVELS, _NOISE * level) for level in levels]
    one, other = (np.maximum(ink - level, 0) for ink, level in zip((one, other), levels, strict=True))
    both = (one > least[0]) & (other > least[1]) & (inside > 0)
    if both.sum() < _LEAST_INK_PX:
        return 0.0
    gain = float(np.median(other[both] / one[both]))
    other, least[1] = other / gain, least[1] / gain
    side = round(_WINDOW * max(one.shape)) | 1

    def add_up(pixels: Pixels) -> Pixels:
        sums = cv2.boxFilter(pixels * inside, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(sums[::_STEP_PX, ::_STEP_PX], dtype=np.float32)

    shares, drawn = [], []
    for ink, lacking, level in ((one, one - other, least[0]), (other, other - one, least[1])):
        shares.append(1 - add_up(np.maximum(lacking, 0) ** 2) / (add_up(ink * ink) + _NOTHING))
        drawn.append(np.maximum(add_up(np.maximum(ink - level / 2, 0)), 0))
    found = max(float((drawn[i] * shares[i]).sum() / (drawn[i].sum() + _NOTHING)) for i in (0, 1))
    weights, best = np.sqrt(drawn[0] * drawn[1]).ravel(), np.maximum(*shares).ravel()
    if found < _LEAST_FOUND or weights.sum() <= 0:
        return 0.0
    ranked = np.argsort(best, kind="stable")
    reached = np.cumsum(weights[ranked], dtype=np.float64) / weights.sum(dtype=np.float64)
    return float(np.clip(best[ranked][min(int(np.searchsorted(reached, _MAY_DIFFER)), len(ranked) - 1)], 0.0, 1.0))
