"""What a user can mend is told in plain words; everything else keeps its traceback."""

import errno
import itertools
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from podium.cli import cli, describe_error, tell_plain_errors
from podium.errors import InputError


def make_command(function: Callable[..., Any]) -> click.Command:
    return click.Command("run", callback=tell_plain_errors(function))


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
        tell_plain_errors(fail)()


def test_interruption_is_raised_as_it_is() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell_plain_errors(interrupt)()


def test_result_and_arguments_pass_through() -> None:
    assert tell_plain_errors(lambda *parts, **named: (parts, named))(1, b=2) == ((1,), {"b": 2})


def chain(*errors: BaseException) -> BaseException:
    """Return the first error, each caused by the next one."""
    for outer, inner in itertools.pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def test_cause_is_found_along_contexts_too() -> None:
    wrong, outer = InputError("wrong:", ["a", "b"]), ValueError("while handling")
    outer.__context__ = chain(KeyError("between"), wrong)
    assert describe_error(outer) == str(wrong)


def test_error_of_the_code_is_none_of_the_users() -> None:
    assert describe_error(chain(ValueError("x"), KeyError("y"))) is None


def test_missing_file_is_named_with_what_would_make_it() -> None:
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "data/얼굴/images.parquet")
    message = describe_error(chain(DatasetError("loading failed"), missing))
    assert message is not None
    assert message.startswith("data/얼굴/images.parquet: there is no such file; ")
    assert message.endswith("kedro run")


@pytest.mark.parametrize(("place", "shown"), [("data/얼굴", "data/얼굴"), (None, "a file")])
def test_full_disk_is_named_with_its_place(place: str | None, shown: str) -> None:
    message = describe_error(chain(RuntimeError("x"), OSError(errno.ENOSPC, "No space left on device", place)))
    assert message == f"{shown}: No space left on device; check room and permissions, or set data_root in globals.yml"


def test_dataset_that_was_never_made_is_named() -> None:
    message = describe_error(DatasetError("Did not find any versions for images."))
    assert message == "Did not find any versions for images. If an earlier pipeline makes it, run that first: kedro run"


def test_dataset_error_with_a_cause_of_its_own_is_none_of_the_users() -> None:
    error = DatasetError("Failed while saving data to dataset 'scores'")
    assert describe_error(chain(error, TypeError("not JSON serializable"))) is None


def test_run_takes_all_of_kedros_options_and_leaves_kedros_own_command_alone() -> None:
    run = cli.commands["run"]
    assert run is not kedro_run
    assert run.params == kedro_run.params
    assert run.callback is not kedro_run.callback
    assert run.callback.__wrapped__ is kedro_run.callback
