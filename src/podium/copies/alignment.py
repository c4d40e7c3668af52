"""Whether one picture can be laid upon another: from keypoints that look alike to the mapping between the two.

Each pair of keypoints that look alike tells where, how large and how turned the whole picture would be (Lowe, 2004,
section 7); the mapping that most other pairs agree with is fitted to them. There is no chance in it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from podium.survey.keypoints import Keypoints

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LEAST_AGREEING = 6
"""Pairs of keypoints that agree, below which two pictures have nothing in common."""

_LEAST_COSINE = 0.75
_N_FITS = 3
_ROUGH, _FINE = 0.04, 0.015  # shares of the first picture's long side
_MOST_SCALE, _MOST_TURN_DEGREES = 1.6, 25.0
_LEAST_SIDE, _MOST_SIDE, _MOST_SQUEEZE = 0.2, 5.0, 1.8
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Alignment:
    """How the second picture is laid upon the first.

    Attributes:
        matrix: float64 (2, 3), from places on the second to places on the first, in shares of their long sides.
        n_agreeing: Pairs of keypoints that say so.
    """

    matrix: Floats
    n_agreeing: int


def align(first: Keypoints, second: Keypoints) -> Alignment | None:
    """Lay the second picture upon the first, if enough of their keypoints agree on how."""
    if min(len(first), len(second)) < LEAST_AGREEING:
        return None
    left, right = _match(first.descriptors @ second.descriptors.T)
    if len(left) < LEAST_AGREEING:
        return None
    to, start = first.places[left], second.places[right]
    scales, turns = first.sizes[left] / second.sizes[right], np.radians(first.angles[left] - second.angles[right])
    agrees = _vote(to, start, scales, turns)
    matrix: Floats | None = None
    for _ in range(_N_FITS):
        matrix = _fit_affine(start[agrees], to[agrees]) if agrees.sum() >= LEAST_AGREEING else None
        if matrix is None:
            return None
        agrees = np.hypot(*(start @ matrix[:, :2].T + matrix[:, 2] - to).T) <= _FINE
    n_agreeing = int(agrees.sum())
    return Alignment(matrix, n_agreeing) if matrix is not None and n_agreeing >= LEAST_AGREEING else None


def _match(cosines: npt.NDArray[np.float32]) -> tuple[Rows, Rows]:
    """Pair what is each other's nearest and near enough: rows and columns, int64 (n,) each."""
    nearest, back = cosines.argmax(axis=1), cosines.argmax(axis=0)
    rows = np.flatnonzero((back[nearest] == np.arange(len(cosines))) & (cosines.max(axis=1) >= _LEAST_COSINE))
    return rows, nearest[rows]


def _vote(to: Floats, start: Floats, scales: Floats, turns: Floats) -> Flags:
    """Return which pairs agree with the one that most agree with, bool (n,).

    Args:
        to, start: (n, 2), the places of each pair.
        scales, turns: (n,), how much larger the first is than the second, and by how many radians it is turned.
    """
    places, sources = to @ [1, 1j], start @ [1, 1j]
    turned = scales * np.exp(1j * turns)
    # Row h holds where pair h would put each of the others.
    missed = np.abs(places[None] - places[:, None] - turned[:, None] * (sources[None] - sources[:, None]))
    in_scale = np.abs(np.log(scales[None] / scales[:, None])) <= np.log(_MOST_SCALE)
    other_turn = np.abs((turns[None] - turns[:, None] + np.pi) % (2 * np.pi) - np.pi)
    agrees = (missed <= _ROUGH) & in_scale & (other_turn <= np.radians(_MOST_TURN_DEGREES))
    return np.asarray(agrees[int(agrees.sum(axis=1).argmax())])


def _fit_affine(start: Floats, to: Floats) -> Floats | None:
    """Fit an affine mapping by least squares; None where it squeezes, enlarges or mirrors as no copy does."""
    middle, target = start.mean(axis=0), to.mean(axis=0)
    start, to = start - middle, to - target
    squares = start.T @ start
    (xx, xy), (_, yy) = squares.tolist()
    spread = xx * yy - xy * xy
    if spread <= _LEAST_SPREAD * (xx + yy) ** 2:  # all on one line
        return None
    linear = (to.T @ start) @ np.array([[yy, -xy], [-xy, xx]]) / spread
    (a, b), (c, d) = linear.tolist()
    area, total = a * d - b * c, a * a + b * b + c * c + d * d
    if area <= 0:
        return None
    # Both singular values, from their product and the sum of their squares.
    wide, narrow = math.sqrt(total + 2 * area), math.sqrt(max(total - 2 * area, 0.0))
    large, small = (wide + narrow) / 2, (wide - narrow) / 2
    if small < _LEAST_SIDE or large > min(_MOST_SIDE, _MOST_SQUEEZE * small):
        return None
    return np.column_stack([linear, target - linear @ middle])
