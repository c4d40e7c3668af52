"""What a search draws, which trials it ends early, and what its leaves explain."""

from pathlib import Path
from typing import Any

import pytest

from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database
from sweeps.small_sweeps import SEARCH, make_small_plan


def search(database: Database, n_trials: int = 3) -> list[dict[str, Any]]:
    queue = Queue(make_small_plan(SEARCH), database)
    for _ in range(n_trials):
        claim = queue.take()
        assert claim is not None
        assert claim.entry.values is not None
        queue.finish(claim, -abs(claim.entry.values["epochs"] - 5), {})
    return queue.list_trials()


def test_search_draws_within_its_space_and_equal_seeds_draw_the_same(tmp_path: Path) -> None:
    first, second = (search(Database(f"sqlite:///{tmp_path}/{name}.db")) for name in "ab")
    values = [trial["values"] for trial in first[:3]]
    assert values == [trial["values"] for trial in second[:3]]
    assert all(1e-4 <= one["optimizer.lr"] <= 1e-2 and 2 <= one["epochs"] <= 9 for one in values)
    assert all(one["input.size_px"] in ([32, 32], [64, 64]) for one in values)
    assert len({one["optimizer.lr"] for one in values if one}) == 3


def test_lost_trial_of_a_search_keeps_its_values(laptop: Database) -> None:
    queue = Queue(make_small_plan({**SEARCH, "n_trials": 1}), laptop)
    first = queue.take()
    assert first is not None
    queue.give_back(first, {})
    second = queue.take()
    assert second is not None
    assert second.entry == first.entry


def test_trial_that_is_behind_the_median_is_ended_and_others_are_not(laptop: Database) -> None:
    pruner = {"name": "median", "warmup_epochs": 1, "startup_trials": 2}
    queue = Queue(make_small_plan({**SEARCH, "pruner": pruner}), laptop)
    for value in (0.8, 0.9):
        claim = queue.take()
        assert claim is not None
        assert not any(queue.report(claim, value, epoch) for epoch in range(3))
        queue.finish(claim, value, {})
    worse, better = queue.take(), queue.take()
    assert worse is not None
    assert better is not None
    assert [queue.report(worse, 0.1, epoch) for epoch in range(3)] == [False, True, True]
    assert not any(queue.report(better, 0.95, epoch) for epoch in range(3))
    assert not queue.report(worse, float("nan"), 3), "what is no number says nothing"
    queue.prune(worse, {})
    (trial,) = [trial for trial in queue.list_trials() if trial["state"] == "pruned"]
    assert trial["value"] == 0.1


def test_importances_name_the_leaf_that_matters(laptop: Database) -> None:
    queue = Queue(make_small_plan({**SEARCH, "n_trials": 12, "sampler": "random"}), laptop)
    assert queue.measure_importances() == {}
    for _ in range(12):
        claim = queue.take()
        assert claim is not None
        assert claim.entry.values is not None
        queue.finish(claim, float(claim.entry.values["epochs"]), {})
    shares = queue.measure_importances(2)
    assert list(shares) == list(SEARCH["space"])  # type: ignore[call-overload]
    assert min(shares["epochs"]) > 0.8
    assert [sum(shares[leaf][forest] for leaf in shares) for forest in range(2)] == pytest.approx([1.0, 1.0])
