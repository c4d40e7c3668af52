"""The files of a training take what was found out without training."""

from pathlib import Path
from typing import Any

import pytest

from podium.atomic_files import AtomicWriter
from podium.datasets.weights import WeightsDataset
from podium.vision.fit import FoldData
from podium.vision.footprint import measure_footprint
from podium.vision.optimizers import list_optimizers, measure_state_share
from podium.vision.recipe import OptimizerConfig
from vision.test_fit import N_CLASSES, SPEC, fold, make_recipe, train  # noqa: F401  (a fixture)

pytestmark = pytest.mark.usefixtures("atomic_writing")


def count_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "leaves",
    [
        {"averaging": {"name": "ema"}},
        {"optimizer": {"name": "sgd", "lr": 0.01}},
        {"optimizer": {"name": "lookahead_adamp"}, "head": {"name": "shallow"}},
    ],
)
def test_files_of_a_fold_are_at_most_what_was_predicted_and_more_than_half(
    fold: FoldData,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    leaves: dict[str, Any],
) -> None:
    recipe = make_recipe(epochs=4, **leaves)
    folder, sizes, peaks = tmp_path / "checkpoints", dict[str, int](), [0]
    commit = AtomicWriter.commit

    def look(file: AtomicWriter) -> None:
        peaks.append(count_bytes(folder))
        sizes[Path(file.path).name] = Path(file.temp).stat().st_size
        commit(file)

    monkeypatch.setattr(AtomicWriter, "commit", look)
    fitted = train(fold, folder, recipe)
    WeightsDataset(filepath=str(tmp_path / "w.safetensors")).save({"tensors": fitted.weights, "header": {}})
    predicted = measure_footprint(recipe, SPEC, N_CLASSES)
    for name, n_bytes in (
        ("best.ckpt", predicted.best_bytes),
        ("last.ckpt", predicted.last_bytes),
        ("w.safetensors", predicted.weights_bytes),
    ):
        assert sizes[name] <= n_bytes <= 1.2 * sizes[name], name
    peak = predicted.best_bytes + 2 * predicted.last_bytes
    assert max(peaks) <= peak <= 2 * max(peaks)


def test_network_that_cannot_be_built_without_numbers_is_measured_too() -> None:
    recipe = make_recipe(model={"backbone": "shufflenet_v2_x0_5"}, input={"size_px": (32, 32)})
    footprint = measure_footprint(recipe, SPEC, N_CLASSES)
    assert 1.3e6 < footprint.weights_bytes < 2e6  # 0.35 million parameters without the library's own head


@pytest.mark.parametrize(("name", "share"), [("sgd", 1.0), ("adamw", 2.0), ("lookahead_adamw", 3.0)])
def test_state_of_an_optimizer_is_counted(name: str, share: float) -> None:
    found, _ = measure_state_share(OptimizerConfig(name=name, lr=0.01))
    assert found == pytest.approx(share, rel=0.01)


def test_every_optimizer_can_be_measured() -> None:
    for name in list_optimizers():
        share, n_tensors = measure_state_share(OptimizerConfig(name=name, lr=0.01))
        assert 0.0 <= share < 20.0 and n_tensors < 20, name
