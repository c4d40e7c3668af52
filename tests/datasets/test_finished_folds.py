"""A fold is finished when all that it is made of is there."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from kedro.io.core import DatasetError

from podium.datasets.finished_folds import FinishedFoldsDataset
from podium.datasets.weights import WeightsDataset

FILES = ("history.parquet", "oof.parquet", "test_probabilities.parquet", "weights.safetensors")
HISTORY = pd.DataFrame({"fold": [0, 0], "epoch": [0, 1], "val_loss": [1.0, 0.5]})


def make_dataset(root: Path) -> FinishedFoldsDataset:
    return FinishedFoldsDataset(tables=str(root / "결과" / "members"), weights=str(root / "모델"))


def write_fold(root: Path, partition: str) -> dict[str, Path]:
    """Write the four files of a fold; only its history is ever opened."""
    places = {name: root / "결과" / "members" / partition / name for name in FILES[:3]}
    places[FILES[3]] = root / "모델" / partition / FILES[3]
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        HISTORY.to_parquet(place) if name == "history.parquet" else place.write_bytes(b"")
    return places


def test_history_of_every_whole_fold_is_found_by_member_and_fold(tmp_path: Path) -> None:
    for partition in ("기준-0a/fold_1", "기준-0a/fold_0", "다른 것-0b/fold_10"):
        write_fold(tmp_path, partition)
    found = make_dataset(tmp_path).load()
    assert list(found) == ["기준-0a/fold_0", "기준-0a/fold_1", "다른 것-0b/fold_10"]
    for fold in found.values():
        pd.testing.assert_frame_equal(fold.history, HISTORY)


def test_other_files_of_a_fold_are_read_when_asked_for(tmp_path: Path) -> None:
    places = write_fold(tmp_path, "기준-0a/fold_0")
    fold = make_dataset(tmp_path).load()["기준-0a/fold_0"]
    HISTORY.to_parquet(places["oof.parquet"])
    weights = {"tensors": {"w": torch.ones(2)}, "header": {"recipe": "기준"}}
    WeightsDataset(filepath=places["weights.safetensors"].as_posix()).save(weights)
    pd.testing.assert_frame_equal(fold.load_table("oof"), HISTORY)
    loaded = fold.load_weights()
    assert loaded["header"] == {"recipe": "기준"}
    assert torch.equal(loaded["tensors"]["w"], torch.ones(2))


@pytest.mark.parametrize("lost", FILES)
def test_fold_that_lost_any_file_is_not_finished_and_the_others_are(tmp_path: Path, lost: str) -> None:
    write_fold(tmp_path, "기준-0a/fold_1")
    write_fold(tmp_path, "기준-0a/fold_0")[lost].unlink()
    assert list(make_dataset(tmp_path).load()) == ["기준-0a/fold_1"]


def test_file_of_another_fold_does_not_stand_in(tmp_path: Path) -> None:
    write_fold(tmp_path, "기준-0a/fold_0")["weights.safetensors"].unlink()
    write_fold(tmp_path, "기준-0b/fold_0")["oof.parquet"].unlink()
    assert make_dataset(tmp_path).load() == {}


def test_nothing_is_finished_before_the_first_run(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    assert dataset.exists(), "Kedro does not load what it takes to be missing"
    assert dataset.load() == {}
    assert list(tmp_path.iterdir()) == []


def test_finished_folds_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        make_dataset(tmp_path).save({"기준-0a/fold_0": HISTORY})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_error_that_names_the_dataset_tells_both_folders(tmp_path: Path) -> None:
    described = str(make_dataset(tmp_path))
    assert "결과" in described
    assert "모델" in described
