"""The whole chain, run as its users run it: one process a run, on the drawn demo."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SMALL = {
    "competitions": {"demo": {"draw": {"n_people": 10, "n_test_people": 3, "image_size_px": [40, 40]}}},
    "recipes": {
        "small": {
            "based_on": "baseline",
            "model": {"backbone": "test_resnet", "drop_rate": 0.1},
            "input": {"size_px": [32, 32]},
            "mixing": {"mixup_alpha": 0.2, "cutmix_alpha": 0.5, "batch_share": 0.5},
            "sampler": "weighted",
            "epochs": 4,
            "batch_size": 8,
            "early_stopping_epochs": 4,
        }
    },
    "recipe": "small",
    "splitting": {"n_folds": 2},
    "training": {"num_workers": 0, "progress": False},
}
MEMBER_FILES = ("*/weights.safetensors",)


def digest_results(project: Project) -> dict[str, str]:
    """Digest what a run leaves behind: the split, weights, probabilities and the submission."""
    data = project.folder / "data"
    files = [
        *data.glob("06_models/demo/*/*/weights.safetensors"),
        *data.glob("07_model_output/demo/members/*/*/oof.parquet"),
        *data.glob("07_model_output/demo/members/*/*/test_probabilities.parquet"),
        project.find_one("03_primary/demo/folds.parquet/*/folds.parquet"),
        project.find_one("07_model_output/demo/submission.csv/*/submission.csv"),
    ]
    names = [re.sub(r"\d{4}-\d\d-\d\dT[\d.]+Z/", "", file.relative_to(data).as_posix()) for file in files]
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in zip(names, files, strict=True)}


def start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        project.command("run", *arguments), cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip


def wait_for_checkpoint(project: Project, process: subprocess.Popen[str], fold: int, n_epochs: int) -> None:
    """Wait until fold ``fold`` has finished ``n_epochs`` epochs."""
    seen: set[int] = set()
    for _ in range(4000):
        for file in (project.folder / "data").glob(f"06_models/demo/*/fold_{fold}/checkpoints/last.ckpt"):
            seen.add(file.stat().st_mtime_ns)
        if len(seen) >= n_epochs:
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    pytest.fail("no checkpoint appeared")


def count_epochs(output: str) -> int:
    return len(re.findall(r"epoch \d+ of ", output))


def test_same_bytes_whatever_workers_hash_seed_and_directory_order(
    make_project: Callable[[str], Project],
) -> None:
    projects = []
    for workers, hash_seed in ((0, "0"), (1, "1"), (4, "4242")):
        project = make_project(f"workers_{workers}")
        project.configure(**{**SMALL, "training": {"num_workers": workers, "progress": False}})
        if projects:  # the same files, created in another order, so that directories list them in another order
            copy_in_reverse(projects[0].folder / "data" / "01_raw", project.folder / "data" / "01_raw")
        project.run(PYTHONHASHSEED=hash_seed)
        projects.append(project)
    first = digest_results(projects[0])
    assert len(first) == 2 * 3 + 2
    for project in projects[1:]:
        assert digest_results(project) == first


def copy_in_reverse(source: Path, target: Path) -> None:
    for file in sorted((file for file in source.rglob("*") if file.is_file()), reverse=True):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def test_killed_in_the_middle_of_training_then_run_again_gives_the_bytes_of_an_undisturbed_run(
    make_project: Callable[[str], Project],
) -> None:
    undisturbed, killed = make_project("undisturbed"), make_project("killed")
    for project in (undisturbed, killed):
        project.configure(**SMALL)
    undisturbed.run()
    for fold, n_epochs in ((0, 2), (1, 1)):
        process = start(killed)
        wait_for_checkpoint(killed, process, fold, n_epochs)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    killed.run()
    assert digest_results(killed) == digest_results(undisturbed)
    history = killed.find_one("07_model_output/demo/members/*/fold_0/history.parquet")
    assert pd.read_parquet(history)["epoch"].tolist() == list(range(4))
    assert not list((killed.folder / "data").glob("06_models/demo/*/*/checkpoints")), "checkpoints outlive their fold"
