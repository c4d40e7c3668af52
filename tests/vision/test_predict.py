"""Predicted probabilities, against numpy's own turns, OpenCV's resize and scipy's softmax."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import scipy.special
import torch
from PIL import Image
from torch import nn

from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.predict import predict_probabilities
from podium.vision.recipe import View
from vision.shown_by_numpy import show

VIEWS: tuple[View, ...] = get_args(View)
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
