"""One worker of a sweep: takes trials from the queue, trains them, and begins none that cannot end in time."""

import logging
import math
import os
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from podium.sweeps.config import Budget
from podium.sweeps.lease import Lease
from podium.sweeps.plan import Entry
from podium.sweeps.queue import Claim, Queue

logger = logging.getLogger(__name__)

MAX_FAILURES = 3
"""After so many failures in a row it is likely the machine that fails, and more trials would be spent for nothing."""

POLL_S = 5.0

MONITORED = {"macro_f1": ("val_macro_f1", 1.0), "accuracy": ("val_accuracy", 1.0), "log_loss": ("val_loss", -1.0)}
"""What an epoch says about each criterion, and the sign with which more of it is better."""

JudgeEpoch = Callable[[int, dict[str, float]], bool]
"""Takes a fold and its epoch's numbers; True ends the trial early."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: ``finished``, ``pruned``, ``failed``, or ``stopped`` because the trial was lost.
        scores: Of a finished one: macro_f1, accuracy, log_loss, n_images and member.
        error: Of a failed one, in a few lines.
    """

    state: str
    scores: dict[str, Any] = field(default_factory=dict)
    error: str = ""


RunTrial = Callable[[Entry, JudgeEpoch, Event], Outcome]
"""Trains a trial, asks about each epoch, and stops when the event is set."""


@dataclass(frozen=True)
class Machine:
    """Who works, as it stands in the table of trials.

    Attributes:
        worker: Host, GPU and process.
        host: Trials are expected to take as long as others on the same one.
    """

    worker: str
    host: str


@contextmanager
def ending_politely() -> Iterator[None]:
    """Let a worker that is asked to end (SIGTERM: a terminal that closes, a scheduler) do so as on Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def name_machine() -> Machine:
    """Name this process."""
    host, gpu = socket.gethostname(), os.environ.get("CUDA_VISIBLE_DEVICES")
    return Machine(f"{host}{f' gpu {gpu}' if gpu else ''} {os.getpid()}", host)


def find_end(budget: Budget, began: datetime) -> datetime | None:
    """Return the instant by which everything has to be over, in UTC; None when there is none."""
    ends = [began + timedelta(hours=budget.hours)] if budget.hours is not None else []
    ends += [budget.deadline.astimezone(UTC)] if budget.deadline is not None else []
    return min(ends, default=None)


def expect_seconds(trials: list[dict[str, Any]], host: str) -> float | None:
    """Expect a trial to take as long as the median of those finished on this machine; None before the first."""
    known = [
        trial["seconds"] for trial in trials
        if trial["state"] == "finished" and trial.get("host") == host and trial.get("n_epochs")
    ]  # fmt: skip
    return statistics.median(known) if known else None


class EpochJudge:
    """Reports a trial's epochs to the queue, which may end it.

    It is judged by its first fold alone: ended after that, it would leave a member half done.

    Attributes:
        n_epochs: So many were trained; none where a finished member was found.
    """

    def __init__(self, queue: Queue, claim: Claim):
        self.n_epochs = 0
        self._queue, self._claim = queue, claim
        self._fold: int | None = None

    def __call__(self, fold: int, row: dict[str, float]) -> bool:
        """Take a row of the history; True ends the trial."""
        self.n_epochs += 1
        self._fold = fold if self._fold is None else self._fold
        column, sign = MONITORED[self._queue.plan.config.criterion]
        return fold == self._fold and self._queue.report(self._claim, sign * row[column], int(row["epoch"]))


class Worker:
    """Works off a queue until it is empty, the budget is spent or somebody stops it."""

    def __init__(self, queue: Queue, run_trial: RunTrial, now: Callable[[], datetime] | None = None):
        self._queue, self._run_trial = queue, run_trial
        self._config = queue.plan.config
        self._now = now or (lambda: datetime.now(UTC))
        self._machine = name_machine()
        self._n_failures = 0

    def work_off(self) -> str:
        """Work, and say why it ended.

        A trial that runs elsewhere is waited for: its worker may die, and somebody has to go on with it. Ctrl-C gives
        the present trial back and ends the work.
        """
        end = find_end(self._config.budget, self._now())
        waits = False
        try:
            while True:
                late = self._find_lateness(end)
                if late:
                    return late
                claim = self._queue.take(self._config.budget.trials)
                if claim is not None:
                    waits = False
                    if reason := self._try(claim):
                        return reason
                    continue
                states = [trial["state"] for trial in self._queue.list_trials()]
                if "running" not in states:
                    n_left = states.count("waiting")
                    spent = f"; its budget of trials is spent, {n_left} are left" if n_left else ""
                    return f"every trial that was to be begun has ended{spent}"
                if not waits:
                    logger.info("nothing waits; %d trials run elsewhere and are waited for", states.count("running"))
                waits = True
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            return "stopped by hand"

    def _find_lateness(self, end: datetime | None) -> str:
        if end is None:
            return ""
        expected = expect_seconds(self._queue.list_trials(), self._machine.host)
        left_s = (end - self._now()).total_seconds()
        if left_s > (expected or 0.0):
            return ""
        takes = "" if expected is None else f", and a trial takes about {expected / 60:.1f} minutes here"
        return f"{max(left_s, 0) / 60:.1f} minutes are left{takes}: no further trial is begun"

    def _try(self, claim: Claim) -> str:
        """Train one trial and note what came out; returns why the worker has to end, or nothing."""
        entry, began = claim.entry, time.monotonic()
        judge = EpochJudge(self._queue, claim)
        logger.info("trial %s of '%s' begins (try %d): %s", entry.key, self._queue.plan.name, claim.tries, entry.recipe)
        with Lease(self._queue, claim) as lease:
            try:
                outcome = self._run_trial(entry, judge, lease.lost)
            except KeyboardInterrupt:
                self._queue.give_back(claim, self._note(began))
                logger.info("trial %s is given back", entry.key)
                raise
            self._tell(claim, outcome, {**self._note(began), "n_epochs": judge.n_epochs})
        self._n_failures = self._n_failures + 1 if outcome.state == "failed" else 0
        if self._n_failures == MAX_FAILURES:
            return f"{MAX_FAILURES} trials in a row failed here, the last with: {outcome.error}"
        return ""

    def _note(self, began: float) -> dict[str, Any]:
        return {
            "worker": self._machine.worker,
            "host": self._machine.host,
            "seconds": round(time.monotonic() - began, 3),
            "ended": time.time(),
        }

    def _tell(self, claim: Claim, outcome: Outcome, notes: dict[str, Any]) -> None:
        key = claim.entry.key
        if outcome.state == "finished":
            self._tell_score(claim, outcome.scores, notes)
        elif outcome.state == "pruned":
            self._queue.prune(claim, {**notes, **outcome.scores})
            logger.info("trial %s was ended early: it is behind the others", key)
        elif outcome.state == "stopped":
            self._queue.give_back(claim, notes)
            logger.warning("trial %s was lost: the queue did not hear of this worker in time", key)
        else:
            self._queue.fail(claim, outcome.error, notes)
            logger.warning("trial %s failed: %s", key, outcome.error)

    def _tell_score(self, claim: Claim, scores: dict[str, Any], notes: dict[str, Any]) -> None:
        """Tell a score; that of a training that diverged is none, and would leave Optuna's tables unreadable."""
        key, criterion = claim.entry.key, self._config.criterion
        score = float(scores[criterion])
        if not math.isfinite(score):
            self._queue.fail(claim, f"its {criterion} is {score}: the training diverged", notes)
            logger.warning("trial %s diverged: its %s is %s", key, criterion, score)
        elif self._queue.finish(claim, -score if criterion == "log_loss" else score, {**notes, **scores}):
            logger.info("trial %s: %s %.4f", key, criterion, score)
