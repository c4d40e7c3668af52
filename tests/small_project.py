"""A project that trains two small folds, what it leaves behind, and how it is disturbed while it does."""

import hashlib
import subprocess
from typing import TYPE_CHECKING, Any

from processes import wait_until

if TYPE_CHECKING:
    from conftest import Project

SMALL: dict[str, Any] = {
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


def digest_folds(project: "Project") -> dict[str, str]:
    """Digest the weights and probabilities of all folds, each by its place below the data folder."""
    data = project.folder / "data"
    files = [
        *data.glob("06_models/demo/*/*/weights.safetensors"),
        *data.glob("07_model_output/demo/members/*/*/oof.parquet"),
        *data.glob("07_model_output/demo/members/*/*/test_probabilities.parquet"),
    ]
    return {file.relative_to(data).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def digest_results(project: "Project") -> dict[str, str]:
    """Digest what a run leaves behind: the folds, the split and the submission, whatever their versions are called."""
    files = [
        project.find_one("03_primary/demo/folds.parquet/*/folds.parquet"),
        project.find_one("07_model_output/demo/submission.csv/*/submission.csv"),
    ]
    return digest_folds(project) | {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def start(project: "Project", *arguments: str) -> "subprocess.Popen[str]":
    """Start ``kedro run`` in a process, and a group of processes, of its own."""
    return subprocess.Popen(
        project.command("run", *arguments), cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip


def wait_for_checkpoint(
    project: "Project", process: "subprocess.Popen[str]", fold: int, n_epochs: int, data: str = "data"
) -> None:
    """Wait until fold ``fold`` has finished ``n_epochs`` epochs, for as long as the process lives."""
    seen: set[int] = set()

    def is_there() -> bool:
        for file in (project.folder / data).glob(f"06_models/demo/*/fold_{fold}/checkpoints/last.ckpt"):
            seen.add(file.stat().st_mtime_ns)
        if len(seen) < n_epochs:
            assert process.poll() is None, process.communicate()[0]
        return len(seen) >= n_epochs

    wait_until(is_there, 400)
