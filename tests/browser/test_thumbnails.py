from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from podium.browser import choose_size, shrink_thumbnails


def make_thumbnail(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def test_thumbnails_shrink_to_the_side_that_is_asked_for_and_small_ones_stay_as_they_are() -> None:
    large, small = make_thumbnail(224, 112), make_thumbnail(60, 90)
    assert shrink_thumbnails([large, small], 224) == [large, small]
    shrunk, same = shrink_thumbnails([large, small], 96)
    assert same == small
    with Image.open(BytesIO(shrunk)) as image:
        assert (image.size, image.format) == ((96, 48), "JPEG")
    assert shrink_thumbnails([large], 96) == [shrunk]


@pytest.mark.parametrize(
    ("n_images", "asked", "side"),
    [(100, None, 224), (5_000, None, 224), (5_001, None, 128), (20_000, None, 96), (100_000, None, 64), (9, 64, 64)],
)
def test_more_images_have_smaller_thumbnails(n_images: int, asked: int | None, side: int) -> None:
    assert choose_size(n_images, asked) == side


def test_shrunk_thumbnail_shows_what_pillow_makes_of_it() -> None:
    rows, columns = np.mgrid[:224, :160]
    pixels = np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    (shrunk,) = shrink_thumbnails([file.getvalue()], 96)
    reference = np.asarray(Image.fromarray(pixels).resize((69, 96), Image.Resampling.BOX), dtype=int)
    assert np.abs(np.asarray(Image.open(BytesIO(shrunk)), dtype=int) - reference).mean() < 3


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="JPEG"):
        shrink_thumbnails([b"nothing of the kind"], 96)
