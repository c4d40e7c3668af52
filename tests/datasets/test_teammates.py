from pathlib import Path

import pytest
from kedro.io.core import DatasetError

from podium.datasets.teammates import TeammateAnswersDataset, TeammateMembersDataset

BOTH = pytest.mark.parametrize("kind", [TeammateAnswersDataset, TeammateMembersDataset])


@BOTH
def test_folder_that_nobody_made_can_be_loaded_and_is_not_made(kind: type, tmp_path: Path) -> None:
    dataset = kind(path=str(tmp_path / "팀"))
    assert dataset.exists(), "Kedro does not load what it takes to be missing"
    assert dataset.load() == tmp_path / "팀"
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_folder_of_teammates_is_never_written(kind: type, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="팀"):
        kind(path=str(tmp_path / "팀")).save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_error_that_names_the_dataset_tells_the_folder(kind: type, tmp_path: Path) -> None:
    assert "팀" in str(kind(path=str(tmp_path / "팀")))
