"""Thumbnails show the whole picture, in its own proportions and colours."""

import io

import numpy as np
import pytest
from PIL import Image

from podium.survey.thumbnails import make_thumbnail, shrink


def draw_gradients(height: int, width: int) -> np.ndarray:
    """Draw a picture whose channels each rise along another way."""
    down, along = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.rint(np.stack([along, down, (along + down) / 2], axis=2) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((448, 300), (224, 150)),
        ((30, 40), (30, 40)),
        ((224, 224), (224, 224)),
        ((1, 1000), (1, 224)),
        ((900, 2), (224, 1)),
    ],
)
def test_long_side_has_at_most_224_pixels_and_small_pictures_stay(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert np.asarray(Image.open(io.BytesIO(make_thumbnail(draw_gradients(*size))))).shape == (*expected, 3)


def test_thumbnail_has_the_colours_of_the_picture() -> None:
    image = draw_gradients(400, 500)
    thumbnail = np.asarray(Image.open(io.BytesIO(make_thumbnail(image))), dtype=int)
    reference = np.asarray(Image.fromarray(image).resize((224, 179), Image.Resampling.BOX), dtype=int)
    assert np.abs(thumbnail - reference).max() <= 6


def test_shrinking_averages_as_pillow_does() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 512, 3), dtype=np.uint8)
    reference = np.asarray(Image.fromarray(image).resize((128, 75), Image.Resampling.BOX), dtype=int)
    assert np.abs(shrink(image, 128) - reference).max() <= 1


def test_read_only_pictures_are_taken() -> None:
    image = draw_gradients(10, 10)
    image.flags.writeable = False
    assert make_thumbnail(image) == make_thumbnail(image.copy())
