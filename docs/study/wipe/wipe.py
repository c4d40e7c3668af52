"""The wipe: train with a backup, kill -9 in the middle, delete everything, clone, restore, go on: the same weights?

python docs/study/wipe/wipe.py --points 10 --seed 1

Each kill point is a fresh copy of the project. The run and the process that mirrors are both killed by force, a drawn
time after the first epoch's checkpoint; the copy is deleted, and so is everything but the backup. Another copy restores
it and runs the same command again. What it leaves behind is compared, byte for byte, with an undisturbed run: the
weights and the out-of-fold and test probabilities of each fold. Prints a table for README.md.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
N_EPOCHS = 8
PARAMETERS = {
    "competitions": {"demo": {"draw": {"n_people": 6, "n_test_people": 2, "image_size_px": [40, 40]}}},
    "recipes": {
        "small": {
            "based_on": "baseline",
            "model": {"backbone": "test_resnet", "drop_rate": 0.1},
            "input": {"size_px": [32, 32]},
            "mixing": {"mixup_alpha": 0.2, "cutmix_alpha": 0.5, "batch_share": 0.5},
            "epochs": N_EPOCHS,
            "batch_size": 8,
            "early_stopping_epochs": N_EPOCHS,
        }
    },
    "recipe": "small",
    "splitting": {"n_folds": 2},
    "training": {"num_workers": 0, "num_threads": 1, "progress": False},
}
TRAIN = ("--pipelines", "train", "--to-nodes", "training.train_folds")
RESULTS = (
    "06_models/demo/*/*/weights.safetensors",
    "07_model_output/demo/members/*/*/oof.parquet",
    "07_model_output/demo/members/*/*/test_probabilities.parquet",
)


def main() -> None:
    """Wipe as often as asked for, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--interval-s", type=float, default=0.5, help="of the backup; epochs here take half a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        undisturbed, seconds = train_undisturbed(folder)
        print(f"an undisturbed run trains for {seconds:.1f} s after its first checkpoint\n")
        print("| killed after | fold: epochs | restored | files | the same bytes |\n| --- | --- | --- | --- | --- |")
        draws, n_same = random.Random(arguments.seed), 0
        for _ in range(arguments.points):
            delay = draws.uniform(0, seconds)
            row, is_same = wipe(folder, delay, arguments.interval_s, undisturbed)
            n_same += is_same
            print(f"| {delay:.1f} s | {row} | {'yes' if is_same else 'NO'} |", flush=True)
    print(f"\n{n_same} of {arguments.points} gave the same bytes")
    sys.exit(n_same != arguments.points)


def train_undisturbed(folder: Path) -> tuple[dict[str, str], float]:
    """Return the digests of an undisturbed run, and how long it trained after its first checkpoint, in seconds."""
    project = make_project(folder / "undisturbed")
    process = start(project, *TRAIN)
    wait_for_checkpoint(project, process)
    started = time.monotonic()
    while process.poll() is None and len(list(project.glob("data/06_models/demo/*/*/weights.safetensors"))) < 2:
        time.sleep(0.02)
    seconds = time.monotonic() - started
    if process.wait():
        sys.exit(f"the undisturbed run failed: {read_log(project)}")
    return digest_results(project), seconds


def wipe(folder: Path, delay: float, interval_s: float, undisturbed: dict[str, str]) -> tuple[str, bool]:
    """Kill, delete, restore, go on; return what happened, for the table, and whether the results are the same."""
    remote, url = folder / "remote", f"backup.url={folder / 'remote'}"
    remote.mkdir()
    quick = f"{url},backup.interval_s={interval_s},backup.niceness=0"
    project = make_project(folder / "project")
    process = start(project, *TRAIN, "--params", quick)
    wait_for_checkpoint(project, process)
    time.sleep(delay)
    for pid in (process.pid, int((project / "data/backup/mirror.lock").read_text())):
        with suppress(ProcessLookupError):  # it was faster than the undisturbed one, and is over
            os.kill(pid, signal.SIGKILL)
    process.wait()
    reached = describe_state(project)
    shutil.rmtree(project)
    project = make_project(folder / "project", with_settings=False)
    restored = start(project, "--pipelines", "restore", "--params", url)
    if restored.wait():
        sys.exit(f"restore failed: {read_log(project)}")
    n_files = re.search(r"brought back ([\d,]+) of", read_log(project))
    back = describe_state(project)
    if start(project, *TRAIN, "--params", quick).wait():
        sys.exit(f"the run after the restore failed: {read_log(project)}")
    is_same = digest_results(project) == undisturbed
    shutil.rmtree(project)
    shutil.rmtree(remote)
    return f"{reached} | {back} | {n_files[1] if n_files else '?'}", is_same


def make_project(folder: Path, with_settings: bool = True) -> Path:
    """Copy what a clone has; settings of one's own come from the backup."""
    folder.mkdir()
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "conf/local").mkdir()
    if with_settings:
        (folder / "conf/local/parameters_small.yml").write_text(yaml.safe_dump(PARAMETERS), encoding="utf-8")
    return folder


def start(project: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start ``kedro run``; what it says goes into ``log.txt``."""
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"}
    with (project / "log.txt").open("ab") as log:
        return subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=subprocess.STDOUT)


def wait_for_checkpoint(project: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait for the first epoch's end."""
    while not list(project.glob("data/06_models/demo/*/*/checkpoints/last.ckpt")):
        if process.poll() is not None:
            sys.exit(f"the run ended before it trained: {read_log(project)}")
        time.sleep(0.02)


def describe_state(project: Path) -> str:
    """Say which fold is in training, and how many of its epochs are finished."""
    import torch

    found = []
    for fold in (0, 1):
        weights = list(project.glob(f"data/07_model_output/demo/members/*/fold_{fold}/history.parquet"))
        last = list(project.glob(f"data/06_models/demo/*/fold_{fold}/checkpoints/last.ckpt"))
        if weights:
            found.append(f"{fold}: finished")
        elif last:
            found.append(f"{fold}: {torch.load(last[0], weights_only=True)['epoch'] + 1}")
    return ", ".join(found) or "nothing"


def digest_results(project: Path) -> dict[str, str]:
    """Digest what a run leaves behind, by its path without the time of the run."""
    files = [path for pattern in RESULTS for path in (project / "data").glob(pattern)]
    names = [re.sub(r"\d{4}-\d\d-\d\dT[\d.]+Z/", "", path.relative_to(project).as_posix()) for path in sorted(files)]
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in zip(names, sorted(files), strict=True)
    }


def read_log(project: Path) -> str:
    """Read what the commands said."""
    return (project / "log.txt").read_text(errors="replace")


if __name__ == "__main__":
    main()
