"""Range tests against a training loop written out, readings against curves with known ones, sizes against memory."""

import math
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from podium.vision import finders
from podium.vision.augmentation import resolve_policy
from podium.vision.batches import AugmentedBatches, BatchPlan
from podium.vision.finders import LrSuggestion, Trial, has_diverged, suggest_lr, trace_lr, try_batch_sizes
from podium.vision.fit import FoldData, MemberPlan, make_classifier
from podium.vision.hardware import Hardware
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe
from podium.vision.seeds import derive_seed

CPU = Hardware(accelerator="cpu", precision="32-true", num_workers=0)
SPEC = InputSpec(16, 16, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FoldData:
    """Twelve pictures of three classes to train on, and six held out."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(9)
    labels = np.arange(18) % 3
    names = [f"{number:02d}.png" for number in range(18)]
    for name, label in zip(names, labels, strict=True):
        pixels = rng.normal(70 + 50 * label, 60, (16, 16, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    filled = fill_store(root / "store", root, names, spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False)
    store = ImageStore(root / "store")
    rows = store.rows_of(filled.table["sha256"])
    return FoldData(store, rows[:12], labels[:12], np.ones(12, np.int64), rows[12:], labels[12:], rows[:0], 3)


def make_trial(data: FoldData, **changes: Any) -> Trial:
    recipe = Recipe.model_validate(
        {"name": "tiny", "model": {"backbone": "test_resnet"}, "head": {"start": "small"}, "batch_size": 4, **changes}
    )
    return Trial(MemberPlan(recipe, SPEC, resolve_policy("none", [], (16, 16)), None), data)


def train_by_hand(trial: Trial, rates: np.ndarray, accumulate: int) -> list[float]:
    """Steepest descent on the recipe's batches, in plain torch."""
    recipe, data, losses = trial.plan.recipe, trial.data, []
    seed = derive_seed(recipe.seed, 0)
    rounds = math.ceil(len(rates) * accumulate * recipe.batch_size / 12)
    plan = iter(BatchPlan("none", data.training_labels, rounds * data.n_variants, recipe.batch_size, seed))
    batches = AugmentedBatches(data.store, data.train_rows, data.training_labels, trial.plan.policy)
    network = make_classifier(trial.plan, data, seed, 10, CPU).network.train()
    for rate in rates:
        loss = torch.zeros(())
        for _ in range(accumulate):
            images, labels = batches[next(plan)]
            pixels = (images.permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
            loss = loss + nn.functional.cross_entropy(network(pixels), labels) / accumulate
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                parameter.sub_(rate * gradient)
    return losses


@pytest.mark.parametrize("accumulate", [1, 2])
def test_losses_are_those_of_descent_with_rates_that_grow_by_the_same_ratio(data: FoldData, accumulate: int) -> None:
    plain = {"name": "momentum", "lr": 0.7, "weight_decay": 0.0, "accumulate": accumulate, "options": {"momentum": 0.0}}
    trial = make_trial(data, optimizer=plain, schedule={"name": "step", "warmup_epochs": 3})  # which has no say here
    curve = trace_lr(trial, CPU, 1e-3, 1e-1, 9)
    ratios = curve["lr"].to_numpy()[1:] / curve["lr"].to_numpy()[:-1]
    assert ratios == pytest.approx(10 ** (2 / 8))
    assert curve["lr"].iloc[[0, -1]].tolist() == pytest.approx([1e-3, 1e-1])
    assert curve["step"].tolist() == list(range(9))
    assert curve["loss"].tolist() == pytest.approx(train_by_hand(trial, curve["lr"].to_numpy(), accumulate), rel=1e-3)


def test_layers_keep_the_ratio_of_their_rates(data: FoldData, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    step = torch.optim.AdamW.step

    def watch(self: torch.optim.Optimizer, *arguments: Any, **options: Any) -> Any:
        seen.append([group["lr"] for group in self.param_groups])
        return step(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.optim.AdamW, "step", watch)
    trace_lr(make_trial(data, optimizer={"lr": 0.5, "layer_decay": 0.5}), CPU, 1e-4, 1e-2, 5)
    assert [max(lrs) for lrs in seen] == pytest.approx(np.geomspace(1e-4, 1e-2, 5).tolist())
    shares = np.array([np.array(lrs) / max(lrs) for lrs in seen])
    assert shares == pytest.approx(np.broadcast_to(shares[0], shares.shape))
    assert len(np.unique(shares[0].round(6))) > 2


def test_range_test_ends_once_the_loss_diverges_and_is_the_same_again(data: FoldData) -> None:
    trial = make_trial(data, optimizer={"name": "sgd", "weight_decay": 0.0})
    curve = trace_lr(trial, CPU, 1e-4, 1e6, 40)
    assert 5 < len(curve) < 40
    last = curve["loss"].iloc[-1]
    assert not np.isfinite(last) or last > curve["loss"].iloc[0]
    pd.testing.assert_frame_equal(curve, trace_lr(trial, CPU, 1e-4, 1e6, 40))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], False),
        ([1.0, math.nan], True),
        ([1.0, math.inf], True),
        ([1.0, 9.0, 9.0, 9.0], False),  # too few to tell
        ([1.0] * 8 + [9.0], False),  # one bad batch
        ([1.0] * 5 + [5.0] * 3, False),  # the mean of the last five is 3.4
        ([1.0] * 5 + [5.0] * 4, True),  # 4.2
        ([0.0] * 9, False),
    ],
)
def test_divergence_is_a_mean_of_five_above_four_times_the_lowest(losses: list[float], expected: bool) -> None:
    assert has_diverged(losses) is expected


def make_curve(seed: int, noise: float, length: int = 100) -> pd.DataFrame:
    """A loss that falls fastest at a rate of 1e-3, as a logistic function does, and explodes before 1."""
    decades = np.linspace(-7, 0, length)
    losses = 3 - 2 / (1 + np.exp(-4 * (decades + 3))) + np.exp(8 * (decades + 0.6))
    losses += np.random.default_rng(seed).normal(0, noise, length)
    return pd.DataFrame({"step": range(length), "lr": 10**decades, "loss": losses})


@pytest.mark.parametrize("noise", [0.0, 0.03])
@pytest.mark.parametrize("seed", range(3))
def test_readings_are_those_of_a_known_curve(seed: int, noise: float) -> None:
    dense = make_curve(0, 0.0, 100_000)
    lowest = dense["lr"][dense["loss"].argmin()]
    suggestion = suggest_lr(make_curve(seed, noise))
    assert suggestion.steepest == pytest.approx(1e-3, rel=0.6)
    assert suggestion.tenth_of_lowest == pytest.approx(lowest / 10, rel=0.6)


def test_a_last_loss_that_is_not_finite_changes_no_reading() -> None:
    curve = make_curve(0, 0.01)
    end = pd.DataFrame({"step": [100], "lr": [1.2], "loss": [math.inf]})
    assert suggest_lr(pd.concat([curve, end])) == suggest_lr(curve)


@pytest.mark.parametrize(
    "curve",
    [
        make_curve(0, 0.0).assign(loss=2.0),
        make_curve(0, 0.0).assign(loss=lambda curve: 2 + curve["step"] / 100),
        make_curve(0, 0.0)[:21],
        make_curve(0, 0.0)[:0],
    ],
    ids=["flat", "rising", "short", "empty"],
)
def test_no_rate_is_read_off_a_loss_that_does_not_fall(curve: pd.DataFrame) -> None:
    assert suggest_lr(curve) == LrSuggestion(None, None)


def test_batch_sizes_double_up_to_the_largest_asked_for(data: FoldData) -> None:
    sizes = try_batch_sizes(make_trial(data, optimizer={"accumulate": 2}), CPU, 40)
    assert sizes["batch_size"].tolist() == [8, 16, 32]  # of 12 images: an epoch draws them again
    assert sizes["outcome"].tolist() == ["fits"] * 3
    assert (sizes["images_per_s"] > 0).all()


def stand_in(largest: int, error: Exception | None = None) -> Any:
    """Stand in for training: each batch takes two seconds, the first one nine, and memory holds ``largest`` images."""

    def train(trial: Trial, hardware: Hardware, n_batches: int, callback: Any) -> None:
        if trial.plan.recipe.batch_size > largest:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        callback.seconds = [9.0, *[2.0] * (n_batches - 1)]

    return train


def test_lack_of_memory_ends_the_search_and_is_told(data: FoldData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finders, "_train", stand_in(20))
    sizes = try_batch_sizes(make_trial(data), CPU, 1024)
    assert sizes["batch_size"].tolist() == [8, 16, 32]
    assert sizes["outcome"].tolist() == ["fits", "fits", "out of memory"]
    assert sizes["images_per_s"].tolist()[:2] == [4.0, 8.0]  # the first batch is not timed
    assert math.isnan(sizes["images_per_s"][2])


def test_another_fault_is_no_lack_of_memory(data: FoldData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finders, "_train", stand_in(10, RuntimeError("shapes do not match")))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        try_batch_sizes(make_trial(data), CPU, 1024)


@pytest.mark.parametrize(("free_gib", "expected"), [(2.5, ["fits", "fits", "not tried"]), (math.nan, ["fits"] * 4)])
def test_on_a_cpu_no_size_is_tried_that_may_not_fit(
    data: FoldData, monkeypatch: pytest.MonkeyPatch, free_gib: float, expected: list[str]
) -> None:
    peaks = iter(np.repeat([2.0, 4.0, 8.0, 16.0], 2) * 2**30)  # each size is told, then judged

    def read(file: str, key: str) -> float:
        return {"VmRSS": 1.0 * 2**30, "MemAvailable": free_gib * 2**30}.get(key) or float(next(peaks))

    monkeypatch.setattr(finders, "_train", stand_in(1024))
    monkeypatch.setattr(finders, "_read_memory", read)
    assert try_batch_sizes(make_trial(data), CPU, 64)["outcome"].tolist() == expected


def test_memory_of_this_process_is_read(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux has /proc")
    held = finders._read_memory("self/status", "VmRSS")
    with mmap.mmap(-1, 2**26) as ballast:  # 64 MiB that no earlier test has left behind
        np.frombuffer(ballast, np.uint8)[:] = 1
        assert finders._read_memory("self/status", "VmRSS") - held == pytest.approx(len(ballast), rel=0.1)
    assert math.isnan(finders._read_memory("no such file", "VmRSS"))


@pytest.mark.parametrize("find", ["lr", "batch_size"])
def test_what_holds_only_at_the_start_is_off(data: FoldData, monkeypatch: pytest.MonkeyPatch, find: str) -> None:
    trained: list[Recipe] = []

    def train(trial: Trial, hardware: Hardware, n_batches: int, callback: Any) -> None:
        trained.append(trial.plan.recipe)
        callback.seconds = [1.0] * n_batches

    monkeypatch.setattr(finders, "_train", train)
    melting = {"name": "melting", "norm_statistics": True}
    trial = make_trial(data, input={"progressive": {"epochs": 3}}, freezing=melting)
    _ = trace_lr(trial, CPU, 1e-7, 1, 30) if find == "lr" else try_batch_sizes(trial, CPU, 8)
    assert (trained[0].input.progressive.epochs, trained[0].freezing.name) == (0, "none")
    assert trained[0].freezing.norm_statistics
    assert trained[0].optimizer == trial.plan.recipe.optimizer
    frozen = make_trial(data, freezing={"name": "backbone"})
    _ = trace_lr(frozen, CPU, 1e-7, 1, 30) if find == "lr" else try_batch_sizes(frozen, CPU, 8)
    assert trained[1].freezing.name == "backbone"
