"""What ``auto`` means on a machine, and what a machine refuses."""

from pathlib import Path
from typing import Any

import pytest
import torch

from podium.errors import InputError
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.hardware import choose_hardware


@pytest.mark.parametrize(
    ("has_gpu", "has_bf16", "device", "precision", "expected"),
    [
        (False, False, "auto", "auto", ("cpu", "32-true")),
        (False, True, "auto", "auto", ("cpu", "32-true")),
        (False, False, "auto", "bf16", ("cpu", "bf16-mixed")),
        (True, True, "auto", "auto", ("gpu", "bf16-mixed")),
        (True, False, "auto", "auto", ("gpu", "32-true")),
        (True, True, "cpu", "auto", ("cpu", "32-true")),
        (True, True, "gpu", "32", ("gpu", "32-true")),
        (True, False, "gpu", "bf16", ("gpu", "bf16-mixed")),
        (True, False, "auto", "fp16", ("gpu", "16-mixed")),
    ],
)
def test_auto_takes_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, has_gpu: bool, has_bf16: bool, device: Any, precision: Any,
    expected: tuple[str, str],
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    training = TrainingConfig(
        checkpoint_dir=Path("x"), device=device, precision=precision, num_workers=3, num_threads=2, progress=False,
        compile=True, channels_last=False, micro_batch="auto",
    )  # fmt: skip
    hardware = choose_hardware(training)
    assert (hardware.accelerator, hardware.precision) == expected
    assert (hardware.num_workers, hardware.num_threads, hardware.progress) == (3, 2, False)
    assert (hardware.compile, hardware.channels_last, hardware.micro_batch) == (True, False, "auto")


def test_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="cannot train as asked") as error:
        choose_hardware(TrainingConfig(checkpoint_dir=Path("x"), device="gpu"))
    (case,) = error.value.cases
    assert case.startswith("training.device: 'gpu', but torch sees none; set 'auto' or 'cpu'")


@pytest.mark.parametrize(("has_gpu", "device"), [(False, "auto"), (True, "cpu")])
def test_half_precision_is_refused_on_a_cpu(monkeypatch: pytest.MonkeyPatch, has_gpu: bool, device: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    with pytest.raises(InputError) as error:
        choose_hardware(TrainingConfig(checkpoint_dir=Path("x"), device=device, precision="fp16"))
    assert error.value.cases == ["training.precision: 'fp16' is for GPUs; on a CPU set '32', 'bf16' or 'auto'"]


@pytest.mark.parametrize(
    ("n_gpus", "device", "devices", "expected"),
    [
        (0, "auto", 1, 1),
        (0, "auto", "auto", 1),
        (0, "auto", 2, 2),
        (4, "auto", "auto", 4),
        (4, "gpu", 3, 3),
        (4, "cpu", 6, 6),
    ],
)
def test_devices_are_gpus_or_processes(
    monkeypatch: pytest.MonkeyPatch, n_gpus: int, device: Any, devices: Any, expected: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_gpus)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    training = TrainingConfig(
        checkpoint_dir=Path("x"), device=device, devices=devices, nodes=3, node_rank=2, rendezvous="gpu-1:29500",
        max_restarts=7,
    )  # fmt: skip
    group = choose_hardware(training).group
    assert (group.n_devices, group.n_nodes, group.node_rank) == (expected, 3, 2)
    assert (group.rendezvous, group.max_restarts, group.n_ranks) == ("gpu-1:29500", 7, 3 * expected)
    assert group.describe() == f"3 machines of {expected} device{'s' if expected > 1 else ''}"


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    with pytest.raises(InputError) as error:
        choose_hardware(TrainingConfig(checkpoint_dir=Path("x"), devices=4))
    assert error.value.cases == ["training.devices: 4, but torch sees 2; set 'auto' or at most 2"]
