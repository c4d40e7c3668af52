"""A worker keeps its trial while it lives, and knows when it has lost it."""

import time
from threading import Event

import pytest

from podium.sweeps.lease import Lease
from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database
from processes import wait_until
from sweeps.small_sweeps import SCORES, plan_many


def test_lease_keeps_a_trial_longer_than_its_grace(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=4)
    claim = queue.take()
    assert claim is not None
    with Lease(queue, claim) as lease:
        time.sleep(6.0)
        assert not lease.lost.is_set()
        assert queue.recover() == []
    assert queue.finish(claim, 0.5, SCORES)


def test_worker_that_cannot_reach_the_queue_knows_that_its_trial_is_lost_before_others_may_take_it(
    laptop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=3)
    claim = queue.take()
    assert claim is not None
    monkeypatch.setattr(queue, "renew", lambda claim: 1 / 0)
    other = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=3)
    with Lease(queue, claim) as lease:
        wait_until(lambda: lease.lost.is_set() or bool(other.recover()), 20)
        assert lease.lost.is_set()
        assert {trial["state"] for trial in other.list_trials()} == {"running"}


def test_worker_whose_trial_was_given_away_is_told(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=3)
    claim = queue.take()
    assert claim is not None
    with Lease(queue, claim) as lease:
        queue.give_back(claim, {})
        assert lease.lost.wait(10)


def test_worker_whose_queue_does_not_even_refuse_knows_in_time_that_its_trial_is_lost(
    laptop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=4)
    claim = queue.take()
    assert claim is not None
    answers = Event()
    monkeypatch.setattr(queue, "renew", lambda claim: answers.wait(60))
    with Lease(queue, claim) as lease:
        began = time.monotonic()
        assert lease.lost.wait(20)
        assert time.monotonic() - began < queue.grace_s
        answers.set()
    assert lease.lost.is_set()


def test_lease_that_ended_loses_nothing_afterwards(laptop: Database) -> None:
    queue = Queue(plan_many(1), laptop, heartbeat_s=1, grace_s=2)
    claim = queue.take()
    assert claim is not None
    with Lease(queue, claim) as lease:
        pass
    assert not lease.lost.wait(1.5)
