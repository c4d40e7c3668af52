"""Rows of partitions are shown in Kedro-Viz."""

import inspect
from pathlib import Path

import pandas as pd
from kedro.io import DataCatalog

from podium.datasets.partitioned_tables import PartitionedTablesDataset


def make_dataset(folder: Path) -> PartitionedTablesDataset:
    entry = {
        "type": "podium.datasets.partitioned_tables.PartitionedTablesDataset",
        "path": str(folder),
        "dataset": "pandas.ParquetDataset",
        "filename_suffix": "/history.parquet",
    }
    dataset = DataCatalog.from_config({"history": entry}).get("history")
    assert isinstance(dataset, PartitionedTablesDataset)
    return dataset


def test_first_rows_are_shown_with_their_partition_in_front(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    table = pd.DataFrame({"epoch": [0, 1, 2], "loss": [0.5, 0.25, 0.125]})
    dataset.save({f"회원-1/fold_{fold}": table for fold in (1, 0, 2)})
    shown = dataset.preview(5)
    assert shown["columns"] == ["partition", "epoch", "loss"]
    assert [row[:2] for row in shown["data"]] == [
        *(["회원-1/fold_0", n] for n in range(3)),
        *(["회원-1/fold_1", n] for n in (0, 1)),
    ]
    assert len(dataset.preview()["data"]) == 9
    assert sorted(dataset.load()) == [f"회원-1/fold_{fold}" for fold in range(3)]


def test_before_the_first_partition_nothing_is_shown(tmp_path: Path) -> None:
    assert make_dataset(tmp_path / "none").preview()["data"] == []


def test_kind_of_preview_is_one_that_kedro_viz_draws() -> None:
    assert inspect.signature(PartitionedTablesDataset.preview).return_annotation.__name__ == "TablePreview"
