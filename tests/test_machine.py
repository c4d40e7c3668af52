import os
import platform
from pathlib import Path

import pytest
import torch

from podium.machine import describe_machine

TWO_KINDS = "NVIDIA A100-SXM4-80GB, 81920, 570.12\nNVIDIA A100-SXM4-80GB, 81920, 570.12\nNVIDIA L4, 23034, 570.12\n"


def pretend_driver(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int = 0) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{answer}E\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_machine_is_described_in_text_with_the_versions_that_torch_itself_tells() -> None:
    machine = describe_machine()
    assert machine["python"] == platform.python_version()
    assert machine["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert int(machine["cores"]) == len(os.sched_getaffinity(0))
    assert float(machine["memory_gib"]) > 0.5
    assert all(isinstance(value, str) and value for value in machine.values())


def test_gpus_are_counted_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_driver(tmp_path, monkeypatch, TWO_KINDS)
    machine = describe_machine()
    assert machine["gpu"] == "2 x NVIDIA A100-SXM4-80GB, 1 x NVIDIA L4"
    assert (machine["gpu_memory_gib"], machine["driver"]) == ("80.0", "570.12")


def test_driver_that_fails_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_driver(tmp_path, monkeypatch, "NVIDIA-SMI has failed\n", code=9)
    assert not {"gpu", "driver", "gpu_memory_gib"} & set(describe_machine())
