"""The ``kedro run`` of this project: the usual one, but an error that a user can mend is told without a traceback."""

import copy
import errno
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from podium.byte_counts import describe_bytes
from podium.disk.room import measure_free
from podium.errors import InputError
from podium.leaving import is_kedro_command, leave_now

FULL = {errno.ENOSPC, errno.EDQUOT}
UNWRITABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}


@click.group(name="podium")
def cli() -> None:
    """Commands of this project, which Kedro finds here."""


def tell_plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an error that a user can mend into click's plain message; any other goes on with its traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            message = describe_error(error)
            if message is None:
                raise
            raise click.ClickException(message) from error

    return wrapped


def leave_when_done(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command that succeeds be the last thing that a ``kedro`` process does."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = command(*args, **kwargs)
        if is_kedro_command():
            leave_now(0)
        return result

    return wrapped


def describe_error(error: BaseException) -> str | None:
    """Say what a user can do about an error, or None when it is no user's doing.

    Args:
        error: As it came out of the run; Kedro wraps what happened inside a dataset, and
            :mod:`podium.missing_hooks` adds what is missing.

    Returns:
        The first of its causes that speaks for itself: wrong input, a file that cannot be written or read, a dataset
        that was never made.
    """
    missing = "".join(f"\n  - {note}" for note in getattr(error, "__notes__", ()))
    remedy = missing or " If an earlier pipeline makes it, run that first: kedro run"
    for cause in _list_causes(error):
        if isinstance(cause, InputError):
            return str(cause)
        if isinstance(cause, FileNotFoundError) and cause.filename:
            return f"{cause.filename}: no such file.{remedy}"
        if isinstance(cause, OSError) and cause.errno in FULL:
            return _describe_full_disk(cause)
        if isinstance(cause, OSError) and cause.errno in UNWRITABLE:
            place = cause.filename or "a file"
            return f"{place}: {cause.strerror}; check room and permissions, or set data_root in globals.yml"
        if isinstance(cause, DatasetError) and cause.__cause__ is None:
            return f"{cause}{remedy}"
    return None


def _describe_full_disk(error: OSError) -> str:
    """Name the file that found no room, and say how much there is left."""
    place, room = "a file", ""
    if error.filename:
        place = str(error.filename)
        room = f" ({describe_bytes(measure_free(Path(place).parent))} are free on its disk)"
    return (
        f"{place}: {error.strerror}{room}. What was written before is whole, and nothing is there by half. Make room, "
        "as with kedro run --pipeline prune, which lists what may go; then the same command goes on"
    )


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Follow what was said to be the cause; what merely came before may have nothing to do with it."""
    while error is not None:
        yield error
        error = error.__cause__


run = copy.copy(kedro_run)
assert kedro_run.callback is not None
run.callback = leave_when_done(tell_plain_errors(kedro_run.callback))
cli.add_command(run)
