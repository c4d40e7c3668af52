from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.io.core import DatasetError, Version

from podium.datasets.submission import SubmissionDataset

ANSWERS = pd.DataFrame({"ID": ["가.jpg", "b.jpg"], "target": [3, 0]})
EMPTY = ANSWERS.iloc[:0]
VERSION = "2025-01-02T03.04.05.678Z"


def make_dataset(folder: Path, is_versioned: bool) -> SubmissionDataset:
    version = Version(None, VERSION) if is_versioned else None
    return SubmissionDataset(
        filepath=(folder / "제출" / "submission.csv").as_posix(), save_args={"index": False}, version=version
    )


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("is_versioned", [True, False])
def test_answers_are_written_and_found(tmp_path: Path, is_versioned: bool) -> None:
    dataset = make_dataset(tmp_path, is_versioned)
    assert dataset.find_written() is None
    dataset.save(ANSWERS)
    (written,) = list_files(tmp_path)
    assert dataset.find_written() == written.as_posix()
    assert written.read_text(encoding="utf-8") == "ID,target\n가.jpg,3\nb.jpg,0\n"
    assert (VERSION in written.parts) == is_versioned


@pytest.mark.parametrize("is_versioned", [True, False])
def test_nothing_is_written_when_there_is_nothing_to_submit(tmp_path: Path, is_versioned: bool) -> None:
    dataset = make_dataset(tmp_path, is_versioned)
    dataset.save(EMPTY)
    assert list_files(tmp_path) == []
    assert dataset.find_written() is None


def test_file_of_an_earlier_run_is_not_taken_for_this_runs(tmp_path: Path) -> None:
    earlier = SubmissionDataset(
        filepath=(tmp_path / "제출" / "submission.csv").as_posix(), version=Version(None, "2024-01-01T00.00.00.000Z")
    )
    earlier.save(ANSWERS)
    now = make_dataset(tmp_path, is_versioned=True)
    assert now.find_written() is None
    now.save(EMPTY)
    assert now.find_written() is None
    assert len(list_files(tmp_path)) == 1


def test_catalog_entry_with_no_answers_lets_the_run_go_on(tmp_path: Path) -> None:
    entry = {
        "type": "podium.datasets.submission.SubmissionDataset",
        "filepath": (tmp_path / "submission.csv").as_posix(),
        "versioned": True,
    }
    catalog = DataCatalog.from_config({"submission": entry})
    catalog.save("submission", EMPTY)
    assert list_files(tmp_path) == []


def test_same_run_never_overwrites_its_submission(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, is_versioned=True)
    dataset.save(ANSWERS)
    with pytest.raises(DatasetError, match="must not exist"):
        dataset.save(ANSWERS)


def test_file_of_an_earlier_run_can_still_be_loaded(tmp_path: Path) -> None:
    make_dataset(tmp_path, is_versioned=True).save(ANSWERS)
    pd.testing.assert_frame_equal(
        SubmissionDataset(
            filepath=(tmp_path / "제출" / "submission.csv").as_posix(), version=Version(None, None)
        ).load(),
        ANSWERS,
    )
