"""The queue by itself: what waits, who has it, what becomes of what was lost."""

import sqlite3
import time
from pathlib import Path

import pytest

from podium.sweeps import queue as queue_module
from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database
from services.postgres import Postgres
from sweeps.small_sweeps import CHANGES, SEARCH, make_small_plan, plan_many


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path}/줄.db")
    server: Postgres = request.getfixturevalue("postgres")
    return Database(server.url("queue"))


def list_states(queue: Queue) -> dict[str, str]:
    return {trial["key"]: trial["state"] for trial in queue.list_trials()}


def test_trials_are_taken_in_their_order_and_their_results_are_kept(database: Database) -> None:
    queue = Queue(make_small_plan(CHANGES), database)
    keys = ["base-seed1", "느림-seed1", "base-seed2", "느림-seed2"]
    for number, key in enumerate(keys):
        claim = queue.take()
        assert claim is not None
        assert (claim.entry.key, claim.tries) == (key, 1)
        assert queue.finish(claim, number / 10, {"member": f"m-{number}"})
    assert queue.take() is None
    found = [(trial["key"], trial["state"], trial["value"], trial["member"]) for trial in queue.list_trials()]
    assert found == [(key, "finished", number / 10, f"m-{number}") for number, key in enumerate(keys)]


def test_queue_opened_again_queues_nothing_twice_and_a_longer_search_only_what_is_new(laptop: Database) -> None:
    for n_trials in (2, 2, 5):
        queue = Queue(make_small_plan({**SEARCH, "n_trials": n_trials}), laptop)
        assert list(list_states(queue)) == [f"{number:03d}" for number in range(1, n_trials + 1)]
    assert Queue(make_small_plan({**SEARCH, "n_trials": 2}), laptop).list_trials()[-1]["key"] == "005"


def test_changed_sweep_has_a_queue_of_its_own(laptop: Database) -> None:
    queue = Queue(make_small_plan(CHANGES), laptop)
    claim = queue.take()
    assert claim is not None
    queue.finish(claim, 0.5, {})
    changed = {**CHANGES, "changes": {"느림": {"optimizer": {"lr": 2e-5}}}}
    assert set(list_states(Queue(make_small_plan(changed), laptop)).values()) == {"waiting"}
    assert list_states(Queue(make_small_plan(CHANGES), laptop))["base-seed1"] == "finished"


def test_trial_whose_worker_says_nothing_any_more_is_queued_again(database: Database) -> None:
    plan = plan_many(2)
    queue = Queue(plan, database, heartbeat_s=1, grace_s=1)
    lost = queue.take()
    assert lost is not None
    time.sleep(2.1)
    assert queue.recover() == [lost.entry.key]
    assert queue.recover() == [], "once"
    kept, again = queue.take(), queue.take()
    assert kept is not None
    assert again is not None
    assert (kept.entry.key, again.entry.key, again.tries) == (plan.list_keys()[1], lost.entry.key, 2)


def test_result_of_a_worker_that_was_given_up_is_refused(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=1)
    late = queue.take()
    assert late is not None
    time.sleep(2.1)
    queue.recover()
    again = queue.take()
    assert again is not None
    assert not queue.renew(late)
    assert not queue.finish(late, 0.9, {})
    assert queue.finish(again, 0.1, {})
    assert [trial["value"] for trial in queue.list_trials()] == [0.1]


def test_trial_that_loses_worker_after_worker_is_given_up(laptop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MAX_LOST", 2)
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=1)
    for _ in range(2):
        assert queue.take() is not None
        time.sleep(2.1)
    assert queue.take() is None
    (trial,) = queue.list_trials()
    assert (trial["state"], trial["tries"], trial["error"]) == ("failed", 2, "its worker died, 2 times")
    assert queue.recover(again=True) == [trial["key"]], "unless somebody asks for it"
    assert queue.take() is not None


def test_trial_that_is_given_back_waits_at_once_however_often(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop)
    for tries in range(1, 6):
        claim = queue.take()
        assert claim is not None
        assert claim.tries == tries
        queue.give_back(claim, {})
        assert set(list_states(queue).values()) == {"waiting"}


def test_failed_trial_is_not_tried_again_by_itself(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop)
    claim = queue.take()
    assert claim is not None
    queue.fail(claim, "no memory", {"worker": "w"})
    assert queue.recover() == []
    assert queue.take() is None
    (trial,) = queue.list_trials()
    assert (trial["state"], trial["error"], trial["worker"]) == ("failed", "no memory", "w")
    assert queue.recover(again=True) == [claim.entry.key]
    assert queue.recover(again=True) == [], "what waits is not queued again"


def test_worker_that_died_before_its_first_beat_is_noticed(laptop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=1)
    monkeypatch.setattr("optuna.trial.Trial", None)  # what comes right after a trial was taken
    with pytest.raises(TypeError):
        queue.take()
    assert set(list_states(queue).values()) == {"running"}
    time.sleep(2.1)
    assert len(queue.recover()) == 1


def test_no_more_trials_are_begun_than_the_budget_has_but_begun_ones_are_tried_again(laptop: Database) -> None:
    queue = Queue(plan_many(4), laptop)
    first, second = queue.take(2), queue.take(2)
    assert first is not None
    assert second is not None
    assert queue.take(2) is None
    queue.give_back(first, {})
    again = queue.take(2)
    assert again is not None
    assert again.entry == first.entry


def test_epoch_that_cannot_be_reported_ends_nothing(laptop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(make_small_plan(SEARCH), laptop)
    claim, given_away = queue.take(), queue.take()
    assert claim is not None
    assert given_away is not None
    queue.give_back(given_away, {})
    assert not queue.report(given_away, 0.1, 9)
    for error in (sqlite3.OperationalError("away"), ZeroDivisionError()):
        monkeypatch.setattr(claim.trial, "report", lambda value, step, error=error: (_ for _ in ()).throw(error))
        if isinstance(error, ZeroDivisionError):
            with pytest.raises(ZeroDivisionError):
                queue.report(claim, 0.1, 9)
        else:
            assert not queue.report(claim, 0.1, 9)


def test_note_of_the_first_worker_stays(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop)
    assert queue.note("mlflow_run", "a") == "a"
    assert Queue(plan_many(1), laptop).note("mlflow_run", "b") == "a"
