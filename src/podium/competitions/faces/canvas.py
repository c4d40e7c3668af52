"""Shapes in face units, and the canvas that paints them: twice as large as needed, then averaged down."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from podium.competitions.faces.people import Colour

Points = np.ndarray
"""float64, (n, 2): x right and y down, in face units (half the picture's shorter side); (0, 0) is the face's middle."""

SUPERSAMPLING = 2
FRACTION_BITS = 4


@dataclass(frozen=True)
class Pose:
    """How a head is held in one picture. Turn and nod move near features (nose) more than far ones (ears)."""

    rotation_deg: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    nod: float = 0.0

    def place(self, points: Points, depths: np.ndarray) -> Points:
        """Move points of the upright head, at these depths, to where the pose shows them."""
        angle = np.deg2rad(self.rotation_deg)
        x = points[:, 0] + self.turn * depths
        y = points[:, 1] + self.nod * depths
        turned = np.column_stack((np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y))
        placed: Points = turned * self.scale + np.array(self.shift)
        return placed


class Sketch:
    """Shapes in the order of painting, not yet in any pose: drawn up once a person, painted once a picture."""

    def __init__(self) -> None:
        self._outlines: list[Points] = []
        self._depths: list[float] = []
        self._paints: list[tuple[Colour, float | None]] = []

    def fill(self, points: Points, colour: Colour, depth: float = 0.0) -> None:
        """Add the inside of a closed outline; ``depth`` is 0 for the middle of the head, 1 for its front."""
        self._add(points, colour, None, depth)

    def stroke(self, points: Points, colour: Colour, width: float, depth: float = 0.0) -> None:
        """Add an open line; ``width`` is in face units."""
        self._add(points, colour, width, depth)

    def paint(self, pixels: np.ndarray, pose: Pose) -> None:
        """Paint all shapes in this pose.

        Args:
            pixels: uint8, (height, width, 3), changed in place.
            pose: How the head is held.
        """
        if not self._outlines:
            return
        half_px = min(pixels.shape[:2]) / 2
        depths = np.repeat(self._depths, [len(points) for points in self._outlines])
        placed = pose.place(np.concatenate(self._outlines), depths) * half_px
        placed += np.array((pixels.shape[1], pixels.shape[0])) / 2
        fixed = np.round(placed * (1 << FRACTION_BITS)).astype(np.int32)
        end = 0
        for points, (colour, width) in zip(self._outlines, self._paints, strict=True):
            start, end = end, end + len(points)
            outline = [fixed[start:end]]
            if width is None:
                cv2.fillPoly(pixels, outline, colour, cv2.LINE_AA, FRACTION_BITS)
            else:
                width_px = max(1, round(width * half_px * pose.scale))
                cv2.polylines(pixels, outline, False, colour, width_px, cv2.LINE_AA, FRACTION_BITS)

    def _add(self, points: Points, colour: Colour, width: float | None, depth: float) -> None:
        self._outlines.append(points)
        self._depths.append(depth)
        self._paints.append((colour, width))


class Canvas:
    """A picture in the making.

    Attributes:
        pixels: uint8, (height, width, 3) RGB, ``SUPERSAMPLING`` times the final size.
    """

    def __init__(self, height_px: int, width_px: int, top: Colour, bottom: Colour):
        fade = np.linspace(0, 1, height_px * SUPERSAMPLING)[:, None]
        column = np.array(top) * (1 - fade) + np.array(bottom) * fade
        self.pixels: np.ndarray = np.repeat(column.astype(np.uint8)[:, None], width_px * SUPERSAMPLING, axis=1)

    def paint(self, sketch: Sketch, pose: Pose) -> None:
        """Paint a sketch over what is there."""
        sketch.paint(self.pixels, pose)

    def shade(self, shadows: Sketch, pose: Pose, softness: float) -> None:
        """Darken soft-edged regions: the greys of ``shadows`` are multiplied in; ``softness`` is in face units."""
        light = np.full_like(self.pixels, 255)
        shadows.paint(light, pose)
        sigma_px = max(0.6, softness * min(self.pixels.shape[:2]) / 2)
        self.pixels = cv2.multiply(self.pixels, cv2.GaussianBlur(light, (0, 0), sigma_px), scale=1 / 255)

    def finish(self) -> np.ndarray:
        """Return the picture at its final size: uint8, (height, width, 3), RGB."""
        height_px, width_px = (n // SUPERSAMPLING for n in self.pixels.shape[:2])
        return cv2.resize(self.pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)


def ellipse(x: float, y: float, width: float, height: float, start_deg: float = 0, end_deg: float = 360) -> Points:
    """Points of an ellipse or of an arc of it; 0 degrees is to the right, 90 degrees is down."""
    angle = np.deg2rad(np.linspace(start_deg, end_deg, 20))
    return np.column_stack((x + width / 2 * np.cos(angle), y + height / 2 * np.sin(angle)))


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Corners of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def smooth(corners: Sequence[tuple[float, float]] | Points, closed: bool = True) -> Points:
    """Round the corners of a line by cutting each at a quarter and three quarters, three times (Chaikin 1974)."""
    points = np.asarray(corners, dtype=float)
    for _ in range(3):
        after = np.concatenate((points[1:], points[:1]))
        cut = np.empty((2 * len(points), 2))
        cut[0::2], cut[1::2] = 0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after
        points = cut if closed else np.concatenate((points[:1], cut[:-2], points[-1:]))
    return points


def mirror(right_half: Sequence[tuple[float, float]]) -> Points:
    """Complete a closed outline from its right half, given from top to bottom."""
    right = np.asarray(right_half, dtype=float)
    return np.concatenate((right, right[::-1] * (-1, 1)))
