"""Predicted probabilities, against numpy's own turns, OpenCV's resize and scipy's softmax."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
import scipy.special
import torch
from PIL import Image
from torch import nn

from podium.errors import InputError
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.predict import predict_probabilities, require_views, view_images
from podium.vision.recipe import Recipe, View

VIEWS: tuple[View, ...] = get_args(View)
CROPS = [view for view in VIEWS if view.startswith("crop_")]
SPEC = InputSpec(8, 8, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


class CornerReader(nn.Module):
    """Logits from the four corners of a picture, so that every view gives another answer."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1], 0]
        return corners.float() / 50


@pytest.fixture
def store(tmp_path: Path) -> tuple[ImageStore, np.ndarray]:
    rng = np.random.default_rng(2)
    names = [f"{i}.png" for i in range(11)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / name)
    filled = fill_store(tmp_path / "s", tmp_path, names, spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False)
    opened = ImageStore(tmp_path / "s")
    return opened, opened.rows_of(filled.table["sha256"])


def predict(store: ImageStore, rows: np.ndarray, views: Sequence[View], batch_size: int = 4) -> np.ndarray:
    return predict_probabilities(
        CornerReader(), store, rows, views, 4, batch_size, torch.device("cpu"), torch.float32
    )  # fmt: skip


def cut_and_enlarge(image: np.ndarray, top: int, left: int) -> np.ndarray:
    """Cut 7/8 of each side out, and bring it back to its size by OpenCV."""
    height, width = image.shape[0] * 7 // 8, image.shape[1] * 7 // 8
    cut = np.ascontiguousarray(image[top : top + height, left : left + width]).astype(np.float32)
    return np.rint(cv2.resize(cut, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def show(image: np.ndarray, view: View) -> np.ndarray:
    """One image, (height, width, 3), seen in another way by numpy."""
    below, beside = image.shape[0] // 8, image.shape[1] // 8
    seen = {
        "none": image,
        "horizontal": np.fliplr(image),
        "vertical": np.flipud(image),
        "turn_90": np.rot90(image),
        "turn_180": np.rot90(image, 2),
        "turn_270": np.rot90(image, -1),
        "transpose": np.swapaxes(image, 0, 1),
        "transverse": np.flipud(np.fliplr(np.swapaxes(image, 0, 1))),
        "crop_center": cut_and_enlarge(image, below // 2, beside // 2),
        "crop_top_left": cut_and_enlarge(image, 0, 0),
        "crop_top_right": cut_and_enlarge(image, 0, beside),
        "crop_bottom_left": cut_and_enlarge(image, below, 0),
        "crop_bottom_right": cut_and_enlarge(image, below, beside),
    }
    return seen[view]


def expect(pixels: np.ndarray, views: Sequence[View]) -> np.ndarray:
    probabilities = np.zeros((len(pixels), 4))
    for number, image in enumerate(pixels):
        for view in views:
            seen = show(image, view).astype(np.float64)
            corners = [seen[0, 0, 0], seen[0, -1, 0], seen[-1, 0, 0], seen[-1, -1, 0]]
            probabilities[number] += scipy.special.softmax(np.array(corners) / 50) / len(views)
    return probabilities


@pytest.mark.parametrize("views", [*((view,) for view in VIEWS), ("none", "horizontal"), VIEWS], ids="+".join)
def test_probabilities_are_the_mean_over_the_views_in_the_order_of_the_rows(
    store: tuple[ImageStore, np.ndarray], views: tuple[View, ...]
) -> None:
    opened, rows = store
    order = rows[[3, 0, 10, 7, 1, 2]]
    result = predict(opened, order, views)
    assert result.dtype == np.float32
    assert result == pytest.approx(expect(opened.read_rows(order), views), abs=1e-6)
    assert result.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-6)


def test_the_batch_size_changes_nothing(store: tuple[ImageStore, np.ndarray]) -> None:
    opened, rows = store
    assert np.array_equal(predict(opened, rows, VIEWS, 1), predict(opened, rows, VIEWS, 100))


def test_no_rows_give_no_probabilities(store: tuple[ImageStore, np.ndarray]) -> None:
    assert predict(store[0], np.array([], dtype=np.int64), ("none",)).shape == (0, 4)


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
