"""Pictures that tests draw, and what is done to copies of them."""

import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from podium.survey.keypoints import describe_keypoints
from podium.vision.decoding import hash_perceptually

Picture = npt.NDArray[np.uint8]


def draw_picture(seed: int, height: int = 180, width: int = 240) -> Picture:
    """Draw overlapping shapes and lines of random colours, a little blurred."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(60):
        centre = rng.integers(0, [width, height]).tolist()
        colour = rng.integers(0, 256, 3).tolist()
        axes = rng.integers(4, 30, 2).tolist()
        cv2.ellipse(canvas, centre, axes, float(rng.integers(180)), 0, 360, colour, -1)
        cv2.line(canvas, centre, rng.integers(0, [width, height]).tolist(), rng.integers(0, 256, 3).tolist(), 2)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.8), dtype=np.uint8)


def draw_form(seed: int) -> Picture:
    """Draw a page: the lines and headings of one form, filled in differently for each seed."""
    page = np.full((640, 480, 3), 250, np.uint8)
    for row in range(6):
        cv2.rectangle(page, (40, 60 + 90 * row), (440, 130 + 90 * row), (0, 0, 0), 1)
        cv2.putText(page, f"FIELD {row} OF FORM 27", (46, 78 + 90 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
    rng = np.random.default_rng(seed)
    for row in range(6):
        text = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ2345789"), 16))
        cv2.putText(page, text, (60, 115 + 90 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 90), 2)
    return page


def save_again(image: Picture, quality: int = 75) -> Picture:
    """Save as JPEG and read back."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))


def shrink(image: Picture, share: float) -> Picture:
    size = (round(image.shape[1] * share), round(image.shape[0] * share))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def cut(image: Picture, share: float) -> Picture:
    """Keep a part of so large a share of the area, off the centre."""
    height, width = (round(side * share**0.5) for side in image.shape[:2])
    y, x = (image.shape[0] - height) // 3, 2 * (image.shape[1] - width) // 3
    return image[y : y + height, x : x + width]


def tilt(image: Picture, degrees: float) -> Picture:
    return np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC))


def spoil(image: Picture) -> Picture:
    """Brighten, blur and add noise."""
    noise = np.random.default_rng(0).normal(0, 12, image.shape)
    blurred = cv2.GaussianBlur(image, (0, 0), 1.0)
    return np.asarray(np.clip(0.8 * blurred + 40 + noise, 0, 255), dtype=np.uint8)


def stamp(image: Picture) -> Picture:
    """Stamp a page, over what is written there."""
    page = image.copy()
    cv2.rectangle(page, (250, 300), (440, 380), (90, 90, 90), 5)
    cv2.putText(page, "RECEIVED", (262, 352), cv2.FONT_HERSHEY_DUPLEX, 1.1, (90, 90, 90), 3)
    return page


EDITS: dict[str, Callable[[Picture], Picture]] = {
    "saved smaller": lambda image: save_again(shrink(image, 0.6)),
    "cut": lambda image: save_again(cut(image, 0.6)),
    "mirrored": lambda image: save_again(image[:, ::-1]),
    "turned 90°": lambda image: save_again(np.rot90(image)),
    "mirrored and cut": lambda image: save_again(cut(image[:, ::-1], 0.6)),
    "tilted": lambda image: save_again(tilt(image, 12)),
    "spoilt": spoil,
}


class Contents:
    """Pictures as the search reads them.

    Attributes:
        table: sha256, width_px, height_px, perceptual_hash, is_new; the n-th picture is called f"{n:03d}".
    """

    def __init__(self, pictures: Sequence[Picture]):
        self.table = pd.DataFrame(
            {
                "sha256": [f"{number:03d}" for number in range(len(pictures))],
                "width_px": [picture.shape[1] for picture in pictures],
                "height_px": [picture.shape[0] for picture in pictures],
                "perceptual_hash": [hash_perceptually(np.ascontiguousarray(picture)) for picture in pictures],
                "is_new": True,
            }
        )
        self._keypoints = {f"{n:03d}": describe_keypoints(picture) for n, picture in enumerate(pictures)}

    def read_keypoints(self, sha256: Sequence[str]) -> list[bytes]:
        return [self._keypoints[name] for name in sha256]
