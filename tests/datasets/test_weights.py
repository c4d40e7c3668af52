import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from kedro.io.core import DatasetError
from safetensors.torch import save_file

from podium.datasets.weights import WeightsDataset

HEADER = {"member": {"name": "기준-0a1b", "folds": [0, 1]}, "fold": 0, "recipe": {"lr": 0.001, "label_shift": None}}


def make_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "층.weight": torch.randn(3, 4, generator=generator),
        "bn.num_batches_tracked": torch.tensor(7),
        "half": torch.randn(5, generator=generator).to(torch.bfloat16),
        "empty": torch.empty(0, 2),
        "across": torch.randn(3, 4, generator=generator).T,  # not contiguous
    }


def make_dataset(folder: Path) -> WeightsDataset:
    return WeightsDataset(filepath=(folder / "모델" / "fold_0" / "weights.safetensors").as_posix())


def test_tensors_and_header_come_back_to_the_bit(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    dataset.save({"tensors": make_tensors(), "header": HEADER})
    loaded = dataset.load()
    assert loaded["header"] == HEADER
    assert set(loaded["tensors"]) == set(make_tensors())
    for name, tensor in make_tensors().items():
        assert loaded["tensors"][name].dtype == tensor.dtype
        assert torch.equal(loaded["tensors"][name], tensor)


SAVING = """
import sys, torch
from podium.datasets.weights import WeightsDataset
names = list({"가", "b", "c", "d", "e"})
header = {name: name for name in names}
tensors = {name: torch.full((2, 3), float(ord(name))) for name in names}
WeightsDataset(filepath=sys.argv[1]).save({"tensors": tensors, "header": header})
"""


def test_bytes_are_the_same_from_any_process(tmp_path: Path) -> None:
    digests = set()
    for seed in ("0", "4242"):
        file = tmp_path / f"{seed}.safetensors"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", SAVING, str(file)], check=True, env=environment)
        digests.add(hashlib.sha256(file.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_order_of_names_does_not_change_the_bytes(tmp_path: Path) -> None:
    tensors = make_tensors()
    files = []
    for i, (names, keys) in enumerate([(list(tensors), list(HEADER)), (list(tensors)[::-1], list(HEADER)[::-1])]):
        dataset = make_dataset(tmp_path / str(i))
        dataset.save({"tensors": {n: tensors[n] for n in names}, "header": {key: HEADER[key] for key in keys}})
        files.append(Path(str(dataset._filepath)).read_bytes())
    assert files[0] == files[1]


class Evil:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def pickle_plain(path: Path, mark: Path) -> None:
    path.write_bytes(pickle.dumps(Evil(mark)))


def pickle_by_torch(path: Path, mark: Path) -> None:
    torch.save({"w": Evil(mark)}, path)


@pytest.mark.parametrize("write", [pickle_plain, pickle_by_torch])
def test_pickle_is_refused_and_never_run(tmp_path: Path, write: Any) -> None:
    file, mark = tmp_path / "weights.safetensors", tmp_path / "mark"
    write(file, mark)
    with pytest.raises(DatasetError, match="does not hold weights that Podium wrote") as error:
        WeightsDataset(filepath=file.as_posix()).load()
    assert str(file) in str(error.value)
    assert not mark.exists()


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {"podium": "no json"}], ids=["none", "another's", "damaged"]
)
def test_weights_that_podium_did_not_write_are_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({"w": torch.ones(2)}, file, metadata)
    with pytest.raises(DatasetError, match="does not hold weights that Podium wrote"):
        WeightsDataset(filepath=file.as_posix()).load()


@pytest.mark.parametrize("n_bytes", [0, 5, 60, -1])
def test_cut_file_is_refused(tmp_path: Path, n_bytes: int) -> None:
    dataset = make_dataset(tmp_path)
    dataset.save({"tensors": make_tensors(), "header": HEADER})
    file = Path(str(dataset._filepath))
    file.write_bytes(file.read_bytes()[:n_bytes])
    with pytest.raises(DatasetError, match="does not hold weights that Podium wrote"):
        dataset.load()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"weights\.safetensors"):
        make_dataset(tmp_path).load()


def test_file_exists_once_it_is_saved(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    assert not dataset.exists()
    dataset.save({"tensors": make_tensors(), "header": {}})
    assert dataset.exists()


def test_header_that_json_cannot_hold_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    with pytest.raises(DatasetError, match="not JSON serializable"):
        dataset.save({"tensors": make_tensors(), "header": {"path": Path("x")}})
    assert not dataset.exists()


def test_header_is_one_key_of_plain_json(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path)
    dataset.save({"tensors": {}, "header": HEADER})
    data = Path(str(dataset._filepath)).read_bytes()
    metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    assert list(metadata) == ["podium"]
    assert json.loads(metadata["podium"]) == HEADER
