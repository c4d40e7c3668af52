"""``kedro mlflow``, brought in when somebody asks for it: Kedro loads the commands of every plugin at every start."""

import importlib
import sys
import warnings
from types import ModuleType

import click

PLUGIN = "kedro_mlflow.framework.cli.cli"


class MlflowCommands(click.Group):
    """The plugin's group of commands, which has one, without MLflow, which takes two seconds to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the one command, a group itself."""
        return ["mlflow"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the plugin's command, if that is the one that is asked for."""
        if cmd_name != "mlflow":
            return None
        if getattr(sys.modules.get(PLUGIN), "commands", None) is self:
            del sys.modules[PLUGIN]
        with warnings.catch_warnings(record=True):  # as in podium.run_tracking
            plugin = importlib.import_module(PLUGIN)
        command: click.Command = plugin.mlflow_commands
        return command


def load_mlflow_commands_late() -> None:
    """Stand in for the plugin's module of commands, which Kedro imports whatever the command is."""
    stand_in = ModuleType(PLUGIN)
    stand_in.commands = MlflowCommands(name="Mlflow")  # type: ignore[attr-defined]
    sys.modules.setdefault(PLUGIN, stand_in)
