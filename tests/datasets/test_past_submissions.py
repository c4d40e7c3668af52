import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io.core import DatasetError

from podium.datasets.past_submissions import PastSubmissionsDataset

OLD, NEW = "2026-01-31T09.15.00.000Z", "2026-02-01T09.15.00.000Z"


def make_dataset(folder: Path) -> PastSubmissionsDataset:
    return PastSubmissionsDataset(
        submissions=(folder / "제출.csv").as_posix(),
        companions={
            "scores": (folder / "scores.json").as_posix(),
            "weights": (folder / "weights.csv").as_posix(),
            "probabilities": (folder / "chances.parquet").as_posix(),
        },
        ledger=(folder / "ledger.csv").as_posix(),
    )


def place(folder: Path, name: str, version: str) -> Path:
    path = folder / name / version / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_versions_come_oldest_first_and_those_without_a_file_are_left_out(tmp_path: Path) -> None:
    for version in (NEW, OLD):
        place(tmp_path, "제출.csv", version).write_text("ID,target\n", encoding="utf-8")
    place(tmp_path, "제출.csv", "2026-03-01T09.15.00.000Z")
    past = make_dataset(tmp_path).load()
    assert list(past.versions) == [OLD, NEW]
    assert past.ledger == tmp_path / "ledger.csv"


def test_what_belongs_to_a_version_is_read_and_what_is_missing_is_none(tmp_path: Path) -> None:
    for version in (OLD, NEW):
        place(tmp_path, "제출.csv", version).write_text("ID,target\n001,가\nNA,7\n", encoding="utf-8")
    place(tmp_path, "scores.json", OLD).write_text(json.dumps({"macro_f1": 0.5}), encoding="utf-8")
    place(tmp_path, "weights.csv", OLD).write_text("member,weight\n001,1.0\n", encoding="utf-8")
    chances = pd.DataFrame({"image_id": ["a"], "p_0": np.ones(1, np.float32)})
    chances.to_parquet(place(tmp_path, "chances.parquet", OLD))
    old, new = make_dataset(tmp_path).load().versions.values()
    assert old.load_scores() == {"macro_f1": 0.5}
    assert old.load_weights().to_dict("list") == {"member": ["001"], "weight": [1.0]}
    pd.testing.assert_frame_equal(old.load_probabilities(), chances)
    assert (new.load_scores(), new.load_weights(), new.load_probabilities()) == (None, None, None)
    assert new.load_answers().to_dict("list") == {"ID": ["001", "NA"], "target": ["가", "7"]}
    assert new.digest_file() == hashlib.sha256(new.file.read_bytes()).hexdigest()


def test_before_the_first_submission_there_are_none(tmp_path: Path) -> None:
    assert make_dataset(tmp_path).load().versions == {}


def test_nothing_is_written_through_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="only read"):
        make_dataset(tmp_path).save("anything")  # type: ignore[arg-type]
