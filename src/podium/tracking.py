"""What is told to MLflow while a run goes on, by one thread beside it: a server that is away never delays a training.

MLflow's own functions keep the run that they log to in each thread's memory, and begin another where a thread has none.
Kedro runs nodes in threads of its own, so its plugin has to start the same run again for every node, and runs get mixed
(kedro-mlflow issues 624 and 689). Here a run is an object: whoever tells it something tells it to that run.
"""

import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from podium.secrets import hide_password

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

Action = Callable[["MlflowClient", str], object]
"""Tells something to the run of that id."""

REQUEST_LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
"""MLflow itself asks eight times, two minutes each, with pauses that double; here what failed is told later."""

LONGEST_PAUSE_S = 60.0
GRACE_S = 10.0
"""At the end of a run, so long a server that is away is waited for."""

_STEP_S = 0.2
_HTTP_CLIENT_ERRORS = range(400, 500)
_WORTH_ANOTHER_TRY = (408, 429)
_REFUSED_CREDENTIALS = (401, 403)


class TrackingConfig(BaseModel):
    """What MLflow is told besides what always is.

    Attributes:
        weights: Whether it gets a copy of every fold's weights.
        largest_mb: In MB; a larger file is not copied, weights aside: the report of a large competition has a picture
            of every image.
    """

    model_config = ConfigDict(extra="forbid")

    weights: bool = True
    largest_mb: float = Field(50.0, ge=0)


class TrackedRun:
    """One run of MLflow, told in order by a thread of its own.

    What cannot be told waits, and is told again, later and later; what the server refuses is dropped with a warning.
    Either way the run that is tracked goes on: its results lie in the catalog's own files.

    Args:
        begin: Makes a client of the tracking server, which may have a database to lay out, and the run; returns the
            client and the run's id.
    """

    def __init__(self, begin: Callable[[], tuple["MlflowClient", str]]):
        self._client: MlflowClient | None = None
        self._begin = begin
        self._waiting: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._answered = threading.Event()  # the run began, or the first try to begin it failed
        self._began = threading.Event()
        self._ends = threading.Event()
        self._is_away = False
        self._is_given_up = False
        self.run_id: str | None = None
        self.refusal: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def wait_for_answer(self, seconds: float) -> None:
        """Wait until the run began, or could not be."""
        self._answered.wait(seconds)

    def find_id(self, seconds: float) -> str | None:
        """Return the run's id, for which a server may be waited; None where it did not answer."""
        self._began.wait(seconds)
        return self.run_id

    def tell(self, action: Action) -> None:
        """Tell something in turn, some time; this returns at once."""
        self._waiting.put(action)

    def end(self, status: str) -> None:
        """Tell how the run ended, and wait until all is told, or the server has been away for a while.

        Args:
            status: ``FINISHED``, ``FAILED`` or ``KILLED``.
        """
        if self._ends.is_set():
            return
        self.tell(lambda client, run_id: client.set_terminated(run_id, status))
        self._ends.set()
        self._waiting.put(None)
        away_s = 0.0
        while self._thread.is_alive():
            self._thread.join(_STEP_S)
            away_s = away_s + _STEP_S if self._is_away or not self._began.is_set() else 0.0
            if away_s >= GRACE_S:
                self._is_given_up = True
                logger.warning("tracking: the server stays away; %d thing(s) were not told", self._waiting.qsize())
                return

    def _work(self) -> None:
        if not self._insist(self._make_run):
            return
        while (action := self._waiting.get()) is not None:
            if not self._insist(partial(self._tell_now, action)):
                return

    def _make_run(self) -> None:
        self._client, self.run_id = self._begin()
        self._began.set()
        self._answered.set()

    def _tell_now(self, action: Action) -> None:
        assert self._client is not None
        assert self.run_id is not None
        action(self._client, self.run_id)

    def _insist(self, act: Callable[[], None]) -> bool:
        """Tell one thing until it is told or refused; false when nothing more can be told of this run."""
        pause_s = 1.0
        while not self._is_given_up:
            try:
                act()
            except Exception as error:  # clients of a server, a database and a disk share no base class
                if is_refusal(error):
                    return self._drop(error)
                self._say_away(error)
                self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if self._is_away:
                    logger.info("tracking: the server answers again")
                self._is_away = False
                return True
        return False

    def _pause(self, seconds: float) -> None:
        """Wait before the next try; the end of the run cuts it short."""
        if not self._ends.wait(seconds):
            return
        time.sleep(_STEP_S)

    def _drop(self, error: Exception) -> bool:
        if self.run_id is None:
            self.refusal = error
            self._answered.set()
            return False
        logger.warning("tracking refused, and the run goes on: %s", describe_error(error))
        return True

    def _say_away(self, error: Exception) -> None:
        if not self._is_away:
            logger.warning("tracking failed, and the run goes on; it is told later: %s", describe_error(error))
        self._is_away = True
        self._answered.set()


_current: TrackedRun | None = None


def set_current_run(run: TrackedRun | None) -> None:
    """Say which run this process tells of; there is one at a time, as there is one lock a competition."""
    global _current  # noqa: PLW0603  (a run of Kedro has no place of its own that its nodes can reach)
    _current = run


def find_run_id(seconds: float = GRACE_S) -> str | None:
    """Return the id of the run that is tracked now, as a child run or the registry need it.

    Args:
        seconds: How long to wait for a server that has not answered yet.

    Returns:
        None where no run is tracked, or the server did not answer.
    """
    return None if _current is None else _current.find_id(seconds)


def tell(action: Action) -> None:
    """Tell the present run something, some time; nothing, where none is tracked."""
    if _current is not None:
        _current.tell(action)


def log_epoch(fold: int, row: dict[str, Any]) -> None:
    """Add one epoch's numbers to the curves of its fold; nothing, when no run is tracked."""
    values = {f"fold_{fold}/{name}": float(value) for name, value in row.items() if name not in ("fold", "epoch")}
    step, time_ms = int(row["epoch"]), time.time_ns() // 1_000_000
    tell(lambda client, run_id: log_metrics(client, run_id, values, step, time_ms))


def tell_tags(name: str, values: dict[str, str]) -> None:
    """Set tags of the present run, each named ``<name>.<key>``; nothing, when no run is tracked."""

    def set_tags(client: "MlflowClient", run_id: str) -> None:
        from mlflow.entities import RunTag

        client.log_batch(run_id, tags=[RunTag(f"{name}.{key}", value) for key, value in values.items()])

    tell(set_tags)


def log_metrics(client: "MlflowClient", run_id: str, values: dict[str, float], step: int, time_ms: int) -> None:
    """Add numbers in one request; those that are no number are left out, since databases refuse them."""
    from mlflow.entities import Metric

    metrics = [Metric(name, value, time_ms, step) for name, value in values.items() if not math.isnan(value)]
    client.log_batch(run_id, metrics=metrics)


def limit_requests() -> None:
    """Let requests to a server fail in seconds instead of many minutes; who set limits in the shell keeps them."""
    for name, value in REQUEST_LIMITS.items():
        os.environ.setdefault(name, value)


def is_refusal(error: Exception) -> bool:
    """Say whether asking again is in vain: the server refused, or what should be told is wrong or gone."""
    status = _find_status(error)
    if status is not None:
        return status in _HTTP_CLIENT_ERRORS and status not in _WORTH_ANOTHER_TRY
    return isinstance(error, FileNotFoundError | TypeError | ValueError | LookupError | RuntimeError)


def refuses_credentials(error: Exception) -> bool:
    """Say whether a server knows neither user nor password, or forbids what they may not."""
    return _find_status(error) in _REFUSED_CREDENTIALS


def _find_status(error: Exception) -> int | None:
    """Return the HTTP status that an error stands for; None where there is none."""
    from mlflow.exceptions import MlflowException
    from requests import HTTPError

    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())
    return error.response.status_code if isinstance(error, HTTPError) and error.response is not None else None


def describe_error(error: Exception) -> str:
    """Write an error as one line without passwords, cut where a server answers with a page."""
    return hide_password(" ".join(str(error).split()))[:300]
