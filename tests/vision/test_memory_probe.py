"""What a device bears is tried before training, and leaves no trace in it."""

import gc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.plugins.precision import Precision

from podium.errors import InputError
from podium.vision import fit, memory_probe
from podium.vision.classifier import Classifier
from podium.vision.fit import FittedFold, FoldData, FoldTraining, fit_fold, make_classifier
from podium.vision.hardware import Hardware
from podium.vision.memory_probe import DivideBatches, try_step
from podium.vision.micro_batches import Division
from podium.vision.ranks import Ranks
from vision.shared_training import draw_fold, make_plan

ALONE = Hardware(accelerator="cpu", precision="32-true", num_workers=0, num_threads=1)
CHANGES: dict[str, Any] = {"epochs": 2, "loss": {"name": "focal", "class_weights": "effective_number"}}
# Norms that see one image each, so that parts change nothing; gathered and clipped gradients, an average of weights.
LAYER_NORMS: dict[str, Any] = {
    **CHANGES,
    "model": {"backbone": "test_vit"},
    "optimizer": {"name": "sgd", "lr": 0.05, "accumulate": 2, "clip_norm": 1.0},
    "averaging": {"name": "ema", "decay": 0.8},
}


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    return draw_fold(tmp_path_factory.mktemp("그림"))


def train(fold: FoldData, folder: Path, micro_batch: Any, changes: dict[str, Any]) -> FittedFold:
    hardware = replace(ALONE, micro_batch=micro_batch)
    return fit_fold(make_plan(**changes), fold, 0, hardware, folder, lambda row: None)


def test_a_fold_trained_in_parts_is_that_of_whole_batches(fold: FoldData, tmp_path: Path) -> None:
    whole = train(fold, tmp_path / "whole", None, LAYER_NORMS)
    parts = train(fold, tmp_path / "부분", 2, LAYER_NORMS)
    assert whole.division is None
    assert parts.division == Division(9, 2, 0)
    for name, value in whole.weights.items():
        assert torch.allclose(value.float(), parts.weights[name].float(), rtol=1e-3, atol=1e-5), name
    assert np.abs(whole.oof - parts.oof).max() < 1e-5
    assert np.abs(whole.test - parts.test).max() < 1e-5
    for column in ("epoch", "train_loss", "val_loss", "val_macro_f1", "lr"):
        assert whole.history[column].to_numpy() == pytest.approx(parts.history[column].to_numpy(), rel=1e-5), column


@pytest.mark.parametrize("micro_batch", ["auto", 9, 50])
def test_a_batch_that_fits_gives_the_bytes_of_one_that_nothing_was_said_of(
    fold: FoldData, tmp_path: Path, micro_batch: Any, whole: FittedFold
) -> None:
    fitted = train(fold, tmp_path, micro_batch, CHANGES)
    assert all(torch.equal(value, fitted.weights[name]) for name, value in whole.weights.items())
    assert whole.oof.tobytes() == fitted.oof.tobytes()
    assert fitted.division is not None and fitted.division.is_whole


@pytest.fixture(scope="module")
def whole(fold: FoldData, tmp_path_factory: pytest.TempPathFactory) -> FittedFold:
    return train(fold, tmp_path_factory.mktemp("whole"), None, CHANGES)


def begin(fold: FoldData, **changes: Any) -> tuple[Classifier, Any]:
    """A classifier, and a trainer as far as a probe looks at it."""
    training = FoldTraining(make_plan(**changes), fold, 0, Path("none"))
    classifier = make_classifier(training.plan, fold, training.seed, 4, ALONE)
    optimizer = classifier.configure_optimizers()["optimizer"]
    return classifier, SimpleNamespace(precision_plugin=Precision(), optimizers=[optimizer])


@pytest.mark.parametrize("freezing", [{}, {"name": "first_stages", "n_stages": 1}, {"name": "melting"}])
def test_a_probe_computes_every_part_and_leaves_no_trace(fold: FoldData, freezing: dict[str, Any]) -> None:
    classifier, trainer = begin(fold, freezing=freezing)
    classifier.ranks = ranks = Ranks(1, 2)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    learning = [parameter.requires_grad for parameter in classifier.parameters()]
    seen: list[int] = []
    classifier.network.register_forward_hook(lambda module, args, out: seen.append(len(out)))
    state = torch.get_rng_state()
    try_step(classifier, trainer, Division(5, 2, 5))
    assert seen[:2] == [3, 2]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert [parameter.requires_grad for parameter in classifier.parameters()] == learning
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert classifier.ranks is ranks and ranks.n_images == 0
    assert classifier.division is None
    assert not trainer.optimizers[0].state


def test_a_probe_reserves_gradients_and_what_the_optimizer_will_keep(fold: FoldData) -> None:
    classifier, trainer = begin(fold, optimizer={"name": "adamw"})
    n_bytes = 4 * sum(parameter.numel() for parameter in classifier.network.parameters())
    assert len(memory_probe._reserve(classifier, trainer)) == pytest.approx(3 * n_bytes, rel=1e-3)
    trainer.optimizers[0].state["there"] = 1
    assert len(memory_probe._reserve(classifier, trainer)) == n_bytes


@pytest.mark.parametrize(("backbone", "expected"), [("test_resnet", [9, 5, 3, 2]), ("test_vit", [9, 5, 3, 2, 1])])
def test_a_gpu_is_tried_by_halves_down_to_what_norms_need(
    fold: FoldData, backbone: str, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, trainer = begin(fold, model={"backbone": backbone})
    tried: list[int] = []

    def run_out(classifier: Classifier, trainer: Any, division: Division) -> None:
        tried.append(division.micro_batch)
        if len(tried) < len(expected):
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(memory_probe, "try_step", run_out)
    monkeypatch.setattr(gc, "collect", lambda: 0)  # of a process with all tests in it, it takes seconds
    monkeypatch.setattr(Classifier, "device", SimpleNamespace(type="cuda"))
    told: list[Division] = []
    DivideBatches("auto", told.append).on_train_start(trainer, classifier)
    assert tried == expected
    assert [division.micro_batch for division in told] == expected[-1:]
    assert classifier.division == told[0]


def test_kept_statistics_are_no_reason_to_warn(fold: FoldData) -> None:
    for kept, n_norms in ((True, 0), (False, 1)):
        classifier, trainer = begin(fold, freezing={"norm_statistics": kept})
        DivideBatches(2, lambda division: None).on_train_start(trainer, classifier)
        assert classifier.division is not None
        assert min(classifier.division.n_norms, 1) == n_norms


def test_memory_that_runs_out_in_training_says_what_to_set(
    fold: FoldData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*arguments: Any, **options: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fit, "run_trainer", run_out)
    with pytest.raises(InputError) as raised:
        train(fold, tmp_path, None, CHANGES)
    assert "set training.micro_batch=5 (now up to 9 at once), or auto" in raised.value.cases[0]
