from pathlib import Path

from podium.datasets.optional_json import OptionalJSONDataset


def test_file_that_was_never_made_is_an_empty_mapping(tmp_path: Path) -> None:
    assert OptionalJSONDataset(filepath=str(tmp_path / "survey.json")).load() == {}


def test_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    dataset = OptionalJSONDataset(filepath=str(tmp_path / "survey.json"))
    dataset.save({"folder": "가", "n_measured": 3})
    assert dataset.load() == {"folder": "가", "n_measured": 3}
