"""The pipeline as it is typed, on submissions that lie there already."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import Project
from podium.probabilities import make_table

VERSIONS = ["2026-01-01T09.15.00.000Z", "2026-01-02T09.15.00.000Z"]
N_IMAGES, N_CLASSES = 40, 3


def lay_out(project: Project) -> Path:
    """Write what two runs on a demo with 40 test images would have left; return the folder of reports."""
    output, reporting, primary = (
        project.folder / "data/sample" / f"{layer}/demo" for layer in ("07_model_output", "08_reporting", "03_primary")
    )
    ids = pd.Series([f"{k:02d}.jpg" for k in range(N_IMAGES)])
    chances = np.random.default_rng(0).dirichlet(np.full(N_CLASSES, 0.2), N_IMAGES).astype(np.float32)
    for number, version in enumerate(VERSIONS):
        answers = chances.argmax(axis=1)
        answers[: 5 * number] = (answers[: 5 * number] + 1) % N_CLASSES
        submission = pd.DataFrame({"ImageID": ids, "ans": answers})
        submission.to_csv(make_place(output / "submission.csv", version), index=False)
        table = make_table("test/" + ids, -1, chances)
        table.to_parquet(make_place(output / "ensemble_probabilities.parquet", version))
        scores = {"macro_f1": 0.9, "accuracy": 0.9, "n_images": 100}
        make_place(reporting / "ensemble_scores.json", version).write_text(json.dumps(scores), encoding="utf-8")
    template = pd.DataFrame({"image_id": "test/" + ids, "ImageID": ids, "ans": 0})
    primary.mkdir(parents=True)
    template.to_parquet(primary / "submission_template.parquet")
    classes = pd.DataFrame({"label": range(N_CLASSES), "class_name": list("가나다"), "target": range(N_CLASSES)})
    classes.to_csv(make_place(primary / "classes.csv", VERSIONS[0]), index=False)
    return reporting


def make_place(dataset: Path, version: str) -> Path:
    """Make the folder of a version."""
    path = dataset / version / dataset.name
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.slow
def test_scores_are_noted_with_what_is_typed_and_the_page_shows_them(make_project: Callable[[str], Project]) -> None:
    project = make_project("project")
    reporting = lay_out(project)
    typed = ["--env", "sample", "--pipeline", "ledger", "--params"]
    project.run(*typed, f"public_score=0.9501,submission={VERSIONS[0]},score_note=첫 시도")
    done = project.run(*typed, "public_score=0.9547,final_pair=true")
    told = " ".join((done.stdout + done.stderr).split())
    assert "a gain of 0.0046 is within the noise of" in told
    assert f"First: {VERSIONS[1]}" in told
    ledger = pd.read_csv(reporting / "ledger.csv", keep_default_na=False)
    assert ledger["submission"].tolist() == VERSIONS
    assert ledger["public_score"].tolist() == [0.9501, 0.9547]
    assert ledger["note"].tolist() == ["첫 시도", ""]
    page = (reporting / "ledger.html").read_text(encoding="utf-8")
    assert "0.9547 after 0.9501" in page and "첫 시도" in page
    assert json.loads((reporting / "proposed_pair.json").read_text(encoding="utf-8"))["submissions"] == VERSIONS[::-1]

    before = {path.name: path.read_bytes() for path in reporting.glob("*.*") if path.is_file()}
    project.run(*typed[:-1])
    assert {path.name: path.read_bytes() for path in reporting.glob("*.*") if path.is_file()} == before
    refused = project.run(*typed, "public_score=0.9", check=False)
    assert refused.returncode == 1 and "but 0.9547 is noted" in " ".join((refused.stdout + refused.stderr).split())
    assert {path.name: path.read_bytes() for path in reporting.glob("*.*") if path.is_file()} == before
