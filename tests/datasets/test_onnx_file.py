from pathlib import Path

from podium.atomic_files import write_files_atomically
from podium.datasets.onnx_file import OnnxFileDataset


def test_bytes_come_back_from_a_folder_that_was_made(tmp_path: Path) -> None:
    write_files_atomically()
    dataset = OnnxFileDataset(filepath=(tmp_path / "기본-0a" / "fold_0.onnx").as_posix())
    assert not dataset.exists()
    dataset.save(b"\x08\x00")
    assert dataset.exists() and dataset.load() == b"\x08\x00"
    assert [file.name for file in (tmp_path / "기본-0a").iterdir()] == ["fold_0.onnx"]
