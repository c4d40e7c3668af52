from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from PIL import Image

from pipelines.report.drawn_members import GOOD, MATE, POOR, make_reported
from podium.datasets.trained_members import TrainedMembers
from podium.datasets.weights import WeightsDataset
from podium.pipelines.report.explaining import (
    HEAT_MAP_SIDE,
    HeatMaps,
    cover_picture,
    explain_or_say_why_not,
    find_obstacle,
    list_worst,
)
from podium.pipelines.report.members import Reported
from podium.vision.image_store import fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.preparation import prepare_image

SPEC = InputSpec(16, 16, "stretch", (0.5,) * 3, (0.5,) * 3, "bilinear")
LARGE = replace(SPEC, height_px=96, width_px=96)


def make_map(image: np.ndarray, spec: InputSpec, n_cells: int = 12) -> npt.NDArray[np.uint8]:
    """Prepare a picture and average it over cells: what a network that looks at brightness would give."""
    shown = prepare_image(image, spec)[..., 0].astype(float)
    height, width = (side // n_cells for side in shown.shape)
    return np.asarray(shown.reshape(n_cells, height, n_cells, width).mean(axis=(1, 3)), dtype=np.uint8)


@pytest.mark.parametrize("size_px", [(192, 192), (240, 120), (120, 240)])
@pytest.mark.parametrize(
    "changes",
    [
        {"resize": "stretch"},
        {"resize": "pad"},
        {"resize": "crop"},
        {"resize": "stretch", "center_crop_px": (100, 100)},
        {"resize": "pad", "center_crop_px": (110, 60)},
        {"resize": "crop", "center_crop_px": (60, 110), "width_px": 48},
    ],
)
def test_map_lies_over_the_part_of_the_picture_that_it_came_from(
    changes: dict[str, Any], size_px: tuple[int, int]
) -> None:
    """A bright spot near the middle is found again, whatever made the input of the picture."""
    spec = replace(LARGE, **changes)
    rows, columns = np.mgrid[: size_px[0], : size_px[1]] + 0.5
    spot = (0.55 * size_px[0], 0.44 * size_px[1])
    bright = 255 * np.exp(-((rows - spot[0]) ** 2 + (columns - spot[1]) ** 2) / (2 * 12.0**2))
    covered = cover_picture(make_map(np.repeat(bright[..., None], 3, axis=2).astype(np.uint8), spec), spec, size_px)
    assert max(covered.shape) == HEAT_MAP_SIDE
    assert covered.shape[0] / covered.shape[1] == pytest.approx(size_px[0] / size_px[1], rel=0.05)
    weights = covered.astype(float) ** 2
    places = np.mgrid[: covered.shape[0], : covered.shape[1]] + 0.5
    found = [float((place * weights).sum() / weights.sum()) for place in places]
    scale = HEAT_MAP_SIDE / max(size_px)
    assert found == pytest.approx([spot[0] * scale, spot[1] * scale], abs=2.0)


def test_stretched_input_shows_the_whole_picture_and_a_cropped_one_its_middle() -> None:
    full = np.full((4, 4), 255, np.uint8)
    assert (cover_picture(full, SPEC, (64, 32)) == 255).all()
    cropped = cover_picture(full, replace(SPEC, resize="crop"), (64, 32))
    assert (cropped[16:48] == 255).all() and (cropped[:15] == 0).all() and (cropped[49:] == 0).all()
    cut = cover_picture(full, replace(SPEC, center_crop_px=(16, 16)), (64, 64))
    assert cut[32, 32] == 255 and cut.astype(bool).sum() == pytest.approx(16 * 16, abs=64)


def test_padding_falls_away() -> None:
    heat_map = np.zeros((8, 8), np.uint8)
    heat_map[:, :2] = heat_map[:, 6:] = 255  # left and right of an upright picture in the middle half
    assert (cover_picture(heat_map, replace(SPEC, resize="pad"), (64, 32))[:, 4:-4] == 0).all()


def test_worst_images_are_those_the_main_speaker_believes_least() -> None:
    reported = make_reported()
    said, labels = reported.get_oof("ensemble"), reported.labels
    chances = said[np.arange(len(labels)), labels]
    worst = list_worst(reported, 7)
    rows = reported.members.images.set_index("image_id").index.get_indexer(worst["image_id"])
    assert sorted(chances[rows]) == sorted(chances)[:7]
    assert (np.diff(chances[rows]) >= 0).all()
    assert worst["predicted"].tolist() == said[rows].argmax(axis=1).tolist()
    assert len(list_worst(reported, 10_000)) == len(labels)


def with_headers(reported: Reported, **headers: dict[str, Any] | None) -> Reported:
    return replace(reported, headers=dict(zip([GOOD, POOR], headers.values(), strict=True)))


def test_what_keeps_a_member_from_being_asked_is_named(tmp_path: Path) -> None:
    (tmp_path / SPEC.preparation).mkdir()
    reported = make_reported()
    known = {"recipe": {}, "input_spec": SPEC.to_dict()}
    whole = {f"{GOOD}/fold_{fold}": tmp_path for fold in (0, 1)}

    def find(header: dict[str, Any] | None, weights: dict[str, Path]) -> str:
        of_good = with_headers(reported, good=header, poor=None)
        return find_obstacle(of_good, GOOD, TrainedMembers(weights=weights), tmp_path)

    assert find(known, whole) == ""
    assert find(None, {}) == "its weights are not on this machine"
    assert find(known, {f"{GOOD}/fold_0": tmp_path}) == "its weights of fold 1 are not on this machine"
    assert find(None, whole) == "its weights are damaged"
    assert find({"recipe": {}}, whole) == "it joins others and has no network of its own"
    pictures = find({"recipe": {}, "input_spec": LARGE.to_dict()}, whole)
    assert pictures == f"its pictures ({LARGE.preparation}) are not kept on this machine"


@pytest.fixture
def explained(tmp_path: Path) -> tuple[Reported, TrainedMembers, pd.DataFrame, Path]:
    """Real pictures in a real store, and weights of two folds that are told apart by their one number."""
    reported = make_reported(with_ensemble=False, only=[GOOD, MATE, POOR])
    ids = reported.members.images["image_id"].tolist()
    for number, image_id in enumerate(ids):
        path = tmp_path / "사진" / image_id
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 20, 3), number, np.uint8)).save(path, "PNG")
    store = tmp_path / "store"
    filled = fill_store(
        store / SPEC.preparation, tmp_path / "사진", ids, spec=SPEC, max_pixels=10_000, n_jobs=1, progress=False
    )
    images = filled.table.rename(columns={"path": "image_id"})
    weights = {}
    header = {"recipe": {}, "input_spec": SPEC.to_dict()}
    for name, fold in product((GOOD, POOR), (0, 1)):
        path = tmp_path / "가중치" / name / f"{fold}.safetensors"
        data = {"tensors": {"w": torch.full((1,), float(fold))}, "header": header}
        WeightsDataset(filepath=path.as_posix()).save(data)
        weights[f"{name}/fold_{fold}"] = path
    return replace(reported, headers={GOOD: header, POOR: header}), TrainedMembers(weights=weights), images, store


def compute_plainly(weights: dict[str, Any], pixels: np.ndarray, targets: np.ndarray) -> npt.NDArray[np.uint8]:
    """Tell which weights, which picture and which class were given."""
    said = np.stack([np.full(len(pixels), 100 * weights["tensors"]["w"].item()), pixels[:, 0, 0, 0], targets], axis=1)
    return np.repeat(said[:, None, :], 2, axis=1).astype(np.uint8)


def test_each_image_is_explained_by_the_model_that_held_it_out(
    explained: tuple[Reported, TrainedMembers, pd.DataFrame, Path],
) -> None:
    reported, trained, images, store = explained
    found = explain_or_say_why_not(reported, trained, images, 30, store, compute_plainly)
    assert found.member == GOOD and found.notes == [] and len(found.maps) == 30
    said = reported.members.images.assign(predicted=reported.get_oof(GOOD).argmax(axis=1)).set_index("image_id")
    for image_id, heat_map in found.maps.items():
        number = list(said.index).index(image_id)
        row = said.loc[image_id]
        assert heat_map.shape == (HEAT_MAP_SIDE, HEAT_MAP_SIDE)
        assert (heat_map[0, 0], heat_map[0, -1]) == (100 * row["fold"], row["predicted"])
        between = (heat_map[0, 31] + heat_map[0, 32].astype(float)) / 2  # the middle of the three cells lies there
        assert between == pytest.approx(number, abs=0.025 * 120)


@pytest.mark.parametrize("fold", [0, 1])
def test_next_member_is_asked_when_one_fold_of_the_best_is_gone_or_damaged(
    explained: tuple[Reported, TrainedMembers, pd.DataFrame, Path], fold: int
) -> None:
    reported, trained, images, store = explained
    partition = f"{GOOD}/fold_{fold}"
    trained.weights[partition].write_bytes(b"not weights")
    found = explain_or_say_why_not(reported, trained, images, 60, store, compute_plainly)
    assert found.member == POOR and len(found.maps) == 60
    assert found.notes == [
        f"No heat maps of {GOOD}: Weights cannot be read: {partition}: damaged, or not written by Podium."
    ]
    del trained.weights[partition]
    found = explain_or_say_why_not(reported, trained, images, 60, store, compute_plainly)
    assert found.member == POOR
    assert found.notes == [f"No heat maps of {GOOD}: its weights of fold {fold} are not on this machine."]


def test_next_member_is_asked_when_the_pictures_of_the_best_are_incomplete(
    explained: tuple[Reported, TrainedMembers, pd.DataFrame, Path],
) -> None:
    """Two input sizes, and the store of the larger one lacks every picture."""
    reported, trained, images, store = explained
    header = {"recipe": {}, "input_spec": LARGE.to_dict()}
    fill_store(store / LARGE.preparation, store, [], spec=LARGE, max_pixels=10_000, n_jobs=1, progress=False)
    for fold in (0, 1):
        data = {"tensors": {"w": torch.zeros(1)}, "header": header}
        WeightsDataset(filepath=trained.weights[f"{GOOD}/fold_{fold}"].as_posix()).save(data)
    both = replace(reported, headers={**reported.headers, GOOD: header})
    found = explain_or_say_why_not(both, trained, images, 10, store, compute_plainly)
    assert found.member == POOR and len(found.maps) == 10
    assert len(found.notes) == 1 and found.notes[0].startswith(f"No heat maps of {GOOD}: ")


def test_maps_of_images_that_are_not_shown_are_left_out() -> None:
    heat_map = np.zeros((2, 2), np.uint8)
    kept = HeatMaps(GOOD, {"가": heat_map, "나": heat_map}, ["다"]).keep(["나", "라"])
    assert (kept.member, list(kept.maps), kept.notes) == (GOOD, ["나"], ["다"])


def test_page_goes_on_without_heat_maps_and_says_why(
    explained: tuple[Reported, TrainedMembers, pd.DataFrame, Path],
) -> None:
    reported, trained, images, store = explained
    unknown = images.assign(sha256="0" * 64)
    found = explain_or_say_why_not(reported, trained, unknown, 5, store, compute_plainly)
    assert found.maps == {} and found.member == ""
    assert f"No heat maps of {GOOD}: Images are not in the image store" in found.notes[0]
    assert explain_or_say_why_not(reported, trained, images, 0, store, compute_plainly).notes == []
