import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.io.core import Version
from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.pandas import CSVDataset

from podium.datasets.submission import SubmissionDataset
from podium.reporting import describe_results, tabulate_scores

WEIGHTS = pd.DataFrame(
    {
        "member": ["기준-0a1b", "swin-2c3d"],
        "weight": [0.6, 0.4],
        "macro_f1": [0.75, 0.5],
        "accuracy": [0.8, 0.7],
        "n_images": [120, 120],
    }
)
SCORES: dict[str, Any] = {
    "macro_f1": 0.8125,
    "accuracy": 0.9,
    "n_images": 120,
    "chance_macro_f1": 0.0417,
    "attributes": {"mask": {"macro_f1": 0.95, "accuracy": 0.96, "n_images": 120}},
    "nested": {"macro_f1": 0.7875, "accuracy": 0.85, "n_images": 120},
    "expected_private": {"criterion": "macro_f1", "score": 0.7875, "low": 0.7, "high": 0.85, "n_images": 60},
}


def test_each_member_the_ensemble_attributes_and_chance_have_a_row() -> None:
    lines = tabulate_scores(WEIGHTS, SCORES).splitlines()
    assert [re.split(r"\s{2,}", line.strip()) for line in lines] == [
        ["out of fold", "weight", "macro F1", "accuracy", "images"],
        ["기준-0a1b", "0.600", "0.7500", "0.8000", "120"],
        ["swin-2c3d", "0.400", "0.5000", "0.7000", "120"],
        ["ensemble", "0.8125", "0.9000", "120"],
        ["mask", "0.9500", "0.9600", "120"],
        ["ensemble, nested", "0.7875", "0.8500", "120"],
        ["chance", "0.0417", "120"],
    ]


def test_rows_of_the_table_end_at_one_edge() -> None:
    long = WEIGHTS.assign(member=["a-very-long-recipe-name-0123456789ab", "b"])
    assert len({len(line) for line in tabulate_scores(long, SCORES).splitlines()}) == 1


def make_catalog(folder: Path, submission: pd.DataFrame | None = None) -> DataCatalog:
    dataset = SubmissionDataset(
        filepath=(folder / "submission.csv").as_posix(), version=Version(None, "2025-01-02T03.04.05.678Z")
    )
    if submission is not None:
        dataset.save(submission)
    return DataCatalog(
        {
            "ensemble_weights": MemoryDataset(WEIGHTS),
            "ensemble_scores": MemoryDataset(SCORES),
            "confusion_picture": MatplotlibDataset(filepath=(folder / "confusion.png").as_posix()),
            "worst_images": CSVDataset(filepath=(folder / "worst_images.csv").as_posix()),
            "submission": dataset,
        }
    )


def test_submission_comes_last_with_its_path_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = make_catalog(tmp_path / "결과", pd.DataFrame({"ID": ["a"], "target": [1]}))
    lines = list(describe_results(catalog, {"ensemble_scores", "confusion_picture", "worst_images", "submission"}))
    assert lines[:7] == tabulate_scores(WEIGHTS, SCORES).splitlines()
    assert lines[7] == "to expect on 60 private images: macro F1 0.7875 (0.7000 to 0.8500)"
    assert lines[8:10] == ["confusion picture: 결과/confusion.png", "worst images: 결과/worst_images.csv"]
    assert "make ui" in lines[10]
    path = lines[11].removeprefix("submission: ")
    assert path == "결과/submission.csv/2025-01-02T03.04.05.678Z/submission.csv"
    assert Path(path).is_file()
    assert len(lines) == 12


def test_path_elsewhere_is_told_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    lines = list(describe_results(make_catalog(tmp_path), {"worst_images"}))
    assert lines[0] == f"worst images: {(tmp_path / 'worst_images.csv').as_posix()}"


def test_competition_without_a_test_part_is_said_to_have_nothing_to_submit(tmp_path: Path) -> None:
    lines = list(describe_results(make_catalog(tmp_path), {"submission"}))
    assert lines[-1] == "there is no test part, so there is nothing to submit"


def test_only_what_the_run_made_is_told(tmp_path: Path) -> None:
    assert list(describe_results(make_catalog(tmp_path), set())) == []
    assert list(describe_results(make_catalog(tmp_path), {"folds"})) == [
        "look closer: make ui (MLflow and kedro-viz in a browser)"
    ]
