"""From an upright picture to what a model is shown: cut out of the middle, resized.

Training, validation, test and serving all come through :func:`prepare_image`. It resizes as Pillow does, with which
timm and torchvision score their weights; OpenCV's own ways differ from it by two to four of 256 levels on average.
"""

import cv2
import numpy as np
from PIL import Image

from podium.errors import suggest
from podium.vision.input_spec import InputSpec
from podium.vision.reduction import halve

_MODES = ("stretch", "pad", "crop")
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_OF_TORCH = ("bilinear", "bicubic")  # the filters of Pillow that torch has too
# How many times larger than needed a picture stays, at least, when blocks of its pixels are averaged first. Pillow's
# documentation calls 3 all but indistinguishable (0.3 of 256 levels on average); 2 takes sharp photos to a whole level.
_REDUCING_GAP = 3


def prepare_image(image: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Turn one picture into the one that a model is shown.

    First ``spec.center_crop_px`` is cut out of the middle, along each axis on which the picture is larger. Then it
    comes to the size of the input: ``stretch`` ignores the aspect ratio; ``pad`` keeps it and fills both sides with the
    median colour of the picture's rim, so a scanned page gets white borders and a photo inconspicuous ones; ``crop``
    keeps it and drops what sticks out on both sides of the centre. Shrinking is antialiased, but for ``nearest``.

    Args:
        image: uint8, (height, width, 3), upright RGB, as :func:`~podium.vision.decoding.decode_image` gives it.
        spec: Size, way of resizing, crop and interpolation. Mean and standard deviation do not matter here.

    Returns:
        uint8, (spec.height_px, spec.width_px, 3), contiguous, perhaps read-only.

    Raises:
        ValueError: There is no such way of resizing, or no such interpolation.
    """
    _require_known(spec)
    if spec.center_crop_px is not None:
        image = _cut_centre(image, spec.center_crop_px)
    if spec.resize == "pad":
        return _pad(image, spec)
    if spec.resize == "crop":
        image = _cut_centre(image, _fit_aspect_ratio(image, spec.size_px))
    return _scale(image, spec.size_px, spec.interpolation)


def _require_known(spec: InputSpec) -> None:
    if spec.resize not in _MODES:
        raise ValueError(f"resize {spec.resize!r}: {suggest(spec.resize, _MODES)}")
    if spec.interpolation not in _FILTERS:
        raise ValueError(f"interpolation {spec.interpolation!r}: {suggest(spec.interpolation, _FILTERS)}")


def _cut_centre(image: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    height, width = min(image.shape[0], size_px[0]), min(image.shape[1], size_px[1])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def _fit_aspect_ratio(image: np.ndarray, size_px: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the largest part of ``image`` that is shaped like ``size_px``."""
    (height, width), (to_height, to_width) = image.shape[:2], size_px
    keep_height = max(1, min(height, round(width * to_height / to_width)))
    keep_width = max(1, min(width, round(height * to_width / to_height)))
    return keep_height, keep_width


def _pad(image: np.ndarray, spec: InputSpec) -> np.ndarray:
    height, width = image.shape[:2]
    ratio = min(spec.height_px / height, spec.width_px / width)
    inner = _scale(image, (max(1, round(height * ratio)), max(1, round(width * ratio))), spec.interpolation)
    rim = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    padded = np.empty((*spec.size_px, 3), np.uint8)
    padded[:] = np.median(rim, axis=0).astype(np.uint8)
    top, left = (spec.height_px - inner.shape[0]) // 2, (spec.width_px - inner.shape[1]) // 2
    padded[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return padded


def _scale(image: np.ndarray, size_px: tuple[int, int], interpolation: str) -> np.ndarray:
    if interpolation != "nearest":
        image = halve(image, (_REDUCING_GAP * size_px[0], _REDUCING_GAP * size_px[1]))
    if interpolation in _OF_TORCH:
        return _scale_by_torch(image, size_px, interpolation)
    return np.asarray(Image.fromarray(image).resize(size_px[::-1], _FILTERS[interpolation]))


def _scale_by_torch(image: np.ndarray, size_px: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resize as Pillow does, to the last level or the one beside it, in a quarter of its time."""
    import torch
    from torch.nn import functional

    padded = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)  # torch is quickest with four bytes a pixel
    pixels = torch.from_numpy(padded).permute(2, 0, 1)[None]
    resized = functional.interpolate(pixels, size_px, mode=interpolation, antialias=True)
    return cv2.cvtColor(resized[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGBA2RGB)
