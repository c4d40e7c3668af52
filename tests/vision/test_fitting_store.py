"""A store is opened by the recipe that it was made for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from podium.errors import InputError
from podium.vision.fitting_store import open_store
from podium.vision.image_store import fill_store
from podium.vision.input_spec import InputSpec

SPEC = InputSpec(16, 12, "pad", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of one picture, 16x12 px, padded."""
    Image.fromarray(np.full((20, 20, 3), 9, dtype=np.uint8)).save(tmp_path / "그림.png")
    folder = tmp_path / "저장소"
    fill_store(folder, tmp_path, ["그림.png"], spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False)
    return folder


def test_fitting_store_is_opened_and_says_how_it_was_made(folder: Path) -> None:
    store = open_store(folder, SPEC)
    assert (store.size_px, store.preparation) == ((16, 12), "16x12-pad-bicubic")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"height_px": 12, "width_px": 16}, "12x16-pad-bicubic"),
        ({"width_px": 16}, "16x16-pad-bicubic"),
        ({"resize": "crop"}, "16x12-crop-bicubic"),
        ({"interpolation": "bilinear"}, "16x12-pad-bilinear"),
        ({"center_crop_px": (18, 14)}, "16x12-pad-bicubic-center18x14"),
    ],
)
def test_store_that_was_prepared_in_another_way_is_refused(folder: Path, change: dict[str, Any], wanted: str) -> None:
    with pytest.raises(InputError, match="The image store was made for another recipe") as error:
        open_store(folder, replace(SPEC, **change))
    assert error.value.cases == [
        f"input: the recipe wants {wanted}, the store holds 16x12-pad-bicubic; "
        "kedro run --pipeline train makes the one it needs"
    ]


def test_mean_and_std_are_no_part_of_the_store(folder: Path) -> None:
    open_store(folder, replace(SPEC, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)))


def test_missing_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run ingestion first"):
        open_store(tmp_path / "없음", SPEC)
