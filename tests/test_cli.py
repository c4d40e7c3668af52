"""What a user can mend is told in plain words; everything else keeps its traceback."""

from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run

from podium.cli import cli, find_input_error, tell_input_errors
from podium.errors import InputError


def make_command(function: Callable[..., Any]) -> click.Command:
    return click.Command("run", callback=tell_input_errors(function))


def fail_deeply() -> None:
    try:
        try:
            raise InputError("라벨이 틀렸습니다:", ["train.csv: 7, not 0 to 3", "train.csv: 9, not 0 to 3"])
        except InputError as error:
            raise RuntimeError("dataset failed") from error
    except RuntimeError as error:
        raise KeyError("node failed") from error


def test_input_error_below_other_errors_is_told_with_all_its_cases() -> None:
    result = CliRunner().invoke(make_command(fail_deeply), [])
    assert result.exit_code == 1
    assert "train.csv: 7, not 0 to 3" in result.output
    assert "train.csv: 9, not 0 to 3" in result.output
    assert "Traceback" not in result.output
    assert "node failed" not in result.output


def test_error_that_no_user_can_mend_is_raised_as_it_is() -> None:
    def fail() -> None:
        raise ZeroDivisionError("bug")

    with pytest.raises(ZeroDivisionError, match="bug"):
        tell_input_errors(fail)()


def test_interruption_is_raised_as_it_is() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell_input_errors(interrupt)()


def test_result_and_arguments_pass_through() -> None:
    assert tell_input_errors(lambda *parts, **named: (parts, named))(1, b=2) == ((1,), {"b": 2})


def test_cause_is_found_along_contexts_too() -> None:
    error = ValueError("while handling")
    error.__context__ = KeyError("between")
    error.__context__.__context__ = InputError("wrong:", ["a"])
    assert find_input_error(error) is error.__context__.__context__


def test_no_cause_is_none() -> None:
    assert find_input_error(None) is None
    assert find_input_error(ValueError("x")) is None


def test_run_takes_all_of_kedros_options_and_leaves_kedros_own_command_alone() -> None:
    run = cli.commands["run"]
    assert run is not kedro_run
    assert run.params == kedro_run.params
    assert run.callback is not kedro_run.callback
    assert run.callback.__wrapped__ is kedro_run.callback
