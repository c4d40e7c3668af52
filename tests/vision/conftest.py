"""A small competition, drawn for each test."""

from pathlib import Path

import numpy as np
import pytest

from podium.vision import store_filler
from podium.vision.decoding import decode_image
from vision.drawn_competition import DrawnCompetition


@pytest.fixture
def competition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DrawnCompetition:
    """A competition without pictures, counting what is decoded."""
    drawn = DrawnCompetition(tmp_path)

    def count(data: bytes, max_pixels: int) -> np.ndarray:
        drawn.calls.append(len(data))
        return decode_image(data, max_pixels)

    monkeypatch.setattr(store_filler, "decode_image", count)
    return drawn


@pytest.fixture
def ten(competition: DrawnCompetition) -> list[str]:
    """Ten different pictures, drawn."""
    return [competition.draw(f"train/{number}.png", number) for number in range(10)]
