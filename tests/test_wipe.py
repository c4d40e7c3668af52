"""A machine that is gone in the middle of training: what it had done comes back on another one, to the same weights.

``docs/study/wipe`` does it at ten drawn moments.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Project
from podium.backup.manifest import Manifest
from podium.backup.mirror import read_manifests
from podium.backup.store import Store, open_store

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="backups need POSIX")]

SMALL = {
    "competitions": {"demo": {"draw": {"n_people": 8, "n_test_people": 2, "image_size_px": [40, 40]}}},
    "recipes": {
        "small": {
            "based_on": "baseline", "model": {"backbone": "test_resnet", "drop_rate": 0.1},
            "input": {"size_px": [32, 32]}, "epochs": 60, "batch_size": 8,
        }
    },
    "recipe": "small",
    "splitting": {"scheme": "hold_out", "n_folds": 2},
    "training": {"num_workers": 0, "num_threads": 1, "progress": False},
}  # fmt: skip


TRAIN = ("--pipelines", "train", "--to-nodes", "training.train_folds")


def digest_fold(project: Project) -> dict[str, str]:
    """Digest the weights and the predictions of the one fold."""
    data = project.folder / "data"
    files = [
        *data.glob("06_models/demo/*/*/weights.safetensors"),
        *data.glob("07_model_output/demo/members/*/*/*.parquet"),
    ]
    return {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.name != "history.parquet"  # it has seconds
    }


def read_newest(store: Store) -> Manifest:
    manifests = read_manifests(store)
    return manifests[max(manifests)] if manifests else Manifest({}, "", False)


def kill_when_a_checkpoint_is_backed_up(project: Project, store: Store, *arguments: str) -> None:
    """Train, and kill the run and its backup by force as soon as there is something to go on from."""
    with subprocess.Popen(
        project.command("run", *arguments), cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for _ in range(6000):
            if any(name.endswith("/checkpoints/last.ckpt") for name in read_newest(store).files):
                break
            assert process.poll() is None, process.communicate()[0].decode()
            time.sleep(0.02)
        for pid in (process.pid, int((project.folder / "data/backup/mirror.lock").read_text())):
            os.kill(pid, signal.SIGKILL)


def test_wiped_in_the_middle_of_training_then_restored_elsewhere_gives_the_weights_of_an_undisturbed_run(
    make_project: Callable[[str], Project], tmp_path: Path
) -> None:
    remote = tmp_path / "원격"
    remote.mkdir()
    options = f"backup.url={remote},backup.interval_s=0.05,backup.niceness=0"
    undisturbed, wiped = make_project("undisturbed"), make_project("wiped")
    for project in (undisturbed, wiped):
        project.configure(**SMALL)
    undisturbed.run(*TRAIN)
    for folder in ("01_raw", "02_intermediate"):  # drawn and looked at once
        shutil.copytree(undisturbed.folder / "data" / folder, wiped.folder / "data" / folder)
    kill_when_a_checkpoint_is_backed_up(wiped, open_store(str(remote), "podium", {}), *TRAIN, "--params", options)
    shutil.rmtree(wiped.folder)

    revived = make_project("revived")
    restored = revived.run("--pipelines", "restore", "--params", options)
    assert "brought back" in restored.stdout.splitlines()[-1]
    done = revived.run(*TRAIN, "--params", options)
    assert "going on from its last finished epoch" in done.stdout
    assert digest_fold(revived) == digest_fold(undisturbed)
    assert len(digest_fold(revived)) == 3
    assert "backed up" in done.stdout.splitlines()[-1]
    assert (revived.folder / "conf/local/parameters_test.yml").exists(), "settings of one's own come from the backup"
