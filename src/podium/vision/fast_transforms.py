"""Transforms of albumentations that cost the most, done faster: same names, arguments, random numbers and pixels.

A policy that names one of them gets it instead of the library's own. What is left out is work that a picture does not
need, such as where boxes land, passes over whole pictures in float, and copies that are read against their grain. All
are for pictures alone: uint8, (height, width, 3).
"""

import math
from typing import Any

import albumentations
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Noise = npt.NDArray[np.int16] | npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


class Affine(albumentations.Affine):
    """The library makes a second matrix for boxes and compares the first with the identity; a picture needs neither."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw where the picture lands: a matrix that x, y and 1 are multiplied with, float64, (2, 3)."""
        if self.fit_output:
            return dict(super().get_params_dependent_on_data(params, data))
        height, width = params["shape"][:2]
        translate, shear = self._get_translate_params((height, width)), self._get_shear_params()
        scale = self._get_scale(self.scale, self.keep_ratio, self.balanced_scale, self.py_random)
        turn = math.radians(self.py_random.uniform(*self.rotate) % 360)
        cos, sin = math.cos(turn), math.sin(turn)
        lean_x, lean_y = math.tan(math.radians(shear["x"])), math.tan(math.radians(shear["y"]))
        # Around the middle: scaled, turned, sheared, then moved.
        xx, xy = (cos - lean_x * sin) * scale["x"], (sin + lean_x * cos) * scale["y"]
        yx, yy = (lean_y * cos - sin) * scale["x"], (lean_y * sin + cos) * scale["y"]
        x, y = (width - 1) / 2, (height - 1) / 2
        moved_x, moved_y = translate["x"] + x - xx * x - xy * y, translate["y"] + y - yx * x - yy * y
        return {"matrix": np.array([[xx, xy, moved_x], [yx, yy, moved_y]]), "output_shape": (height, width)}

    def apply(self, img: Image, matrix: Matrix, output_shape: tuple[int, int], **params: Any) -> Image:
        """Move the picture; what comes in over its edge is filled as told."""
        if self.fit_output:
            return np.asarray(super().apply(img, matrix, output_shape, **params))
        fill = self.fill if isinstance(self.fill, (tuple, list)) else (self.fill,) * 3
        turned = cv2.warpAffine(
            img, matrix, output_shape[::-1], flags=self.interpolation, borderMode=self.border_mode, borderValue=fill
        )
        return np.asarray(turned, np.uint8)


class SquareSymmetry(albumentations.SquareSymmetry):
    """The library turns by a view, and copying that against its grain takes ten times as long as OpenCV's turns."""

    def apply(self, img: Image, group_element: str, **params: Any) -> Image:
        """Turn and flip the picture by one of the eight elements of the group, by the library's names."""
        if group_element in _TURNS:
            return np.asarray(cv2.rotate(img, _TURNS[group_element]), np.uint8)
        if group_element in _FLIPS:
            return np.asarray(cv2.flip(img, _FLIPS[group_element]), np.uint8)
        if group_element == "t":
            return np.asarray(cv2.transpose(img), np.uint8)
        if group_element == "hvt":
            return np.asarray(cv2.flip(cv2.transpose(img), -1), np.uint8)
        return img


_TURNS = {"r90": cv2.ROTATE_90_COUNTERCLOCKWISE, "r180": cv2.ROTATE_180, "r270": cv2.ROTATE_90_CLOCKWISE}
_FLIPS = {"v": 0, "h": 1}


class GaussNoise(albumentations.GaussNoise):
    """The library draws in double precision and adds in float; levels are whole, so small integers give the same."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the noise in levels: int16, (height, width) or (height, width, 3)."""
        if self.noise_scale_factor != 1:
            return dict(super().get_params_dependent_on_data(params, data))
        deviation, mean = self.py_random.uniform(*self.std_range), self.py_random.uniform(*self.mean_range)
        shape = params["shape"] if self.per_channel else params["shape"][:2]
        noise, n_channels = np.empty(shape, np.float32), 3 if self.per_channel else 1
        cv2.setRNGSeed(int(self.random_generator.integers(0, 2**16)))
        cv2.randn(noise, np.full(n_channels, mean, np.float32), np.full(n_channels, deviation, np.float32))
        return {"noise_map": (noise * 255.0).astype(np.int16)}

    def apply(self, img: Image, noise_map: Noise, **params: Any) -> Image:
        """Add the noise; what leaves 0 to 255 is cut off."""
        if noise_map.dtype != np.int16:
            return np.asarray(super().apply(img, noise_map, **params))
        noise = noise_map if noise_map.ndim == 3 else cv2.merge((noise_map,) * 3)
        return np.asarray(cv2.add(img, noise, dtype=cv2.CV_8U), np.uint8)


class SaltAndPepper(albumentations.SaltAndPepper):
    """The library makes two masks of the whole picture and chooses at every pixel; a few are to be set."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw which pixels become white and which black: positions in the flattened picture, int64."""
        area = math.prod(params["shape"][:2])
        n_pixels = int(area * self.py_random.uniform(*self.amount))
        n_salt = int(n_pixels * self.py_random.uniform(*self.salt_vs_pepper))
        positions = self.random_generator.choice(area, size=n_pixels, replace=False)
        return {"salt": positions[:n_salt], "pepper": positions[n_salt:]}

    def apply(self, img: Image, salt: Positions, pepper: Positions, **params: Any) -> Image:
        """Set the pixels, all channels of each."""
        speckled = img.copy()
        pixels = speckled.reshape(-1, img.shape[2])
        pixels[salt], pixels[pepper] = 255, 0
        return speckled
