"""Measure the queue alone, with trials that only wait: one worker, two, four, and four of which one is killed.

    PODIUM_SWEEP_STORAGE=postgresql://podium@127.0.0.1/sweeps python docs/study/sweeps/measure_queue.py

Without the variable the queue is a file of SQLite in a temporary folder. Prints a table in Markdown.
"""

import argparse
import multiprocessing
import tempfile
import time
from multiprocessing.synchronize import Barrier
from multiprocessing.synchronize import Event as SharedEvent
from pathlib import Path
from threading import Event

from podium.sweeps.plan import Entry, SweepPlan, make_plan
from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database, find_storage
from podium.sweeps.worker import JudgeEpoch, Outcome, Worker

SCORES = {"macro_f1": 0.5, "accuracy": 0.5, "log_loss": 1.0, "n_images": 1, "member": ""}


def plan_waiting(name: str, n_trials: int) -> SweepPlan:
    """Plan a sweep of so many trials."""
    recipes = {f"{name}_{number:02d}": {"epochs": number + 1} for number in range(n_trials)}
    parameters = {
        "competition": "none",
        "competitions": {"none": {}},
        "sweeps": {name: {"kind": "recipes", "recipes": list(recipes)}},
        "recipes": recipes,
        "policies": {},
    }
    return make_plan(name, parameters, {"split_digest": str(time.time_ns()), "content_digest": ""}, [0])


def work(plan: SweepPlan, url: str, seconds: float, start: Barrier, is_busy: SharedEvent) -> None:
    """Be a worker whose trials wait."""

    def wait(entry: Entry, judge: JudgeEpoch, lost: Event) -> Outcome:
        is_busy.set()
        time.sleep(seconds)
        return Outcome("finished", SCORES)

    queue = Queue(plan, Database(url))
    start.wait()
    Worker(queue, wait).work_off()


def measure(name: str, n_workers: int, n_trials: int, seconds: float, url: str) -> dict[str, object]:
    """Work one queue off; in ``killed`` the first worker is killed half-way through its first trial."""
    context, plan = multiprocessing.get_context("spawn"), plan_waiting(name, n_trials)
    start = context.Barrier(n_workers + 1)
    busy = [context.Event() for _ in range(n_workers)]
    workers = [context.Process(target=work, args=(plan, url, seconds, start, is_busy)) for is_busy in busy]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.monotonic()
    if name == "killed":
        busy[0].wait()
        time.sleep(seconds / 2)
        workers[0].kill()
    for worker in workers:
        worker.join()
    took_s = time.monotonic() - began
    trials = Queue(plan, Database(url)).list_trials()
    return {
        "workers": f"{n_workers}{', one killed' if name == 'killed' else ''}",
        "finished": sum(trial["state"] == "finished" for trial in trials),
        "tries": sum(trial["tries"] for trial in trials),
        "s": round(took_s, 1),
        "s at best": round(-(-n_trials // n_workers) * seconds, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = find_storage("sqlite:///sweeps.db", Path(folder))
        rows = [
            measure(name, n_workers, options.trials, options.seconds, url)
            for name, n_workers in (("one", 1), ("two", 2), ("four", 4), ("killed", 4))
        ]
    print("| " + " | ".join(rows[0]) + " |\n|" + " --- |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
