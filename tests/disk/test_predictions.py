"""What is predicted is enough, and not twice what it takes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from podium.disk.predictions import FoldsToTrain, predict_image_store, predict_survey, predict_training
from podium.disk.room import sum_up
from podium.survey import fill_survey
from podium.vision.footprint import Footprint
from podium.vision.image_store import fill_store
from podium.vision.input_spec import InputSpec

SPEC = InputSpec(48, 64, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
MOST = 10**7


def draw(root: Path, n: int, size: tuple[int, int] = (400, 300)) -> list[str]:
    """Draw pictures with the grain and the edges of photographs."""
    rng = np.random.default_rng(3)
    for number in range(n):
        coarse = rng.integers(0, 256, (size[1] // 20, size[0] // 20, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize(size, Image.Resampling.NEAREST).filter(ImageFilter.GaussianBlur(2))
        noisy = np.asarray(picture).astype(int) + rng.normal(0, 4, (size[1], size[0], 3))
        (root / f"{number}.png").parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(root / f"{number}.png")
    return [f"{number}.png" for number in range(n)]


def count_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def fill(store: Path, root: Path, paths: list[str]) -> pd.DataFrame:
    filled = fill_store(store, root, paths, spec=SPEC, max_pixels=MOST, n_jobs=1, progress=False)
    return filled.table


def test_image_store_takes_what_was_predicted_and_only_what_is_new_counts(tmp_path: Path) -> None:
    root, store = tmp_path / "대회", tmp_path / "store"
    paths = draw(root, 30, (60, 40))
    predicted = sum_up(predict_image_store(store, root, paths[:20], SPEC, MOST))
    fill(store, root, paths[:20])
    assert count_bytes(store) <= predicted <= 2 * count_bytes(store)
    assert predict_image_store(store, root, paths[:20], SPEC, MOST) == []
    more = predict_image_store(store, root, paths, SPEC, MOST)
    assert more[0].n_bytes == 10 * 48 * 64 * 3
    (root / "0.png").touch()
    assert predict_image_store(store, root, paths, SPEC, MOST)[0].n_bytes == 11 * 48 * 64 * 3


def test_damaged_store_is_predicted_as_a_new_one(tmp_path: Path) -> None:
    root, store = tmp_path / "대회", tmp_path / "store"
    paths = draw(root, 4, (60, 40))
    fill(store, root, paths)
    (store / "index.parquet").write_bytes(b"damaged")
    assert predict_image_store(store, root, paths, SPEC, MOST)[0].n_bytes == 4 * 48 * 64 * 3


@pytest.mark.parametrize("size", [(300, 224), (60, 44), (640, 480)])
def test_survey_takes_what_was_predicted(tmp_path: Path, size: tuple[int, int]) -> None:
    root, folder = tmp_path / "대회", tmp_path / "조사"
    images = fill(tmp_path / "store", root, draw(root, 6, size))
    predicted = sum_up(predict_survey(folder, images))
    paths = dict(zip(images["sha256"], images["path"], strict=True))
    fill_survey(folder, root, paths, max_pixels=MOST, n_jobs=1, progress=False)
    assert count_bytes(folder) <= predicted <= 2 * count_bytes(folder)
    assert predict_survey(folder, images) == []


def test_survey_learns_from_what_it_holds(tmp_path: Path) -> None:
    root, folder = tmp_path / "대회", tmp_path / "조사"
    images = fill(tmp_path / "store", root, draw(root, 12, (100, 80)))
    paths = dict(zip(images["sha256"], images["path"], strict=True))
    fill_survey(folder, root, dict(list(paths.items())[:6]), max_pixels=MOST, n_jobs=1, progress=False)
    before = count_bytes(folder)
    (need,) = predict_survey(folder, images)
    fill_survey(folder, root, paths, max_pixels=MOST, n_jobs=1, progress=False)
    assert count_bytes(folder) - before <= need.n_bytes <= 1.3 * (count_bytes(folder) - before)


FOOTPRINT = Footprint(weights_bytes=10**6, best_bytes=2 * 10**6, last_bytes=4 * 10**6)


def make_folds(tmp_path: Path, n: int = 3, **changes: Any) -> FoldsToTrain:
    values: dict[str, Any] = {
        "checkpoint_dirs": tuple(tmp_path / f"fold_{fold}" / "checkpoints" for fold in range(n)),
        "weights_dir": tmp_path, "tables_dir": tmp_path, "tracking_dir": None, "trains": True,
        "n_images": 0, "n_classes": 2, "n_epochs": 1,
    }  # fmt: skip
    return FoldsToTrain(**{**values, **changes})


def get_parts(folds: FoldsToTrain) -> dict[str, int]:
    return {need.part: need.n_bytes for need in predict_training(folds, FOOTPRINT)}


def test_one_fold_at_a_time_has_checkpoints_and_each_leaves_weights(tmp_path: Path) -> None:
    parts = get_parts(make_folds(tmp_path, tracking_dir=tmp_path))
    assert parts["checkpoints of the fold in training"] == 2 * 10**6 + 2 * 4 * 10**6
    assert parts["weights of 3 folds"] == parts["their copies in MLflow's files"] == 3 * 10**6


def test_interrupted_fold_needs_only_what_it_has_not_got(tmp_path: Path) -> None:
    folds = make_folds(tmp_path)
    folder = folds.checkpoint_dirs[0]
    folder.mkdir(parents=True)
    for name, n_bytes in (("best.ckpt", 2 * 10**6), ("last.ckpt", 4 * 10**6)):
        (folder / name).write_bytes(bytes(n_bytes))
    assert get_parts(folds)["checkpoints of the fold in training"] == 4 * 10**6
    shutil.rmtree(folder)
    assert get_parts(folds)["checkpoints of the fold in training"] == 10 * 10**6


def test_finished_member_needs_nothing_and_a_join_no_checkpoints(tmp_path: Path) -> None:
    assert predict_training(make_folds(tmp_path, n=0), FOOTPRINT) == []
    assert "checkpoints of the fold in training" not in get_parts(make_folds(tmp_path, trains=False))
