"""What is said through the environment is said before the libraries that read it."""

import json
import os
import subprocess
import sys

import pytest

from podium.quiet import SILENT

SHOWING = "import json, os, sys, podium; print(json.dumps([dict(os.environ), 'torch' in sys.modules]))"
SET_BY_PODIUM = {*SILENT, "GOMP_SPINCOUNT"}


def import_podium(**variables: str) -> dict[str, str]:
    """Return the environment of a fresh process once it has imported podium, and nothing else."""
    clean = {name: value for name, value in os.environ.items() if name not in SET_BY_PODIUM}
    environment = {**clean, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    shown = subprocess.run(
        [sys.executable, "-c", SHOWING], env=environment, capture_output=True, text=True, check=True
    ).stdout
    after, has_torch = json.loads(shown)
    assert not has_torch, "OpenMP reads its variables when torch is imported"
    return dict(after)


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return import_podium()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DO_NOT_TRACK", "true"),
        ("KEDRO_DISABLE_TELEMETRY", "true"),
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("NO_ALBUMENTATIONS_UPDATE", "true"),
        ("HF_HUB_DISABLE_TELEMETRY", "1"),
    ],
)
def test_usage_reports_are_off_once_podium_is_imported(environment: dict[str, str], name: str, value: str) -> None:
    assert environment[name] == value


def test_telemetry_stays_off_whatever_the_shell_says() -> None:
    assert import_podium(DO_NOT_TRACK="false")["DO_NOT_TRACK"] == "true"
