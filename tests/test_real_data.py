"""The whole chain on real pictures, each set from an entry in conf/local alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SETS = {
    "mask18_ffhq_utk": ("mask_profiles", "eval/info.csv", 1278, 18),
    "doc17_rvl_sroie": ("id_target", "sample_submission.csv", 171, 17),
    "mask3_real": ("id_target", "sample_submission.csv", 654, 3),
    "fashion_mnist_5k": ("id_target", "sample_submission.csv", 5000, 10),
    "cifar10_4k": ("id_target", "sample_submission.csv", 4000, 10),
}
QUICK = {
    "recipes": {
        "quick": {
            "based_on": "baseline",
            "model": {"backbone": "test_resnet"},
            "input": {"size_px": [32, 32]},
            "epochs": 1,
            "batch_size": 64,
            "test_time_views": ["none"],
        }
    },
    "recipe": "quick",
    "splitting": {"scheme": "hold_out", "n_folds": 5},
    "training": {"progress": False},
}


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_runs_to_a_submission_of_exactly_the_organisers_form(
    name: str, real_data_root: Path, make_project: Callable[[str], Project]
) -> None:
    kind, sheet, n_train, n_classes = SETS[name]
    root = real_data_root / name
    project = make_project(name)
    project.configure(**QUICK, competitions={name: {"format": kind, "root": str(root)}})
    files_before = sorted((file, file.stat().st_mtime_ns) for file in root.rglob("*"))

    done = project.run("--params", f"competition={name}")

    last = done.stdout.strip().splitlines()[-1]
    assert "submission: data/07_model_output/" in last
    submission = pd.read_csv(project.folder / last.split("submission: ")[1], dtype=str)
    template = pd.read_csv(root / sheet, dtype=str)
    assert list(submission.columns) == list(template.columns)
    assert submission.iloc[:, 0].tolist() == template.iloc[:, 0].tolist()
    assert submission.iloc[:, -1].astype(int).isin(range(n_classes)).all()
    folds = pd.read_parquet(project.find_one("03_primary/*/folds.parquet/*/folds.parquet"))
    images = pd.read_parquet(project.find_one("03_primary/*/images.parquet/*/images.parquet"))
    assert len(folds) == n_train
    per_group = images.merge(folds, on="image_id").groupby("group_id")["fold"].nunique()
    assert per_group.max() == 1, "a person stands on both sides"
    scores = json.loads(project.find_one("08_reporting/*/scores.json/*/scores.json").read_text())
    assert scores["n_images"] == (folds["fold"] == 0).sum()
    assert files_before == sorted((file, file.stat().st_mtime_ns) for file in root.rglob("*")), "raw data were touched"
