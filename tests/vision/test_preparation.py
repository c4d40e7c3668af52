"""Prepared pictures, against Pillow's plain resize, numpy and arithmetic."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from podium.vision.input_spec import InputSpec
from podium.vision.preparation import prepare_image

INTERPOLATIONS = ["nearest", "bilinear", "bicubic", "lanczos"]


def make_spec(size_px: tuple[int, int], resize: str = "stretch", **options: Any) -> InputSpec:
    return InputSpec(*size_px, resize, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), **options)


def draw_photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """uint8, (height, width, 3): detail of every scale, as in a photo."""
    rng = np.random.default_rng(seed)
    photo = np.full((height, width, 3), 128.0, np.float32)
    for scale in (1, 4, 16, 64):
        noise = rng.normal(0, 25, (height // scale + 2, width // scale + 2, 3)).astype(np.float32)
        photo += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return photo.clip(0, 255).astype(np.uint8)


def resize_by_pillow(image: np.ndarray, size_px: tuple[int, int], interpolation: str) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(size_px[::-1], Image.Resampling[interpolation.upper()]))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(
    ("shape", "size_px"),
    [
        ((200, 200), (128, 128)),
        ((30, 40), (64, 64)),
        ((20, 90), (50, 40)),
        ((150, 40), (60, 60)),
        ((170, 200), (31, 34)),
    ],
)
def test_up_to_six_times_smaller_equals_pillow(
    shape: tuple[int, int], size_px: tuple[int, int], interpolation: str
) -> None:
    image = draw_photo(*shape)
    prepared = prepare_image(image, make_spec(size_px, interpolation=interpolation))
    difference = np.abs(prepared - resize_by_pillow(image, size_px, interpolation).astype(float))
    of_torch = interpolation in ("bilinear", "bicubic")  # which rounds its weights to fewer digits
    assert difference.max() <= of_torch
    assert difference.mean() < 0.3


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("shape", [(1200, 1600), (1003, 777), (641, 2003)])
def test_shrinking_more_comes_close_to_pillow(shape: tuple[int, int], interpolation: str) -> None:
    image = draw_photo(*shape)
    expected = resize_by_pillow(image, (80, 80), interpolation).astype(float)
    difference = np.abs(prepare_image(image, make_spec((80, 80), interpolation=interpolation)) - expected)
    assert difference.mean() < 0.6
    assert difference.max() <= 5
    without_antialias = cv2.resize(image, (80, 80), interpolation=cv2.INTER_LINEAR)
    assert np.abs(without_antialias - expected).mean() > 5  # so the bound above can fail


def test_nearest_takes_pixels_as_they_are_however_large_the_picture() -> None:
    image = draw_photo(1200, 1600)
    prepared = prepare_image(image, make_spec((80, 80), interpolation="nearest"))
    np.testing.assert_array_equal(prepared, image[7::15, 10::20])


@pytest.mark.parametrize("mode", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("size_px", [(1, 1), (7, 30), (64, 64)])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 200, 3), (200, 1, 3), (33, 50, 3)])
def test_every_mode_gives_the_size_and_keeps_a_flat_colour(
    mode: str, interpolation: str, size_px: tuple[int, int], shape: tuple[int, ...]
) -> None:
    flat = np.empty(shape, np.uint8)
    flat[:] = (10, 200, 90)
    prepared = prepare_image(flat, make_spec(size_px, mode, interpolation=interpolation, center_crop_px=(20, 20)))
    assert (prepared.shape, prepared.dtype, prepared.flags["C_CONTIGUOUS"]) == ((*size_px, 3), np.uint8, True)
    np.testing.assert_array_equal(prepared, np.broadcast_to(flat[:1, :1], prepared.shape))


@pytest.mark.parametrize("mode", ["stretch", "pad", "crop"])
def test_right_size_is_left_alone(mode: str) -> None:
    picture = draw_photo(36, 48)
    picture.flags.writeable = False  # as decoded pictures are
    np.testing.assert_array_equal(prepare_image(picture, make_spec((36, 48), mode)), picture)


def test_padding_keeps_the_aspect_ratio_and_takes_the_colour_of_the_rim() -> None:
    page = np.full((40, 20, 3), (250, 250, 240), np.uint8)
    page[10:30, 5:15] = draw_photo(20, 10)
    expected = np.full((20, 20, 3), (250, 250, 240), np.uint8)
    expected[:, 5:15] = resize_by_pillow(page, (20, 10), "bicubic")
    np.testing.assert_array_equal(prepare_image(page, make_spec((20, 20), "pad")), expected)


def test_cropping_keeps_the_centre() -> None:
    wide = draw_photo(10, 30)
    np.testing.assert_array_equal(prepare_image(wide, make_spec((10, 10), "crop")), wide[:, 10:20])
    tall = draw_photo(30, 10)
    np.testing.assert_array_equal(prepare_image(tall, make_spec((10, 10), "crop")), tall[10:20])


@pytest.mark.parametrize("mode", ["stretch", "pad", "crop"])
def test_centre_is_cut_out_before_resizing(mode: str) -> None:
    image = draw_photo(50, 60)
    whole = make_spec((16, 16), mode)
    cut = replace(whole, center_crop_px=(30, 20))
    np.testing.assert_array_equal(prepare_image(image, cut), prepare_image(image[10:40, 20:40], whole))


@pytest.mark.parametrize(
    ("crop_px", "part"),
    [
        ((20, 90), np.s_[15:35, :]),  # wider than the picture: only its height is cut
        ((90, 20), np.s_[:, 20:40]),
        ((50, 60), np.s_[:, :]),
        ((51, 61), np.s_[:, :]),
        ((49, 59), np.s_[0:49, 0:59]),  # of one pixel too many the last goes
    ],
)
def test_centre_is_cut_only_where_the_picture_is_larger(crop_px: tuple[int, int], part: Any) -> None:
    image = draw_photo(50, 60)
    prepared = prepare_image(image, make_spec((25, 30), center_crop_px=crop_px))
    expected = resize_by_pillow(np.ascontiguousarray(image[part]), (25, 30), "bicubic")
    np.testing.assert_allclose(prepared.astype(int), expected, atol=1)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (make_spec((4, 4), "strech"), "resize 'strech': did you mean 'stretch'"),
        (make_spec((4, 4), interpolation="bicubical"), "interpolation 'bicubical': did you mean 'bicubic'"),
    ],
)
def test_unknown_way_is_named(spec: InputSpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare_image(draw_photo(8, 8), spec)
