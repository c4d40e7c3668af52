"""Bad input, met by a whole run: told before training, every case at once, and nothing written over."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from conftest import Project, ShareProject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TINY = {
    "recipes": {
        "tiny": {
            "based_on": "baseline",
            "model": {"backbone": "test_resnet"},
            "input": {"size_px": [32, 32]},
            "epochs": 1,
        }
    },
    "recipe": "tiny",
    "competitions": {"표본": {"format": "id_target", "root": "data/01_raw/표본"}},
    "splitting": {"n_folds": 2},
    "training": {"num_workers": 0, "progress": False},
}
CHOSEN = ("--params", "competition=표본")


def write_competition(root: Path) -> None:
    """Twelve training images of two classes and four test images."""
    rng = np.random.default_rng(1)
    for part, n in (("train", 12), ("test", 4)):
        (root / part).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(root / part / f"그림{i:02d}.png")
    ids = [f"그림{i:02d}.png" for i in range(12)]
    pd.DataFrame({"ID": ids, "target": [i % 2 for i in range(12)]}).to_csv(root / "train.csv", index=False)
    pd.DataFrame({"target": [0, 1], "class_name": ["가", "나"]}).to_csv(root / "meta.csv", index=False)
    pd.DataFrame({"ID": ids[:4], "target": 0}).to_csv(root / "sample_submission.csv", index=False)


def list_results(project: Project) -> dict[Path, int]:
    """Every file that a run wrote, with the time at which it did."""
    data = project.folder / "data"
    return {
        file: file.stat().st_mtime_ns for part in data.glob("0[3-8]*") for file in part.rglob("*") if file.is_file()
    }


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    made = make_project("표본")
    made.configure(**TINY)
    write_competition(made.folder / "data/01_raw/표본")
    return made


@pytest.fixture(scope="session")
def quarantined(share_project: ShareProject) -> tuple[Project, str]:
    """A project after a run that set two bad images aside, and what it told; to be read only."""

    def prepare(project: Project) -> str:
        root = project.folder / "data/01_raw/표본"
        project.configure(**TINY)
        write_competition(root)
        (root / "train/그림05.png").write_bytes(b"GIF89a")
        (root / "test/그림01.png").write_bytes(b"")
        return project.run("--params", "competition=표본,ingestion.on_bad_image=quarantine").stdout

    return share_project("quarantined", prepare)


def test_bad_images_are_all_listed_before_training_and_older_results_stay(
    quarantined: tuple[Project, str], tmp_path: Path
) -> None:
    project = quarantined[0].copy(tmp_path / "표본")
    results = list_results(project)
    root = project.folder / "data/01_raw/표본"
    shutil.rmtree(root)
    write_competition(root)
    train = root / "train"
    (train / "그림00.png").write_bytes(b"")
    (train / "그림01.png").write_text("no picture")
    (train / "그림02.png").write_bytes((train / "그림03.png").read_bytes()[:-200])
    failed = project.run(*CHOSEN, check=False)
    assert failed.returncode == 1
    assert "3 images cannot be read" in failed.stderr
    for name, reason in (("그림00", "empty"), ("그림01", "not an image"), ("그림02", "truncated")):
        assert any(name in line and reason in line for line in failed.stderr.splitlines()), name
    assert "on_bad_image" in failed.stderr
    assert "Traceback" not in failed.stderr + failed.stdout
    after = list_results(project)
    assert {file: after[file] for file in results} == results, "an older result was touched"
    assert "training fold" not in failed.stdout


def test_quarantine_sets_bad_images_aside_writes_the_list_and_still_answers_for_all_test_images(
    quarantined: tuple[Project, str],
) -> None:
    project, told = quarantined
    listed = pd.read_csv(project.find_one("03_primary/표본/quarantined_images.csv"))
    assert sorted(listed["path"]) == ["test/그림01.png", "train/그림05.png"]
    assert listed["reason"].notna().all()
    submission = pd.read_csv(project.folder / told.strip().splitlines()[-1].split("submission: ")[1])
    assert submission["ID"].tolist() == [f"그림{i:02d}.png" for i in range(4)]
    folds = pd.read_parquet(project.find_one("03_primary/표본/folds.parquet/*/folds.parquet"))
    assert len(folds) == 11


def test_a_wrong_label_file_and_a_folder_that_cannot_be_written_are_told_plainly(project: Project) -> None:
    root = project.folder / "data/01_raw/표본"
    labels = pd.read_csv(root / "train.csv", dtype=str)
    labels.loc[0, "target"], labels.loc[1, "ID"], labels.loc[2, "target"] = "7", "../그림.png", ""
    labels.to_csv(root / "train.csv", index=False)
    failed = project.run(*CHOSEN, check=False)
    assert failed.returncode == 1
    for told in ("'7'", "../그림.png", "line 4", "그림01.png"):
        assert told in failed.stderr, told
    assert "Traceback" not in failed.stderr + failed.stdout
    shutil.rmtree(root)
    write_competition(root)
    shutil.rmtree(project.folder / "data/02_intermediate", ignore_errors=True)
    (project.folder / "data/02_intermediate").write_text("in the way")
    failed = project.run(*CHOSEN, check=False)
    assert failed.returncode == 1
    assert "02_intermediate" in failed.stderr
    assert "Traceback" not in failed.stderr + failed.stdout
