"""The plugin's commands are all there, but nothing is loaded for them until they are asked for."""

import json
import subprocess
import sys

import pytest

# Asked one after another in one process: what loads the plugin comes last.
ASKED = (("registry", "list"), ("regestry",), ("mlflow", "--help"), ("--help",))
COLLECT = """
import json, sys
from pathlib import Path
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI
for arguments in json.loads(sys.argv[1]):
    command = KedroCLI(Path.cwd())
    before = "mlflow" in sys.modules
    result = CliRunner().invoke(command, arguments)
    print(json.dumps([before, "mlflow" in sys.modules, result.exit_code, result.output]))
"""
Answer = tuple[bool, bool, int, str]


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    """What Kedro says in this project: whether MLflow was there before and after it, its exit code, its output."""
    code = [sys.executable, "-c", COLLECT, json.dumps(ASKED)]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()[-len(ASKED) :]
    return {" ".join(asked): tuple(json.loads(line)) for asked, line in zip(ASKED, lines, strict=True)}


def test_command_of_another_name_loads_nothing_of_the_plugin(answers: dict[str, Answer]) -> None:
    assert answers["registry list"][:3] == (False, False, 0)


def test_plugins_command_is_found_and_its_own_commands_are_listed(answers: dict[str, Answer]) -> None:
    *state, output = answers["mlflow --help"]
    assert state == [False, True, 0]
    assert {"init", "modelify", "ui"} <= {line.split()[0] for line in output.splitlines() if line.strip()}


def test_help_of_kedro_lists_the_plugins_command(answers: dict[str, Answer]) -> None:
    *_, exit_code, output = answers["--help"]
    assert exit_code == 0
    assert any(line.split()[:1] == ["mlflow"] for line in output.splitlines())


def test_unknown_command_is_refused_without_loading_the_plugin(answers: dict[str, Answer]) -> None:
    assert answers["regestry"][:3] == (False, False, 2)
