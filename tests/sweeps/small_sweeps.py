"""Sweeps of a few trials that train nothing, and workers as processes."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from podium.sweeps.plan import SweepPlan, make_plan
from processes import wait_until

RECIPES: dict[str, dict[str, Any]] = {"기준": {"epochs": 3}, "다른": {"based_on": "기준", "loss": {"name": "focal"}}}
CHANGES = {"kind": "changes", "base": "기준", "changes": {"느림": {"optimizer": {"lr": 1e-5}}}, "seeds": [1, 2]}
SEARCH = {
    "kind": "search",
    "base": "기준",
    "n_trials": 6,
    "space": {
        "optimizer.lr": {"kind": "float", "low": 1e-4, "high": 1e-2, "log": True},
        "epochs": {"kind": "int", "low": 2, "high": 9},
        "input.size_px": {"kind": "choices", "values": [[32, 32], [64, 64]]},
    },
}
SCORES = {"accuracy": 0.5, "log_loss": 1.0, "n_images": 10, "member": "m-0"}

WORKER = """
import os, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[5:]
import optuna, psycopg, sqlalchemy  # before the start, so that all workers make the queue at the same moment
from podium.sweeps.queue import Queue
from podium.sweeps.storage import Database
from podium.sweeps.worker import Outcome, Worker
from sweeps.small_sweeps import SCORES, note, plan_many
url, notes, n_trials, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
note(notes, "ready")
while not notes.with_name("start").exists():
    time.sleep(0.002)

def train(entry, judge, lost):
    note(notes, "begin", entry.key)
    time.sleep(seconds)
    note(notes, "end", entry.key)
    return Outcome("finished", {**SCORES, "macro_f1": 0.5})

print(Worker(Queue(plan_many(n_trials), Database(url), heartbeat_s=1, grace_s=8), train).work_off())
"""


def make_small_plan(config: dict[str, Any], name: str = "찾기", **parameters: Any) -> SweepPlan:
    """Make the plan of a sweep on a competition with three folds."""
    given = {
        "competition": "꽃",
        "competitions": {"꽃": {"format": "image_folder", "root": "꽃"}},
        "sweeps": {name: config},
        "recipes": RECIPES,
        "policies": {"light": []},
        **parameters,
    }
    return make_plan(name, given, {"split_digest": "s", "content_digest": "c"}, [0, 1, 2])


def plan_many(n_trials: int) -> SweepPlan:
    """Make a sweep of so many trials."""
    recipes = {f"레시피{number:02d}": {"epochs": number + 1} for number in range(n_trials)}
    return make_small_plan({"kind": "recipes", "recipes": list(recipes)}, recipes=recipes)


def note(file: Path, what: str, key: str = "") -> None:
    """Append a line: what happened, to which trial, in which process, when."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f"{what}\t{key}\t{os.getpid()}\t{time.time()}\n")


def read_notes(file: Path) -> list[tuple[str, str, int, float]]:
    """Read what workers noted, in the order of time."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    parts = [line.split("\t") for line in lines]
    return [(what, key, int(process), float(when)) for what, key, process, when in parts]


def start_worker(url: str, notes: Path, n_trials: int, seconds: float) -> "subprocess.Popen[str]":
    """Start a worker that waits for :func:`release` and then trains nothing for so long a trial."""
    command = [sys.executable, "-c", WORKER, url, str(notes), str(n_trials), str(seconds), *sys.path]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUTF8": "1"}
    )


def release(notes: Path, n_workers: int) -> None:
    """Let workers begin at the same moment, once all of them are there."""
    wait_until(lambda: sum(what == "ready" for what, *_ in read_notes(notes)) == n_workers)
    notes.with_name("start").touch()
