"""Predicted probabilities, against a model whose answer is known for each view."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from podium.vision.image_store import ImageStore, fill_store
from podium.vision.predict import predict_probabilities

FLIPS = ("none", "horizontal", "vertical", "both")


class CornerReader(nn.Module):
    """Logits from the four corners of a picture, so that every flip gives another answer."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1], 0]
        return corners.float() / 50


@pytest.fixture
def store(tmp_path: Path) -> tuple[ImageStore, np.ndarray]:
    rng = np.random.default_rng(2)
    names = [f"{i}.png" for i in range(11)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / name)
    filled = fill_store(
        folder=tmp_path / "s", root=tmp_path, paths=names, size_px=(8, 8), resize="stretch", max_pixels=10**6,
        n_jobs=1, progress=False,
    )  # fmt: skip
    opened = ImageStore(tmp_path / "s")
    return opened, opened.rows_of(filled.table["sha256"])


def predict(store: ImageStore, rows: np.ndarray, flips: tuple[str, ...], batch_size: int = 4) -> np.ndarray:
    return predict_probabilities(
        CornerReader(), store, rows, flips, 4, batch_size, torch.device("cpu"), torch.float32  # type: ignore[arg-type]
    )  # fmt: skip


def expect(pixels: np.ndarray, flips: tuple[str, ...]) -> np.ndarray:
    views = {
        "none": pixels,
        "horizontal": pixels[:, :, ::-1],
        "vertical": pixels[:, ::-1],
        "both": pixels[:, ::-1, ::-1],
    }
    total = np.zeros((len(pixels), 4))
    for flip in flips:
        view = views[flip].astype(np.float64)
        logits = np.stack([view[:, 0, 0, 0], view[:, 0, -1, 0], view[:, -1, 0, 0], view[:, -1, -1, 0]], axis=1) / 50
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        total += powers / powers.sum(axis=1, keepdims=True)
    return total / len(flips)


@pytest.mark.parametrize("flips", [("none",), ("none", "horizontal"), FLIPS])
def test_probabilities_are_the_mean_over_the_views_in_the_order_of_the_rows(
    store: tuple[ImageStore, np.ndarray], flips: tuple[str, ...]
) -> None:
    opened, rows = store
    order = rows[[3, 0, 10, 7, 1, 2]]
    result = predict(opened, order, flips)
    assert result.dtype == np.float32
    assert result == pytest.approx(expect(np.asarray(opened.pixels[order]), flips), abs=1e-6)
    assert result.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-6)


def test_the_batch_size_changes_nothing(store: tuple[ImageStore, np.ndarray]) -> None:
    opened, rows = store
    assert np.array_equal(predict(opened, rows, FLIPS, 1), predict(opened, rows, FLIPS, 100))


def test_no_rows_give_no_probabilities(store: tuple[ImageStore, np.ndarray]) -> None:
    assert predict(store[0], np.array([], dtype=np.int64), ("none",)).shape == (0, 4)
