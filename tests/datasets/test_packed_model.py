from pathlib import Path

import pytest
from kedro.io.core import DatasetError

from packing.drawn_model import make_contents
from podium.datasets.packed_model import PackedModelDataset
from podium.packing import saving


def test_contents_are_handed_over_and_the_folder_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, handed = tmp_path / "한글" / "packed", []

    def save(contents: object, path: Path) -> None:
        handed.append((contents, path))
        path.mkdir(parents=True)
        (path / "MLmodel").write_text("", encoding="utf-8")

    monkeypatch.setattr(saving, "save_packed", save)
    dataset, contents = PackedModelDataset(path=folder.as_posix()), make_contents(tmp_path)
    assert not dataset.exists()
    dataset.save(contents)
    assert handed == [(contents, folder)]
    assert dataset.exists() and dataset.load() == folder


def test_model_that_was_never_packed_says_how_to(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="kedro run --pipeline register"):
        PackedModelDataset(path=(tmp_path / "packed").as_posix()).load()
