"""The ``kedro run`` of this project: the usual one, but an error that a user can mend is told without a traceback."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from podium.errors import InputError


@click.group(name="podium")
def cli() -> None:
    """Commands of this project, which Kedro finds here."""


def tell_input_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an :class:`InputError`, wherever in the chain of causes, into click's plain error message."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            cause = find_input_error(error)
            if cause is None:
                raise
            raise click.ClickException(str(cause)) from error

    return wrapped


def find_input_error(error: BaseException | None) -> InputError | None:
    """Walk along what caused an error, to the first that a user can mend."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error


run = copy.copy(kedro_run)
assert kedro_run.callback is not None
run.callback = tell_input_errors(kedro_run.callback)
cli.add_command(run)
