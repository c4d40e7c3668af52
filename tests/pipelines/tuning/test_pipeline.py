"""The pipeline as it is typed, on the tiny demo."""

import json
from collections.abc import Callable

import pandas as pd
import pytest

from conftest import Project


@pytest.mark.slow
def test_tuning_tells_what_to_write_and_trains_no_member(make_project: Callable[[str], Project]) -> None:
    project = make_project("project")
    few = "tuning.n_steps=30,tuning.max_batch_size=16"
    done = project.run("--env", "sample", "--pipelines", "tuning", "--params", few)
    assert "recipes.baseline.batch_size: 16 fits (the largest that was tried)" in done.stdout + done.stderr
    reporting = project.find_one("sample/08_reporting/demo/tuning.json").parent
    assert json.loads((reporting / "tuning.json").read_text(encoding="utf-8"))["largest_batch_size"] == 16
    assert pd.read_csv(reporting / "batch_sizes.csv")["batch_size"].tolist() == [8, 16]
    curve = pd.read_csv(reporting / "lr_curve.csv")
    assert (list(curve), len(curve)) == (["step", "lr", "loss"], 30)
    assert (reporting / "lr_curve.png").stat().st_size > 5000
    assert not list((project.folder / "data").rglob("weights.safetensors"))
