"""Measure a sweep of twelve short trainings with one worker, with two, and with two of which one is killed.

    PODIUM_SWEEP_STORAGE=postgresql://podium@127.0.0.1/sweeps python docs/study/sweeps/measure_workers.py

Makes a copy of the project in a temporary folder and trains on the demo of ``--env sample``, a fold a trial. Without
the variable the queue is a file of SQLite in that folder. Prints a table in Markdown.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parents[3]
PHASES = {"one": 1, "two": 2, "killed": 2}


def make_project(folder: Path, n_trials: int, epochs: int) -> None:
    """Copy the project, with a sweep a phase; each has members of its own, so that nothing is found ready."""
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("local", "__pycache__", "*.egg-info"))
    (folder / "conf" / "local").mkdir()
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    recipes = {
        f"{phase}_{number:02d}": {"based_on": "baseline", "epochs": epochs, "seed": number}
        for phase in PHASES
        for number in range(n_trials)
    }
    sweeps = {
        phase: {"kind": "recipes", "folds": [0], "recipes": [name for name in recipes if name.startswith(f"{phase}_")]}
        for phase in PHASES
    }
    parameters = {"recipes": recipes, "sweeps": sweeps, "training": {"num_threads": 1}}
    text = yaml.safe_dump(parameters)
    (folder / "conf" / "sample" / "parameters_study.yml").write_text(text, encoding="utf-8")


def start_worker(folder: Path, phase: str) -> "subprocess.Popen[bytes]":
    """Start a worker as a user would."""
    command = [sys.executable, "-m", "kedro", "run", "--env", "sample", "--pipelines", "sweep"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    with (folder / f"{phase}.log").open("ab") as log:
        return subprocess.Popen([*command, "--params", f"sweep={phase}"], cwd=folder, env=environment, stdout=log,
                                stderr=log)  # fmt: skip


def read_trials(folder: Path, phase: str) -> pd.DataFrame:
    """Read the table of trials, as the last worker wrote it, with the instants at which each began and ended."""
    (path,) = folder.glob(f"data/sample/08_reporting/*/sweeps/{phase}/trials.csv")
    trials = pd.read_csv(path)
    ended = pd.to_datetime(trials["ended"])
    return trials.assign(ended=ended, began=ended - pd.to_timedelta(trials["seconds"], unit="s"))


def count_trial_logs(folder: Path, phase: str) -> int:
    """Count the trials that were begun so far."""
    return len(list(folder.glob(f"data/sample/08_reporting/*/sweeps/{phase}/logs/*.log")))


def run_phase(folder: Path, phase: str) -> dict[str, object]:
    """Work one sweep off, and say how long it took from the begin of its first trial to the end of its last."""
    workers = [start_worker(folder, phase) for _ in range(PHASES[phase])]
    if phase == "killed":
        while count_trial_logs(folder, phase) < 6:
            time.sleep(0.1)
        workers[0].send_signal(signal.SIGKILL)
    for worker in workers:
        worker.wait()
    trials = read_trials(folder, phase)
    wall_s = (trials["ended"].max() - trials["began"].min()).total_seconds()
    return {
        "workers": f"{PHASES[phase]}{', one killed' if phase == 'killed' else ''}",
        "finished": int((trials["state"] == "finished").sum()),
        "members": trials["member"].nunique(),
        "tries": int(trials["tries"].sum()),
        "wall s": round(wall_s),
        "s a trial": round(trials["seconds"].median(), 1),
    }


def main() -> None:
    """Run the phases one after another and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="podium-sweep-") as name:
        folder = Path(name)
        make_project(folder, options.trials, options.epochs)
        rows = [run_phase(folder, phase) for phase in PHASES]
    print("| " + " | ".join(rows[0]) + " |\n|" + " --- |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
