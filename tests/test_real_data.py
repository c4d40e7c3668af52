"""The whole chain on real pictures, each set from an entry in conf/local alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Format, which rows are taken of the labels and of the sheet (every other one), training images of these, and classes.
# That the whole sets are read with the counts of their papers is a property of tests/competitions.
SETS = {
    "mask18_ffhq_utk": ("mask_profiles", 6, 211, 18),
    "doc17_rvl_sroie": ("id_target", 3, 57, 17),
    "mask3_real": ("id_target", 2, 327, 3),
    "fashion_mnist_5k": ("id_target", 20, 250, 10),
    "cifar10_4k": ("id_target", 16, 250, 10),
}
# Of each format: the labels and the sheet, each with the column that names a file or folder, and where that lies.
TABLES = {
    "mask_profiles": (("train/train.csv", "path", "train/images"), ("eval/info.csv", "ImageID", "eval/images")),
    "id_target": (("train.csv", "ID", "train"), ("sample_submission.csv", "ID", "test")),
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


def take_part(source: Path, target: Path, kind: str, step: int) -> Path:
    """Copy every ``step``-th row of a set's labels and sheet with the pictures that they name."""
    for table, column, folder in TABLES[kind]:
        rows = pd.read_csv(source / table, dtype=str, keep_default_na=False)[::step]
        (target / folder).mkdir(parents=True)
        rows.to_csv(target / table, index=False)
        for name in rows[column]:
            picture = source / folder / name
            (shutil.copytree if picture.is_dir() else shutil.copy)(picture, target / folder / name)
    if (source / "meta.csv").exists():
        shutil.copy(source / "meta.csv", target / "meta.csv")
    return target


@pytest.mark.parametrize("name", SETS)
def test_a_real_set_runs_to_a_submission_of_exactly_the_organisers_form(
    name: str, real_data_root: Path, make_project: Callable[[str], Project], tmp_path: Path
) -> None:
    kind, step, n_train, n_classes = SETS[name]
    root = take_part(real_data_root / name, tmp_path / "part", kind, step)
    project = make_project(name)
    project.configure(**QUICK, competitions={name: {"format": kind, "root": str(root)}})
    files_before = sorted((file, file.stat().st_mtime_ns) for file in root.rglob("*"))

    done = project.run("--params", f"competition={name}")

    last = done.stdout.strip().splitlines()[-1]
    assert "submission: data/07_model_output/" in last
    submission = pd.read_csv(project.folder / last.split("submission: ")[1], dtype=str)
    template = pd.read_csv(root / TABLES[kind][1][0], dtype=str)
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
