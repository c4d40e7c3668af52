"""Properties of a picture as numbers, by which parts of a competition are compared.

All but brightness and noise are measured on a copy that was averaged down to one length, so that pictures of different
sizes compare, near the size at which a model sees them, and a photo of 12 megapixels takes hardly longer than a small
one. docs/data.md gives the sources.
"""

import cv2
import numpy as np

from podium.survey.thumbnails import shrink

PROPERTIES = (
    "brightness",
    "contrast",
    "sharpness",
    "noise",
    "colourfulness",
    "horizontal_gradients",
    "line_direction",
    "skew_degrees",
    "top_heaviness",
    "left_heaviness",
)
_REDUCED_PX = 256
_NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.int16)
_NOISE_BLOCK_PX = 16
_NAN = float("nan")


def measure_image(image: np.ndarray) -> tuple[float, ...]:
    """Measure all properties of a picture.

    * brightness: mean luma (ITU-R BT.601), 0 to 255.
    * contrast: standard deviation of luma, 0 to 127.5 (Peli, 1990).
    * sharpness: variance of the Laplacian, in squared levels of luma, at a longer side of 256 pixels, whatever the
      picture's own size (Pech-Pacheco et al., 2000). Small pictures are enlarged, and count as less sharp.
    * noise: standard deviation of white noise, in levels of luma, at the picture's own size (Immerkær, 1996).
    * colourfulness: of 8-bit RGB as it is, 0 for gray (Hasler and Süsstrunk, 2003).
    * horizontal_gradients: share of the gradient's energy along the horizontal axis, 0 to 1.
    * line_direction: near 1 where lines, as of text, run across, near 0 where they run down.
    * skew_degrees: how far the two main directions of edges are turned from the axes, counter-clockwise, -45 to 45.
    * top_heaviness, left_heaviness: how far the centre of the gradient's energy lies above, or left of, the middle of
      the picture, in shares of its height or width, -0.5 to 0.5.

    Args:
        image: uint8, (height, width, 3), RGB, upright.

    Returns:
        A number for each of :data:`PROPERTIES`; NaN where a picture is too small (noise) or too plain (the last five).
    """
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    reduced = shrink(image, _REDUCED_PX)
    reduced_luma = cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY)
    return (
        float(cv2.mean(luma)[0]),
        float(cv2.meanStdDev(reduced_luma)[1][0, 0]),
        _measure_sharpness(reduced_luma),
        _measure_noise(luma),
        _measure_colourfulness(reduced),
        *_measure_orientation(reduced_luma),
    )


def _measure_sharpness(luma: np.ndarray) -> float:
    height, width = luma.shape
    scale = _REDUCED_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    fixed = luma if size == (width, height) else cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR)
    return float(cv2.meanStdDev(cv2.Laplacian(fixed, cv2.CV_16S))[1][0, 0] ** 2)


def _measure_noise(luma: np.ndarray) -> float:
    """Estimate noise in each block of a picture, and take the lower quartile.

    The mask does not answer to plain surfaces, but to text and texture it does: over whole pages of text, clean ones
    come out at up to 9 levels and noise of 5 levels at 6 to 8, while the quartile gives 0 and 5.
    """
    height, width = luma.shape
    if min(height, width) < 3:
        return _NAN
    answer = np.abs(cv2.filter2D(luma, cv2.CV_16S, _NOISE_MASK)[1:-1, 1:-1])
    blocks = _average_blocks(answer, _NOISE_BLOCK_PX)
    return float(np.sqrt(np.pi / 2) / 6 * np.quantile(blocks, 0.25))


def _average_blocks(values: np.ndarray, side: int) -> np.ndarray:
    """Average whole blocks; a picture that is smaller along an axis has one block there."""
    height, width = values.shape
    side_y, side_x = min(side, height), min(side, width)
    n_y, n_x = height // side_y, width // side_x
    whole = np.ascontiguousarray(values[: n_y * side_y, : n_x * side_x])
    return whole.reshape(n_y, side_y, n_x, side_x).mean(axis=(1, 3), dtype=np.float64)


def _measure_colourfulness(image: np.ndarray) -> float:
    red, green, blue = cv2.split(image.astype(np.float32))
    (mean_rg, mean_yb), (sd_rg, sd_yb) = (
        part.ravel().tolist() for part in cv2.meanStdDev(cv2.merge([red - green, (red + green) / 2 - blue]))
    )
    return float(np.hypot(sd_rg, sd_yb) + 0.3 * np.hypot(mean_rg, mean_yb))


def _measure_orientation(luma: np.ndarray) -> tuple[float, ...]:
    """Describe which way edges run and where they lie: horizontal_gradients to left_heaviness."""
    smooth = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 0.7)
    along, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    along_energy, energy = along**2, along**2 + down**2
    if (total := float(energy.sum(dtype=np.float64))) < 1e-6:
        return (_NAN,) * 5
    height, width = luma.shape
    rows, columns = energy.sum(axis=1, dtype=np.float64), energy.sum(axis=0, dtype=np.float64)
    return (
        float(along_energy.sum(dtype=np.float64)) / total,
        _compare_profiles(np.sqrt(energy)),
        float(-np.degrees(np.angle(_sum_fourfold(along, down, energy))) / 4),
        0.5 - float(rows @ (np.arange(height) + 0.5)) / (total * height),
        0.5 - float(columns @ (np.arange(width) + 0.5)) / (total * width),
    )


def _compare_profiles(strength: np.ndarray) -> float:
    """Compare how much the mean changes from row to row, and from column to column; a share of both, in squares.

    Lines of text are full and the space between them is empty, whatever the skew by a few degrees: projection profiles
    (Postl, 1986) of the gradient.
    """
    profiles = (strength.mean(axis=axis, dtype=np.float64) for axis in (1, 0))
    across, down = (float((np.diff(profile) ** 2).sum()) / max(len(profile) - 1, 1) for profile in profiles)
    return across / (across + down) if across + down > 0 else _NAN


def _sum_fourfold(along: np.ndarray, down: np.ndarray, energy: np.ndarray) -> complex:
    """Sum the gradients with four times their angle, so that edges a quarter turn apart add up, weighted by energy.

    The angle of the sum is that of the main directions (Bigün and Granlund, 1987, for one instead of two of them).
    """
    safe = np.maximum(energy, np.finfo(np.float32).tiny)
    real, imaginary = along**2 - down**2, 2 * along * down
    return complex(
        ((real**2 - imaginary**2) / safe).sum(dtype=np.float64), (2 * real * imaginary / safe).sum(dtype=np.float64)
    )
