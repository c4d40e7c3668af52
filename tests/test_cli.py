"""What a user can mend is told in plain words; everything else keeps its traceback."""

import errno
import inspect
import itertools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DataCatalog, DatasetError

from podium.cli import cli, describe_error, tell_plain_errors
from podium.errors import InputError
from small_disk import SmallDisk


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


def test_what_merely_came_before_is_not_taken_for_the_cause() -> None:
    outer = ValueError("while handling")
    outer.__context__ = InputError("wrong:", ["a", "b"])
    assert describe_error(outer) is None
    assert describe_error(chain(outer, InputError("the cause:", ["c"]))) == str(InputError("the cause:", ["c"]))


def test_error_of_the_code_is_none_of_the_users() -> None:
    assert describe_error(chain(ValueError("x"), KeyError("y"))) is None


def test_missing_file_is_named_with_what_would_make_it() -> None:
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "data/얼굴/images.parquet")
    message = describe_error(chain(DatasetError("loading failed"), missing))
    assert message is not None
    assert message.startswith("data/얼굴/images.parquet: no such file. ")
    assert message.endswith("kedro run")


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOTDIR, errno.EROFS, errno.EISDIR])
def test_place_that_cannot_be_written_is_named_with_the_systems_words(number: int) -> None:
    words = os.strerror(number)
    message = describe_error(chain(DatasetError("saving failed"), OSError(number, words, "data/얼굴")))
    assert message == f"data/얼굴: {words}; check room and permissions, or set data_root in globals.yml"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        TimeoutError(errno.ETIMEDOUT, "Connection timed out"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        OSError("no number at all"),
    ],
)
def test_lost_connection_is_no_question_of_room_and_permissions(error: OSError) -> None:
    assert describe_error(chain(RuntimeError("x"), error)) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_named_with_its_file_the_room_and_the_way_out(number: int, tmp_path: Path) -> None:
    words, file = os.strerror(number), tmp_path / "없는 폴더" / "결과.csv"
    message = describe_error(chain(RuntimeError("x"), OSError(number, words, str(file))))
    assert message is not None
    assert re.match(rf"{re.escape(str(file))}: {words} \([\d.]+ \w+ are free on its disk\)\. ", message)
    assert "kedro run --pipeline prune" in message
    message = describe_error(OSError(number, words))
    assert message is not None and message.startswith(f"a file: {words}. ")


@pytest.mark.parametrize("kind", ["pandas.ParquetDataset", "pandas.CSVDataset", "json.JSONDataset", "weights"])
def test_file_of_any_kind_that_finds_no_room_is_named_and_its_last_state_stays(
    small_disk: SmallDisk, atomic_writing: None, kind: str
) -> None:
    folder = small_disk.mount(2048)
    numbers = np.random.default_rng(0).random(100_000).astype(np.float32)
    table = pd.DataFrame({"a": numbers})
    entry = {"type": kind, "filepath": str(folder / "결과")}
    data: Any = {"a": numbers.tolist()} if kind.startswith("json") else table
    if kind == "weights":
        entry["type"] = "podium.datasets.weights.WeightsDataset"
        data = {"tensors": {"a": torch.from_numpy(numbers)}, "header": {}}
    catalog = DataCatalog.from_config({"x": entry})
    (folder / "결과").write_bytes(b"old")
    ballast = small_disk.fill(leaving=100_000)
    with pytest.raises(DatasetError) as error:
        catalog.save("x", data)
    message = describe_error(error.value)
    assert message is not None and message.startswith(f"{folder}/결과: No space left on device (")
    assert (folder / "결과").read_bytes() == b"old"
    assert sorted(path.name for path in folder.iterdir()) == ["ballast", "결과"]
    small_disk.resize(16_384)
    catalog.save("x", data)
    assert (folder / "결과").stat().st_size > 300_000
    assert ballast.exists()


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
    assert inspect.unwrap(run.callback) is inspect.unwrap(kedro_run.callback)
