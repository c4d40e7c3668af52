"""Views of images, against numpy's own turns and OpenCV's resize."""

from typing import get_args

import numpy as np
import pytest
import torch

from podium.errors import InputError
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe, View
from podium.vision.views import require_views, view_images
from vision.shown_by_numpy import show

VIEWS: tuple[View, ...] = get_args(View)
CROPS = [view for view in VIEWS if view.startswith("crop_")]
SPEC = InputSpec(8, 8, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size_px", [(32, 32), (16, 48), (64, 8)])
def test_every_view_shows_the_whole_batch_as_numpy_does(view: View, size_px: tuple[int, int]) -> None:
    images = np.random.default_rng(3).integers(0, 256, (3, *size_px, 3), dtype=np.uint8)
    seen = view_images(torch.from_numpy(images), view)
    assert (seen.dtype, seen.is_contiguous()) == (torch.uint8, True)
    expected = np.stack([show(image, view) for image in images])
    # Values halfway between two levels may round either way.
    np.testing.assert_allclose(seen.numpy().astype(float), expected, atol=1 if view in CROPS else 0)


@pytest.mark.parametrize("view", CROPS)
@pytest.mark.parametrize("size_px", [(1, 1), (9, 13), (127, 33)])
def test_crops_keep_the_size_and_a_flat_colour(view: View, size_px: tuple[int, int]) -> None:
    images = torch.full((2, *size_px, 3), 77, dtype=torch.uint8)
    assert torch.equal(view_images(images, view), images)


def test_views_that_swap_the_sides_are_refused_for_a_long_input() -> None:
    recipe = Recipe(name="mine", test_time_views=VIEWS)
    with pytest.raises(InputError, match="Views do not fit the input") as error:
        require_views(recipe, InputSpec(8, 12, "stretch", SPEC.mean, SPEC.std))
    assert [case.split("'")[1] for case in error.value.cases] == ["turn_90", "turn_270", "transpose", "transverse"]
    assert error.value.cases[0] == (
        "recipes.mine.test_time_views: 'turn_90' swaps the sides of an input of 8x12 px; leave it out, or make "
        "input.size_px square"
    )


@pytest.mark.parametrize(
    ("views", "size_px"), [(VIEWS, (8, 8)), (("none", "turn_180", "horizontal", "vertical", *CROPS), (8, 12))]
)
def test_other_views_fit(views: tuple[View, ...], size_px: tuple[int, int]) -> None:
    require_views(Recipe(name="r", test_time_views=views), InputSpec(*size_px, "stretch", SPEC.mean, SPEC.std))
