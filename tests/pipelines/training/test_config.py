import os
from typing import Any

import pytest
from pydantic import ValidationError

from podium.pipelines.training.config import TrainingConfig


def test_stated_number_of_workers_holds() -> None:
    assert TrainingConfig(checkpoint_dir="x", num_workers=0).count_workers() == 0
    assert TrainingConfig(checkpoint_dir="x", num_workers=5).count_workers() == 5


@pytest.mark.parametrize(("cores", "workers"), [({0}, 0), ({0, 1}, 1), (set(range(16)), 15)])
def test_workers_leave_one_core_of_those_that_may_be_used(
    cores: set[int], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores, raising=False)
    assert TrainingConfig(checkpoint_dir="x").count_workers() == workers


def test_workers_are_counted_on_systems_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert TrainingConfig(checkpoint_dir="x").count_workers() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert TrainingConfig(checkpoint_dir="x").count_workers() == 0


@pytest.mark.parametrize(
    ("name", "value"), [("device", "cuda"), ("precision", "fp32"), ("num_workers", -1), ("epochs", 3)]
)
def test_wrong_value_is_refused_by_its_name(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=f"(?m)^{name}$"):
        TrainingConfig.model_validate({"checkpoint_dir": "x", name: value})


@pytest.mark.parametrize("micro_batch", [0, -1, "x", True, 2.5, "8"])
def test_wrong_micro_batch_is_refused_by_its_name(micro_batch: Any) -> None:
    with pytest.raises(ValidationError, match=r"(?m)^micro_batch"):
        TrainingConfig.model_validate({"checkpoint_dir": "x", "micro_batch": micro_batch})


@pytest.mark.parametrize("micro_batch", [None, "auto", 1, 64])
def test_micro_batch_is_a_number_or_found_out_or_none(micro_batch: Any) -> None:
    assert TrainingConfig(checkpoint_dir="x", micro_batch=micro_batch).micro_batch == micro_batch
    assert TrainingConfig(checkpoint_dir="x").micro_batch is None


@pytest.mark.parametrize("rendezvous", [None, "gpu-1", "gpu-1:", ":29500", "gpu-1:port", "gpu-1:0", "gpu-1:70000"])
def test_several_machines_need_an_address_to_meet_at(rendezvous: Any) -> None:
    with pytest.raises(ValidationError, match="rendezvous: 2 machines meet at an address of the first"):
        TrainingConfig(checkpoint_dir="x", nodes=2, rendezvous=rendezvous)
    assert TrainingConfig(checkpoint_dir="x", rendezvous=rendezvous).nodes == 1


def test_several_machines_and_their_numbers() -> None:
    config = TrainingConfig(checkpoint_dir="x", nodes=2, node_rank=1, devices="auto", rendezvous="gpu-1:29500")
    assert (config.nodes, config.node_rank, config.devices) == (2, 1, "auto")
    with pytest.raises(ValidationError, match="node_rank: machines are counted from 0 to nodes - 1 = 1, not 2"):
        TrainingConfig(checkpoint_dir="x", nodes=2, node_rank=2, rendezvous="gpu-1:29500")
    with pytest.raises(ValidationError, match=r"(?m)^devices"):
        TrainingConfig.model_validate({"checkpoint_dir": "x", "devices": 0})
