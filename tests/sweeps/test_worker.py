"""One worker: what it begins, what it leaves, and what it says when it ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from podium.sweeps import worker as worker_module
from podium.sweeps.config import Budget
from podium.sweeps.plan import Entry
from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database
from podium.sweeps.worker import JudgeEpoch, Outcome, RunTrial, Worker, expect_seconds, find_end
from sweeps.small_sweeps import SCORES, SEARCH, make_small_plan

START = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
ROW = {"epoch": 0.0, "val_macro_f1": 0.5, "val_accuracy": 0.6, "val_loss": 1.5}


def finish(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
    judge(0, ROW)
    return Outcome("finished", {**SCORES, "macro_f1": 0.5})


def make_queue(tmp_path: Path, **config: Any) -> Queue:
    recipes = {f"r{number}": {"epochs": number + 1} for number in range(5)}
    plan = make_small_plan({"kind": "recipes", "recipes": list(recipes), **config}, recipes=recipes)
    return Queue(plan, Database(f"sqlite:///{tmp_path}/a.db"))


def list_states(queue: Queue) -> list[str]:
    return [trial["state"] for trial in queue.list_trials()]


def test_queue_is_worked_off_and_what_each_trial_took_is_noted(tmp_path: Path) -> None:
    queue = make_queue(tmp_path)
    assert Worker(queue, finish).work_off() == "every trial that was to be begun has ended"
    for trial in queue.list_trials():
        assert (trial["state"], trial["value"], trial["accuracy"], trial["n_epochs"]) == ("finished", 0.5, 0.5, 1)
        assert trial["seconds"] >= 0
        assert str(trial["worker"]).startswith(trial["host"])


def test_failed_trial_is_noted_with_its_error_and_the_others_go_on(tmp_path: Path) -> None:
    def fail_once(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        return Outcome("failed", error="no memory") if entry.key == "r1" else finish(entry, judge, lost)

    queue = make_queue(tmp_path)
    Worker(queue, fail_once).work_off()
    assert list_states(queue) == ["finished", "failed", "finished", "finished", "finished"]
    assert queue.list_trials()[1]["error"] == "no memory"


def test_machine_on_which_everything_fails_ends_before_it_has_spent_the_queue(tmp_path: Path) -> None:
    queue = make_queue(tmp_path)
    said = Worker(queue, lambda entry, judge, lost: Outcome("failed", error="no GPU")).work_off()
    assert said == "3 trials in a row failed here, the last with: no GPU"
    assert list_states(queue) == ["failed"] * 3 + ["waiting"] * 2


def test_ctrl_c_gives_the_trial_back_and_ends_the_worker(tmp_path: Path) -> None:
    def interrupt(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        if entry.key == "r1":
            raise KeyboardInterrupt
        return finish(entry, judge, lost)

    queue = make_queue(tmp_path)
    assert Worker(queue, interrupt).work_off() == "stopped by hand"
    assert list_states(queue) == ["finished"] + ["waiting"] * 4
    Worker(queue, finish).work_off()
    assert list_states(queue) == ["finished"] * 5


def test_lost_trial_is_given_back(tmp_path: Path) -> None:
    outcomes = iter([Outcome("stopped")])
    queue = make_queue(tmp_path)
    Worker(queue, lambda entry, judge, lost: next(outcomes, None) or finish(entry, judge, lost)).work_off()
    assert list_states(queue) == ["finished"] * 5
    assert sorted(trial["tries"] for trial in queue.list_trials()) == [1, 1, 1, 1, 2]


def test_budget_of_trials_is_that_of_all_workers(tmp_path: Path) -> None:
    for already in (0, 3):
        queue = make_queue(tmp_path, budget={"trials": 3})
        assert list_states(queue).count("finished") == already
        assert Worker(queue, finish).work_off().endswith("its budget of trials is spent, 2 are left")
        assert list_states(queue) == ["finished"] * 3 + ["waiting"] * 2


class Clock:
    """A clock that a trial moves on."""

    def __init__(self, trial: timedelta):
        self.now, self._trial = START, trial

    def train(self, entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        self.now += self._trial
        return finish(entry, judge, lost)


@pytest.fixture
def minutes_of_20(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every trial seem to have taken twenty minutes."""
    monkeypatch.setattr(Worker, "_note", lambda self, began: {"host": "h", "worker": "h 1", "seconds": 1200.0})
    monkeypatch.setattr(worker_module, "name_machine", lambda: worker_module.Machine("h 1", "h"))


@pytest.mark.usefixtures("minutes_of_20")
@pytest.mark.parametrize(
    ("budget", "n_begun"),
    [
        ({"hours": 1.1}, 3),
        ({"hours": 0.6}, 1),  # sixteen minutes are left, and a trial takes twenty
        ({"deadline": (START + timedelta(minutes=61)).isoformat()}, 3),
        ({"deadline": (START + timedelta(minutes=61)).isoformat(), "hours": 0.5}, 1),
        ({"deadline": "2026-11-23T05:00:01+09:00"}, 1),  # in Korea; a second after the start, and nothing is known yet
        ({"deadline": "2026-11-23T05:00:00+09:00"}, 0),
    ],
)
def test_what_cannot_end_in_time_is_not_begun(tmp_path: Path, budget: dict[str, Any], n_begun: int) -> None:
    clock = Clock(timedelta(minutes=20))
    queue = make_queue(tmp_path, budget=budget)
    said = Worker(queue, clock.train, lambda: clock.now).work_off()
    assert list_states(queue).count("finished") == n_begun
    assert said.endswith("no further trial is begun")
    assert ("a trial takes about 20.0 minutes here" in said) == (n_begun > 0)


def test_earlier_of_two_ends_holds() -> None:
    late = START + timedelta(hours=9)
    assert find_end(Budget(hours=3, deadline=late), START) == START + timedelta(hours=3)
    assert find_end(Budget(hours=30, deadline=late), START) == late
    assert find_end(Budget(trials=3), START) is None


def test_time_is_expected_from_what_was_trained_on_this_machine() -> None:
    trials: list[dict[str, Any]] = [
        {"state": "finished", "host": "a", "seconds": seconds, "n_epochs": 3} for seconds in (10.0, 20.0, 90.0)
    ]
    others: list[dict[str, Any]] = [
        {"state": "finished", "host": "b", "seconds": 500.0, "n_epochs": 3},
        {"state": "finished", "host": "a", "seconds": 0.1, "n_epochs": 0},  # found, not trained
        {"state": "pruned", "host": "a", "seconds": 1.0, "n_epochs": 1},
        {"state": "waiting"},
    ]
    assert expect_seconds(trials + others, "a") == 20.0
    assert expect_seconds(others, "a") is None


@pytest.mark.parametrize(("criterion", "expected"), [("macro_f1", 0.5), ("accuracy", 0.6), ("log_loss", -1.5)])
def test_epochs_of_the_first_fold_are_reported_so_that_more_is_better(
    tmp_path: Path, criterion: str, expected: float
) -> None:
    plan = make_small_plan({**SEARCH, "criterion": criterion, "n_trials": 1, "folds": [1, 2]})
    queue = Queue(plan, Database(f"sqlite:///{tmp_path}/a.db"))

    def train(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        assert not judge(1, ROW)
        assert not judge(2, {**ROW, "val_macro_f1": 0.0, "val_accuracy": 0.0, "val_loss": 99.0})
        return Outcome("pruned")

    Worker(queue, train).work_off()
    (trial,) = queue.list_trials()
    assert (trial["state"], trial["value"]) == ("pruned", expected)


def test_log_loss_is_negated_so_that_more_is_better(tmp_path: Path) -> None:
    queue = make_queue(tmp_path, criterion="log_loss")
    Worker(queue, finish).work_off()
    assert {trial["value"] for trial in queue.list_trials()} == {-1.0}


def test_trial_that_runs_elsewhere_is_waited_for_and_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make_queue(tmp_path)
    elsewhere = queue.take()
    assert elsewhere is not None
    slept = []

    def give_back(seconds: float) -> None:
        slept.append(seconds)
        queue.give_back(elsewhere, {})

    monkeypatch.setattr(worker_module.time, "sleep", give_back)
    run: RunTrial = finish
    assert Worker(queue, run).work_off() == "every trial that was to be begun has ended"
    assert list_states(queue) == ["finished"] * 5
    assert len(slept) == 1


@pytest.mark.parametrize("criterion", ["macro_f1", "log_loss"])
@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_training_that_diverged_fails_alone_and_the_queue_stays_readable(
    tmp_path: Path, criterion: str, score: float
) -> None:
    def diverge(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        return Outcome("finished", {**SCORES, "macro_f1": 0.5, **({criterion: score} if entry.key != "r4" else {})})

    queue = make_queue(tmp_path, criterion=criterion)
    assert Worker(queue, diverge).work_off() == "every trial that was to be begun has ended", "the machine is well"
    assert list_states(queue) == ["failed"] * 4 + ["finished"]
    assert queue.list_trials()[0]["error"] == f"its {criterion} is {score}: the training diverged"
