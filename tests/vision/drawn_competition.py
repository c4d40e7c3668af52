"""What the tests of the image store share: a competition to fill a store from, files of every fault, full disks."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from podium.vision.decoding import decode_image, hash_perceptually
from podium.vision.image_store import Filled, ImageStore, fill_store
from podium.vision.input_spec import InputSpec

SIZE_PX = (12, 16)
SPEC = InputSpec(*SIZE_PX, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
ROW_BYTES = 12 * 16 * 3


class DrawnCompetition:
    """A folder of pictures, a store beside it, and a count of what was decoded."""

    def __init__(self, folder: Path):
        self.root, self.store = folder / "대회", folder / "store" / SPEC.preparation
        self.calls: list[int] = []  # one entry a decoded image; appending is safe from threads

    @property
    def n_calls(self) -> int:
        return len(self.calls)

    def draw(self, path: str, seed: int, shape: tuple[int, int] = (30, 40)) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        return path

    def fill(self, paths: list[str], **options: Any) -> Filled:
        settings = {"spec": SPEC, "max_pixels": 10**6, "n_jobs": 2, "progress": False}
        return fill_store(self.store, self.root, paths, **{**settings, **options})

    def check(self, filled: Filled) -> None:
        """Compare every readable file of a result with the file itself."""
        good = filled.table[filled.table["error"].isna()]
        store = ImageStore(self.store)
        rows = store.rows_of(good["sha256"])
        for pixels, file in zip(store.read_rows(rows).astype(int), good.itertuples(), strict=True):
            data = (self.root / file.path).read_bytes()
            image = decode_image(data, 10**9)
            assert file.sha256 == hashlib.sha256(data).hexdigest()
            assert (file.height_px, file.width_px, file.n_bytes) == (*image.shape[:2], len(data))
            assert file.perceptual_hash == hash_perceptually(image)
            np.testing.assert_allclose(pixels, resize_plainly(image), atol=1)

    def read_index(self) -> pd.DataFrame:
        return pq.read_table(self.store / "index.parquet").to_pandas()

    def find_pixels(self) -> Path:
        (file,) = self.store.glob("pixels-*.u8")
        return file


def resize_plainly(image: np.ndarray) -> np.ndarray:
    """Do what ``SPEC`` says by Pillow alone, which a picture of this size is just small enough for."""
    return np.asarray(Image.fromarray(image).resize(SIZE_PX[::-1], Image.Resampling.BICUBIC))


def write_bad_files(root: Path) -> dict[str, str]:
    """Write one file of each kind of fault; give the beginnings of the reasons."""
    root.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    png = cv2.imencode(".png", noise)[1].tobytes()
    contents = {
        "empty.jpg": (b"", "empty file"),
        "short.jpg": (jpeg[: len(jpeg) // 2], "truncated: "),
        "short.png": (png[: len(png) // 2], "truncated: "),
        "text.jpg": (b"a letter", "not an image"),
        "damaged.png": (png[:200] + b"!" + png[201:], "damaged: "),
        "large.png": (cv2.imencode(".png", np.zeros((1001, 1000), np.uint8))[1].tobytes(), "is 1000 x 1001 px"),
    }
    for name, (data, _) in contents.items():
        (root / name).write_bytes(data)
    return {name: reason for name, (_, reason) in contents.items()}


def fail_after(n_calls: int, code: int, real: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Stand in for ``real``: fail like the operating system with ``code``, after so many calls that succeed."""
    calls: list[int] = []

    def fail(*arguments: Any, **options: Any) -> Any:
        calls.append(0)
        if real is None or len(calls) > n_calls:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    return fail
