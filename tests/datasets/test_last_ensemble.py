import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io.core import DatasetError

from podium.datasets.last_ensemble import LastEnsembleDataset
from podium.probabilities import make_table

OLD, NEW = "2026-01-31T09.15.00.000Z", "2026-02-01T09.15.00.000Z"
FILES = {"oof": "oof.parquet", "nested_oof": "nested.parquet"}
VERSIONED = {
    "probabilities": "chances.parquet",
    "weights": "무게.csv",
    "decision": "decision.json",
    "digests": "digests.json",
}


def make_dataset(folder: Path) -> LastEnsembleDataset:
    return LastEnsembleDataset(
        files={key: (folder / name).as_posix() for key, name in FILES.items()},
        versioned_files={key: (folder / name).as_posix() for key, name in VERSIONED.items()},
    )


def make_chances(value: float) -> pd.DataFrame:
    return make_table(pd.Series(["사진"]), 0, np.array([[value, 1 - value]], np.float32))


def write(folder: Path, version: str, value: float) -> None:
    for name in FILES.values():
        make_chances(value).to_parquet(folder / name)
    paths = {key: folder / name / version / name for key, name in VERSIONED.items()}
    for path in paths.values():
        path.parent.mkdir(parents=True)
    make_chances(value).to_parquet(paths["probabilities"])
    paths["weights"].write_text(f"member,weight\n001,{value}\nNA,{1 - value}\n", encoding="utf-8")
    paths["decision"].write_text(json.dumps({"temperature": value, "offsets": []}), encoding="utf-8")
    paths["digests"].write_text(json.dumps({"split_digest": version}), encoding="utf-8")


def test_before_the_first_ensemble_there_is_none(tmp_path: Path) -> None:
    assert make_dataset(tmp_path).load() is None


def test_newest_ensemble_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path, NEW, 0.75)
    write(tmp_path, OLD, 0.5)
    for name in FILES.values():  # these keep no versions: the last run's state
        make_chances(0.75).to_parquet(tmp_path / name)
    found = make_dataset(tmp_path).load()
    assert found is not None
    assert found.version == NEW
    for table in (found.oof, found.nested_oof, found.probabilities):
        pd.testing.assert_frame_equal(table, make_chances(0.75))
    assert found.weights.to_dict("list") == {"member": ["001", "NA"], "weight": [0.75, 0.25]}
    assert (found.decision["temperature"], found.digests["split_digest"]) == (0.75, NEW)


@pytest.mark.parametrize("name", [*FILES.values(), *(f"{name}/{NEW}/{name}" for name in VERSIONED.values())])
def test_ensemble_that_lacks_a_file_is_none(tmp_path: Path, name: str) -> None:
    write(tmp_path, NEW, 0.75)
    (tmp_path / name).unlink()
    assert make_dataset(tmp_path).load() is None


def test_last_ensemble_is_only_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="only read"):
        make_dataset(tmp_path).save({})  # type: ignore[arg-type]
