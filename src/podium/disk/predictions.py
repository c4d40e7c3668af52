"""How many bytes image stores, surveys and trained folds are going to take, known just before they are written.

A prediction is meant never to fall short and seldom to be twice the truth; tests hold it against real files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from podium.disk.room import Need

if TYPE_CHECKING:
    from podium.vision.footprint import Footprint
    from podium.vision.input_spec import InputSpec

INDEX_ROW_BYTES = 320
"""Of a file in the index of an image store: a path, its times, two hashes."""

TABLE_BYTES = 24_000
"""Of a Parquet table without rows: its schema, and statistics of each column."""

_MARGIN = 1.1
_KEYPOINT_BYTES = 144
_JPEG_BYTES = 900  # headers and tables of two files, and the row's properties
# Bytes a pixel of JPEG files of these qualities: twice what 200 faces and pages of scans took, and what small noisy
# pictures did.
_THUMBNAIL_BYTES_A_PX, _GRAY_BYTES_A_PX = 0.4, 0.2


def predict_image_store(
    folder: Path, root: Path, paths: Iterable[str], spec: "InputSpec", max_pixels: int
) -> list[Need]:
    """Say what bringing an image store up to date will add: a row for each picture that it does not have yet.

    Copies of one picture share a row; that is found out only when they are read, so each counts.

    Args:
        folder: Of the store; it may not be there yet.
        root: The competition's folder.
        paths: The competition's files below ``root``.
        spec: How pictures become rows.
        max_pixels: The limit under which they are decoded.
    """
    from podium.vision.source_files import stamp_file
    from podium.vision.store_index import DamagedIndexError, list_files, read_index

    try:
        known = list_files(read_index(folder)[1])
    except (OSError, DamagedIndexError):
        known = {}
    n_paths = n_new = 0
    for path in paths:
        file = known.get(path)
        is_known = file is not None and file.content.is_valid_for(max_pixels)
        n_new += not (is_known and file is not None and stamp_file(root / path) == file.stamp)
        n_paths += 1
    if not n_new:
        return []
    height, width = spec.size_px
    index = 2 * (INDEX_ROW_BYTES * (n_paths + len(known)) + TABLE_BYTES)  # the new one is written beside the old one
    return [
        Need(f"decoded pictures ({n_new} of {height}x{width} px)", folder, n_new * height * width * 3),
        Need("index of the image store", folder, index),
    ]


def predict_survey(folder: Path, images: pd.DataFrame) -> list[Need]:
    """Say what bringing a survey up to date will add: a thumbnail, keypoints and a gray copy of each new picture.

    Args:
        folder: Of the survey; it may not be there yet. What it took for the pictures that it knows tells what it will
            take for more; without any, their sizes in pixels do.
        images: sha256, width_px and height_px of every image.
    """
    from podium.survey.shelf import DamagedPartError, list_parts, read_contents

    known: set[str] = set()
    n_bytes = 0
    for part in list_parts(folder):
        try:
            known.update(read_contents(part))
        except DamagedPartError:  # made anew
            continue
        n_bytes += part.stat().st_size
    new = images.drop_duplicates("sha256")
    new = new[~new["sha256"].isin(known)]
    if new.empty:
        return []
    each = n_bytes / len(known) if known else _predict_survey_row(new)
    return [Need(f"survey of {len(new)} pictures", folder, round(_MARGIN * each * len(new)))]


def _predict_survey_row(images: pd.DataFrame) -> float:
    """Return the mean bytes of a picture in a survey, by what pictures of that many pixels took."""
    from podium.survey.keypoints import GRAY_PX, N_MOST
    from podium.survey.thumbnails import THUMBNAIL_PX

    height, width = (images[name].astype("float64") for name in ("height_px", "width_px"))
    longer = pd.concat([height, width], axis=1).max(axis=1)

    def count_pixels(longest_px: int) -> pd.Series:
        return height * width * (longest_px / longer.clip(lower=longest_px)) ** 2

    pixels = _THUMBNAIL_BYTES_A_PX * count_pixels(THUMBNAIL_PX) + _GRAY_BYTES_A_PX * count_pixels(GRAY_PX)
    return float(pixels.mean()) + N_MOST * _KEYPOINT_BYTES + _JPEG_BYTES


@dataclass(frozen=True)
class FoldsToTrain:
    """What is still to be trained of a member.

    Attributes:
        checkpoint_dirs: Of each of its folds that is not finished, in the order of training; those of an interrupted
            fold hold files already.
        weights_dir: Where the final weights will lie.
        tables_dir: Where the tables will lie.
        tracking_dir: Where this machine keeps what MLflow is told, weights included; None where a server does.
        trains: Whether the recipe trains anything itself, so that there are checkpoints.
        n_images: Training and test images.
        n_classes: Columns of probabilities.
        n_epochs: Rows of a fold's history, at most.
    """

    checkpoint_dirs: tuple[Path, ...]
    weights_dir: Path
    tables_dir: Path
    tracking_dir: Path | None
    trains: bool
    n_images: int
    n_classes: int
    n_epochs: int


def predict_training(folds: FoldsToTrain, footprint: "Footprint") -> list[Need]:
    """Say what training the rest of a member will add at most.

    One fold at a time has checkpoints: the best epoch's weights, and all that it takes to go on, the new one written
    beside the old one. Each fold leaves weights and tables behind; so does MLflow, where it writes to this machine.
    """
    n_folds = len(folds.checkpoint_dirs)
    if not n_folds:
        return []
    needs = []
    if folds.trains:
        first = folds.checkpoint_dirs[0]
        there = sum(file.stat().st_size for file in first.glob("*.ckpt")) if first.is_dir() else 0
        peak = footprint.best_bytes + 2 * footprint.last_bytes
        needs.append(Need("checkpoints of the fold in training", first, max(peak - there, footprint.last_bytes)))
    told = "1 fold" if n_folds == 1 else f"{n_folds} folds"
    needs.append(Need(f"weights of {told}", folds.weights_dir, n_folds * footprint.weights_bytes))
    if folds.tracking_dir is not None:
        copies = n_folds * footprint.weights_bytes
        needs.append(Need("their copies in MLflow's files", folds.tracking_dir, copies))
    rows = folds.n_images * (4 * folds.n_classes + 150) + 150 * folds.n_epochs
    needs.append(Need("probabilities and history", folds.tables_dir, n_folds * (3 * TABLE_BYTES + rows)))
    return needs
