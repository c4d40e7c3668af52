"""A run is told in order by a thread beside it, whatever the server does, and never waits for it but at its end."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE, UNAUTHENTICATED
from requests import HTTPError

from podium import tracking
from podium.tracking import TrackedRun, describe_error, find_run_id, log_epoch, set_current_run, tell, tell_tags

ROW = {"fold": 1, "epoch": 4, "train_loss": 0.5, "val_macro_f1": 0.25, "lr": float("nan")}
AWAY = MlflowException("connection refused", error_code=TEMPORARILY_UNAVAILABLE)


class Server:
    """Stands in for MLflow's client; what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.error: Exception | None = None
        self.threads: set[str] = set()

    def _answer(self, what: Any) -> None:
        self.threads.add(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        self.told.append(what)

    def create_run(self) -> str:
        self._answer("begun")
        return "run-1"

    def log_batch(self, run_id: str, metrics: Sequence[Any] = (), tags: Sequence[Any] = ()) -> None:
        if tags:
            self._answer((run_id, {tag.key: tag.value for tag in tags}))
            return
        self._answer((run_id, {metric.key: metric.value for metric in metrics}, metrics[0].step if metrics else None))

    def set_terminated(self, run_id: str, status: str) -> None:
        self._answer((run_id, status))

    def say(self, what: Any) -> None:
        self._answer(what)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def begin(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], TrackedRun]]:
    monkeypatch.setattr(tracking, "GRACE_S", 0.6)
    runs: list[TrackedRun] = []

    def make() -> TrackedRun:
        runs.append(TrackedRun(lambda: (server, server.create_run())))  # type: ignore[arg-type, return-value]
        set_current_run(runs[-1])
        return runs[-1]

    yield make
    set_current_run(None)
    server.error = None
    for run in runs:
        run.end("FINISHED")


def test_all_is_told_in_order_by_another_thread_before_the_run_ends(
    server: Server, begin: Callable[[], TrackedRun]
) -> None:
    run = begin()
    for number in range(50):
        tell(lambda client, run_id, number=number: client.say((run_id, number)))
    run.end("FAILED")
    assert server.told == ["begun", *(("run-1", number) for number in range(50)), ("run-1", "FAILED")]
    assert server.threads == {"tracking"}


def test_numbers_of_an_epoch_become_points_of_its_folds_curves_but_for_those_that_are_none(
    server: Server, begin: Callable[[], TrackedRun]
) -> None:
    run = begin()
    log_epoch(1, ROW)
    log_epoch(2, {"epoch": 0.0, "lr": 1})
    run.end("FINISHED")
    assert server.told[1:3] == [
        ("run-1", {"fold_1/train_loss": 0.5, "fold_1/val_macro_f1": 0.25}, 4),
        ("run-1", {"fold_2/lr": 1.0}, 0),
    ]


def test_tags_are_told_under_the_name_of_what_they_say(server: Server, begin: Callable[[], TrackedRun]) -> None:
    run = begin()
    tell_tags("training", {"devices": "2", "nodes": "1"})
    run.end("FINISHED")
    assert server.told[1] == ("run-1", {"training.devices": "2", "training.nodes": "1"})


def test_nothing_is_told_and_no_run_is_named_without_one() -> None:
    log_epoch(1, ROW)
    tell_tags("training", {"devices": "2"})
    assert find_run_id() is None


def test_server_that_is_away_delays_nobody_and_is_told_all_when_it_is_back(
    server: Server, begin: Callable[[], TrackedRun], caplog: pytest.LogCaptureFixture
) -> None:
    server.error = AWAY
    run = begin()
    started = time.monotonic()
    run.wait_for_answer(5.0)
    for _ in range(100):
        log_epoch(1, ROW)
    assert time.monotonic() - started < 1.0
    assert (run.run_id, find_run_id(0.0)) == (None, None)
    server.error = None
    assert find_run_id(5.0) == "run-1"
    run.end("FINISHED")
    assert len(server.told) == 102
    assert [record.levelname for record in caplog.records if "tracking failed" in record.message] == ["WARNING"]


def test_end_waits_for_a_server_that_stays_away_no_longer_than_said(
    server: Server, begin: Callable[[], TrackedRun], caplog: pytest.LogCaptureFixture
) -> None:
    run = begin()
    assert find_run_id() == "run-1"
    server.error = AWAY
    for _ in range(3):
        log_epoch(1, ROW)
    started = time.monotonic()
    run.end("FINISHED")
    assert time.monotonic() - started < 3.0
    assert "4 thing(s) were not told" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        MlflowException("없음", error_code=INVALID_PARAMETER_VALUE),
        FileNotFoundError("gone"),
        KeyError("x"),
        HTTPError("not allowed", response=SimpleNamespace(status_code=403)),  # type: ignore[arg-type]
    ],
)
def test_what_is_refused_is_dropped_with_a_warning_and_the_rest_is_told(
    server: Server, begin: Callable[[], TrackedRun], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    run = begin()

    def refuse(client: Any, run_id: str) -> None:
        raise error

    with caplog.at_level(logging.WARNING, logger="podium.tracking"):
        tell(refuse)
        log_epoch(1, ROW)
        run.end("FINISHED")
    assert len(server.told) == 3
    assert [record.message.split(":")[0] for record in caplog.records] == ["tracking refused, and the run goes on"]


def test_run_that_is_refused_says_so_and_is_told_nothing(server: Server, begin: Callable[[], TrackedRun]) -> None:
    server.error = MlflowException("who are you", error_code=UNAUTHENTICATED)
    run = begin()
    run.wait_for_answer(5.0)
    assert run.refusal is server.error
    assert tracking.refuses_credentials(run.refusal)
    server.error = None
    log_epoch(1, ROW)
    run.end("FINISHED")
    assert server.told == []


def test_error_is_told_in_one_short_line_without_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret-word")
    told = describe_error(RuntimeError("no\n  way: postgresql://kim:hunter2@db/x s3cret-word " + "<html>" * 10_000))
    assert "hunter2" not in told and "s3cret-word" not in told
    assert "\n" not in told
    assert len(told) <= 300


@pytest.mark.parametrize(
    "error",
    [OSError("full"), AWAY, ConnectionError("no"), HTTPError(response=SimpleNamespace(status_code=503))],  # type: ignore[arg-type]
)
def test_what_may_pass_is_no_refusal(error: Exception) -> None:
    assert not tracking.is_refusal(error)
