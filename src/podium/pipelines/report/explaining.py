"""What a model looked at: heat maps of the training images that went most wrong."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from kedro.io.core import DatasetError

from podium.datasets.trained_members import TrainedMembers
from podium.ensembling.criteria import log_losses
from podium.errors import InputError
from podium.pipelines.report.members import Reported
from podium.vision.input_spec import InputSpec

HEAT_MAP_SIDE = 64
BATCH_SIZE = 16

Map = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Compute = Callable[[dict[str, Any], npt.NDArray[np.uint8], npt.NDArray[np.int64]], Map]
"""From weights, pixels (n, height, width, 3) and classes (n,) to maps (n, h, w)."""


@dataclass(frozen=True)
class HeatMaps:
    """What a model looked at.

    Attributes:
        member: Whose model it is; ``''`` where there are none.
        maps: By image_id, uint8 (height, width) over the whole picture.
        notes: Why there are none, or why another member than the best one speaks, in sentences.
    """

    member: str = ""
    maps: dict[str, Map] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def keep(self, image_ids: Iterable[str]) -> "HeatMaps":
        """Return those of some images alone."""
        wanted = set(image_ids)
        return replace(self, maps={name: heat_map for name, heat_map in self.maps.items() if name in wanted})


def list_worst(reported: Reported, n_worst: int) -> pd.DataFrame:
    """List the held-out images with the largest loss: image_id, fold, label, and predicted (of the main speaker)."""
    said = reported.get_oof(reported.main)
    table = reported.members.images[["image_id", "fold", "label"]].assign(
        predicted=said.argmax(axis=1), loss=log_losses(said, reported.labels)
    )
    return table.sort_values(["loss", "image_id"], ascending=[False, True], ignore_index=True).head(n_worst)


def find_obstacle(reported: Reported, name: str, trained: TrainedMembers, store_dir: Path) -> str:
    """Say why a member of ours cannot be asked: weights of a fold or pictures of its size are missing.

    Args:
        reported: Members, their folds and headers.
        name: The member.
        trained: Where weights are.
        store_dir: Where image stores lie, one a preparation.

    Returns:
        What is wrong, as the end of a sentence; ``''``: nothing that can be seen from outside.
    """
    folds = sorted(reported.members.images["fold"].unique())
    missing = [str(fold) for fold in folds if f"{name}/fold_{fold}" not in trained.weights]
    header = reported.headers[name]
    if missing:
        of_folds = "" if len(missing) == len(folds) else f" of fold {' and '.join(missing)}"
        return f"its weights{of_folds} are not on this machine"
    if header is None:
        return "its weights are damaged"
    if "input_spec" not in header:
        return "it joins others and has no network of its own"
    folder = store_dir / InputSpec.from_dict(header["input_spec"]).preparation
    return "" if folder.is_dir() else f"its pictures ({folder.name}) are not kept on this machine"


def explain_worst(
    worst: pd.DataFrame, member: str, trained: TrainedMembers, images: pd.DataFrame, store_dir: Path, compute: Compute
) -> dict[str, Map]:
    """Ask, for each image, the model that was not trained on it why it would be of its predicted class.

    Args:
        worst: See :func:`list_worst`.
        member: Whose models.
        trained: Where their weights are.
        images: image_id, sha256, width_px and height_px.
        store_dir: Where image stores lie.
        compute: Makes heat maps of one fold's images.

    Returns:
        By image_id, uint8 (height, width) over the whole picture, its long side 64.

    Raises:
        InputError: The image store lacks some of the images, or is damaged; or weights are.
    """
    from podium.vision.image_store import ImageStore

    known = images.set_index("image_id")
    maps: dict[str, Map] = {}
    for fold, rows in worst.groupby("fold"):
        weights = _load_weights(trained, f"{member}/fold_{fold}")
        spec = InputSpec.from_dict(weights["header"]["input_spec"])
        store = ImageStore(store_dir / spec.preparation)
        described = known.loc[rows["image_id"]]
        pixels = store.read_rows(store.rows_of(described["sha256"].tolist()))
        found = compute(weights, pixels, rows["predicted"].to_numpy(np.int64))
        sizes = zip(described["height_px"].astype(int), described["width_px"].astype(int), strict=True)
        for image_id, heat_map, size in zip(rows["image_id"], found, sizes, strict=True):
            maps[str(image_id)] = cover_picture(heat_map, spec, size)
    return maps


def _load_weights(trained: TrainedMembers, partition: str) -> dict[str, Any]:
    from podium.datasets.weights import WeightsDataset

    try:
        loaded: dict[str, Any] = WeightsDataset(filepath=trained.weights[partition].as_posix()).load()
    except DatasetError as error:
        raise InputError("Weights cannot be read:", [f"{partition}: damaged, or not written by Podium"]) from error
    return loaded


def cover_picture(heat_map: Map, spec: InputSpec, size_px: tuple[int, int]) -> Map:
    """Lay a heat map of a model's input over the whole picture, undoing what made the input of it.

    What was cut off gets 0, since the model never saw it; what was padded falls away.

    Args:
        heat_map: uint8 (h, w), over the model's input.
        spec: How the picture became the input; see :func:`podium.vision.preparation.prepare_image`.
        size_px: Height and width of the upright picture.

    Returns:
        uint8 (height, width), shaped like the picture, its long side 64.
    """
    scale = HEAT_MAP_SIDE / max(size_px)
    seen_px = _cut(size_px, spec.center_crop_px) if spec.center_crop_px else size_px
    if spec.resize == "crop":
        ratio = max(spec.height_px / seen_px[0], spec.width_px / seen_px[1])
        seen_px = _cut(seen_px, (round(spec.height_px / ratio), round(spec.width_px / ratio)))
    ratios = [to / part for to, part in zip(spec.size_px, seen_px, strict=True)]
    inner_px = [part * min(ratios) for part in seen_px] if spec.resize == "pad" else list(spec.size_px)
    weights = [
        _weigh_axis(max(1, round(full * scale)), n, seen / full, inner / to)
        for full, n, seen, inner, to in zip(size_px, heat_map.shape, seen_px, inner_px, spec.size_px, strict=True)
    ]
    return np.asarray(np.rint(weights[0] @ heat_map.astype(np.float64) @ weights[1].T), dtype=np.uint8)


def _cut(size_px: Sequence[int], to_px: Sequence[int]) -> tuple[int, int]:
    return min(size_px[0], to_px[0]), min(size_px[1], to_px[1])


def _weigh_axis(n_out: int, n_in: int, seen_share: float, inner_share: float) -> Floats:
    """Weigh the cells of a map for each point along one axis of the picture, linearly between their centres.

    Args:
        n_out: Points of the result.
        n_in: Cells of the map.
        seen_share: Share of the picture, around its middle, that the model saw.
        inner_share: Share of the input, around its middle, that shows the picture.

    Returns:
        float64 (n_out, n_in); rows sum to 1, or to 0 where the model saw nothing.
    """
    of_seen = ((np.arange(n_out) + 0.5) / n_out - 0.5) / seen_share  # -0.5 to 0.5 within what was seen
    places = (of_seen * inner_share + 0.5) * n_in - 0.5
    weights = np.stack([np.interp(places, np.arange(n_in), cell) for cell in np.eye(n_in)], axis=1)
    weights[np.abs(of_seen) > 0.5] = 0.0
    return weights


def explain_or_say_why_not(
    reported: Reported, trained: TrainedMembers, images: pd.DataFrame, n_worst: int, store_dir: Path, compute: Compute
) -> HeatMaps:
    """Make heat maps of the worst images by the best member that can be asked; a report goes on without them.

    What stops a member may show only when its weights and pictures are read; then the next one is asked.
    """
    if not n_worst:
        return HeatMaps()
    worst = list_worst(reported, n_worst)
    notes: list[str] = []
    for name in reported.order:
        if name not in reported.headers:
            continue  # a teammate's
        obstacle = find_obstacle(reported, name, trained, store_dir)
        if not obstacle:
            try:
                return HeatMaps(name, explain_worst(worst, name, trained, images, store_dir, compute), notes)
            except InputError as error:
                obstacle = f"{error.heading} {'; '.join(error.cases[:3])}"
        notes.append(f"No heat maps of {name}: {obstacle}.")
    return HeatMaps(notes=notes)
