"""A few drawn pictures on the disk, and the survey of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from podium.survey import Survey, Surveyed, fill_survey, filler


@dataclass
class Pictures:
    """A folder of pictures with Korean names, and a survey of it."""

    root: Path
    folder: Path

    def draw(self, name: str, seed: int, size: tuple[int, int] = (40, 30)) -> str:
        """Draw a picture of plain and noisy patches, (width, height) px; return its SHA-256."""
        rng = np.random.default_rng(seed)
        width, height = size
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        pixels[: height // 2] = rng.integers(0, 256, 3, dtype=np.uint8)
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def fill(self, paths: dict[str, str], n_jobs: int = 2, max_pixels: int = 10**6) -> Surveyed:
        return fill_survey(self.folder, self.root, paths, max_pixels=max_pixels, n_jobs=n_jobs, progress=False)

    def open(self) -> Survey:
        return Survey(self.folder)

    @property
    def parts(self) -> list[Path]:
        return sorted(self.folder.glob("*"))


@pytest.fixture
def quick_keypoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a few bytes in place of keypoints, which take most of the time and have tests of their own."""
    monkeypatch.setattr(filler, "describe_keypoints", lambda image: image[:2].tobytes())


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "사진", tmp_path / "조사")


@pytest.fixture
def ten(pictures: Pictures) -> dict[str, str]:
    """Draw ten pictures; a path for each SHA-256."""
    names = [f"훈련/{number}.png" for number in range(10)]
    return {pictures.draw(name, seed): name for seed, name in enumerate(names)}
