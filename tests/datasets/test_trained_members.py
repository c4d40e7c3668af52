from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io.core import DatasetError

from podium.datasets.trained_members import TrainedMembersDataset
from podium.datasets.weights import WeightsDataset
from podium.probabilities import make_table

HEADER = {"member": {"name": "기본-0a"}, "fold": 1, "recipe": {"name": "기본", "epochs": 3}}


def make_dataset(folder: Path) -> TrainedMembersDataset:
    return TrainedMembersDataset(tables=(folder / "표").as_posix(), weights=(folder / "가중치").as_posix())


def write_fold(folder: Path, partition: str, *, with_weights: bool = True) -> pd.DataFrame:
    table = make_table(pd.Series(["사진"]), 1, np.ones((1, 1), np.float32))
    for name in ("oof", "test_probabilities", "history"):
        path = folder / "표" / partition / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path)
    if with_weights:
        path = folder / "가중치" / partition / "weights.safetensors"
        WeightsDataset(filepath=path.as_posix()).save({"tensors": {"w": torch.ones(3)}, "header": HEADER})
    return table


def test_before_the_first_training_there_are_none(tmp_path: Path) -> None:
    trained = make_dataset(tmp_path).load()
    assert (trained.oof, trained.test_probabilities, trained.history, trained.weights) == ({}, {}, {}, {})


def test_tables_are_found_by_member_and_fold_whether_or_not_weights_are_there(tmp_path: Path) -> None:
    written = write_fold(tmp_path, "기본-0a/fold_1")
    write_fold(tmp_path, "기본-0a/fold_0", with_weights=False)
    trained = make_dataset(tmp_path).load()
    assert list(trained.oof) == list(trained.history) == ["기본-0a/fold_0", "기본-0a/fold_1"]
    assert list(trained.weights) == ["기본-0a/fold_1"]
    pd.testing.assert_frame_equal(trained.test_probabilities["기본-0a/fold_1"](), written)


def test_header_is_that_of_the_weights_and_none_without_them(tmp_path: Path) -> None:
    write_fold(tmp_path, "기본-0a/fold_1")
    trained = make_dataset(tmp_path).load()
    path = trained.weights["기본-0a/fold_1"]
    assert trained.load_header("기본-0a/fold_1") == WeightsDataset(filepath=path.as_posix()).load()["header"] == HEADER
    assert trained.load_header("기본-0a/fold_0") is None


@pytest.mark.parametrize("content", [b"", b"not weights at all", (2).to_bytes(8, "little") + b"{}"])
def test_file_that_podium_did_not_write_is_named(tmp_path: Path, content: bytes) -> None:
    write_fold(tmp_path, "기본-0a/fold_1")
    trained = make_dataset(tmp_path).load()
    trained.weights["기본-0a/fold_1"].write_bytes(content)
    with pytest.raises(DatasetError, match=r"weights\.safetensors' does not hold weights that Podium wrote"):
        trained.load_header("기본-0a/fold_1")


def test_trained_members_are_only_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="only read"):
        make_dataset(tmp_path).save({})  # type: ignore[arg-type]
