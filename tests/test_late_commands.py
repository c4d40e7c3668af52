"""The plugin's commands are all there, but nothing is loaded for them until they are asked for."""

import subprocess
import sys

COLLECT = (
    "import sys; from pathlib import Path; from click.testing import CliRunner; "
    "from kedro.framework.cli.cli import KedroCLI; command = KedroCLI(Path.cwd()); "
    "before = 'mlflow' in sys.modules; "
    "result = CliRunner().invoke(command, sys.argv[1:]); "
    "print(before, 'mlflow' in sys.modules, result.exit_code); print(result.output)"
)


def ask_kedro(*arguments: str) -> list[str]:
    """Run a command of Kedro in this project; say whether MLflow was there before and after it, then its output."""
    done = subprocess.run([sys.executable, "-c", COLLECT, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_command_of_another_name_loads_nothing_of_the_plugin() -> None:
    assert ask_kedro("registry", "list")[0] == "False False 0"


def test_plugins_command_is_found_and_its_own_commands_are_listed() -> None:
    state, *output = ask_kedro("mlflow", "--help")
    assert state == "False True 0"
    assert {"init", "modelify", "ui"} <= {line.split()[0] for line in output if line.strip()}


def test_help_of_kedro_lists_the_plugins_command() -> None:
    state, *output = ask_kedro("--help")
    assert state.endswith("0")
    assert any(line.split()[:1] == ["mlflow"] for line in output)


def test_unknown_command_is_refused_without_loading_the_plugin() -> None:
    assert ask_kedro("regestry")[0] == "False False 2"
