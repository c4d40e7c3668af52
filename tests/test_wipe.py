"""A machine that is gone in the middle of training: what it had done comes back on another one, to the same weights.

``docs/study/wipe`` does it at ten drawn moments.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backup.files import read_newest
from conftest import Project
from podium.backup.store import Store, open_store
from processes import wait_until
from small_project import SMALL, digest_folds, start, wait_for_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="backups need POSIX")]

SENT = (
    "fold_0/weights.safetensors", "fold_0/oof.parquet", "fold_0/test_probabilities.parquet", "fold_0/history.parquet",
    "fold_1/checkpoints/last.ckpt",
)  # fmt: skip
TRAIN = ("--pipelines", "train", "--to-nodes", "training.train_folds")


def kill_in_the_second_fold(project: Project, store: Store, *arguments: str) -> None:
    """Train, and kill the run and its backup by force when a checkpoint of the second fold is backed up."""
    with start(project, *arguments) as process:
        wait_for_checkpoint(project, process, fold=1, n_epochs=1)
        process.send_signal(signal.SIGSTOP)  # or it might end before its backup has come so far
        wait_until(lambda: all(any(file.endswith(end) for file in read_newest(store).files) for end in SENT))
        for pid in (process.pid, int((project.folder / "data/backup/mirror.lock").read_text())):
            os.kill(pid, signal.SIGKILL)


def test_wiped_in_the_middle_of_training_then_restored_elsewhere_gives_the_weights_of_an_undisturbed_run(
    finished: tuple[Project, str], make_project: Callable[[str], Project], tmp_path: Path
) -> None:
    undisturbed = finished[0]
    remote = tmp_path / "원격"
    remote.mkdir()
    options = f"backup.url={remote},backup.interval_s=0.05,backup.niceness=0"
    wiped = make_project("wiped")
    wiped.configure(**SMALL)
    wiped.take_pictures(undisturbed)
    kill_in_the_second_fold(wiped, open_store(str(remote), "podium", {}), *TRAIN, "--params", options)
    shutil.rmtree(wiped.folder)

    revived = make_project("revived")
    restored = revived.run("--pipelines", "restore", "--params", options)
    assert "brought back" in restored.stdout.splitlines()[-1]
    done = revived.run(*TRAIN, "--params", options)
    assert "fold 0 of small" in done.stdout and "trained before" in done.stdout
    assert "going on from its last finished epoch" in done.stdout
    assert digest_folds(revived) == digest_folds(undisturbed)
    assert len(digest_folds(revived)) == 2 * 3
    assert "backed up" in done.stdout.splitlines()[-1]
    assert (revived.folder / "conf/local/parameters_test.yml").exists(), "settings of one's own come from the backup"
