"""The whole chain, run as its users run it: one process a run, on the drawn demo."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from conftest import Project, ShareProject
from small_project import SMALL, digest_results, start, wait_for_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def changed(share_project: ShareProject, finished: tuple[Project, str]) -> tuple[Project, str]:
    """A copy of that project after a run of a changed recipe, and what that run told; to be read only."""

    def prepare(project: Project) -> str:
        shutil.rmtree(project.folder)
        finished[0].copy(project.folder)
        typed = [f"recipes.small.{leaf}" for leaf in ("epochs=1", "seed=7", "optimizer.lr=0.0123")]
        return project.run("--params", ",".join(typed)).stdout

    return share_project("changed", prepare)


def test_same_bytes_whatever_workers_hash_seed_and_directory_order(
    finished: tuple[Project, str], make_project: Callable[[str], Project]
) -> None:
    first = digest_results(finished[0])
    assert len(first) == 2 * 3 + 2
    project = make_project("workers")
    project.configure(**{**SMALL, "training": {"num_workers": 3, "progress": False}})
    # the same files, created in another order, so that directories list them in another order
    copy_in_reverse(finished[0].folder / "data" / "01_raw", project.folder / "data" / "01_raw")
    project.run(PYTHONHASHSEED="4242")
    assert digest_results(project) == first


def copy_in_reverse(source: Path, target: Path) -> None:
    for file in sorted((file for file in source.rglob("*") if file.is_file()), reverse=True):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


def test_killed_and_interrupted_in_the_middle_of_training_a_run_loses_no_finished_epoch_and_ends_in_the_same_bytes(
    finished: tuple[Project, str], make_project: Callable[[str], Project]
) -> None:
    project = make_project("disturbed")
    project.configure(**SMALL)
    process = start(project)
    wait_for_checkpoint(project, process, fold=0, n_epochs=2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = set((project.folder / "data").rglob("*.partial"))

    process = start(project)
    wait_for_checkpoint(project, process, fold=1, n_epochs=1)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=180)
    assert process.returncode != 0
    assert "going on from its last finished epoch" in output
    assert "Traceback" not in output
    assert set((project.folder / "data").rglob("*.partial")) <= left, "Ctrl-C leaves nothing half written"
    first_fold = project.find_one("06_models/demo/*/fold_0/weights.safetensors")
    saved_at = first_fold.stat().st_mtime_ns

    done = project.run()
    assert "fold 0 of small" in done.stdout and "trained before" in done.stdout
    assert "going on from its last finished epoch" in done.stdout
    assert first_fold.stat().st_mtime_ns == saved_at
    assert digest_results(project) == digest_results(finished[0])
    for fold in (0, 1):
        history = project.find_one(f"07_model_output/demo/members/*/fold_{fold}/history.parquet")
        assert pd.read_parquet(history)["epoch"].tolist() == list(range(4))
    assert not list((project.folder / "data").glob("06_models/demo/*/*/checkpoints")), "checkpoints outlive their fold"
    runs = mlflow_runs(project)
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED", "RUNNING"], "a killed run cannot say so"


def test_second_run_decodes_and_trains_nothing_and_gives_the_same_submission(
    finished: tuple[Project, str], tmp_path: Path
) -> None:
    assert "decoded 91 images, 0 were known" in finished[1]
    project = finished[0].copy(tmp_path / "twice")
    before = digest_results(project)
    weights = {file: file.stat().st_mtime_ns for file in (project.folder / "data").rglob("weights.safetensors")}
    second = project.run()
    assert "decoded 0 images, 91 were known" in second.stdout
    assert second.stdout.count("was trained before") == 2
    assert "training fold" not in second.stdout
    assert {file: file.stat().st_mtime_ns for file in weights} == weights
    assert digest_results(project) == before


def test_a_changed_recipe_is_another_member_and_tracked_as_it_was_typed(changed: tuple[Project, str]) -> None:
    project, told = changed
    assert "decoded 0 images, 91 were known" in told
    assert told.count("training fold") == 2
    assert " of 2 member(s)" in told
    (run,) = mlflow_runs(project)
    assert run.data.params["recipe.optimizer.lr"] == "0.0123"
    assert run.data.params["recipe.mixing.cutmix_alpha"] == "0.5"


def test_every_run_is_tracked_with_its_recipe_curves_digests_plots_and_weights(finished: tuple[Project, str]) -> None:
    project, told = finished
    (run,) = mlflow_runs(project)
    assert run.data.params["recipe.mixing.cutmix_alpha"] == "0.5"
    assert not [name for name in run.data.params if not name.startswith("recipe.")]
    assert {"folds.split_digest", "member.split_digest", "member.content_digest"} <= set(run.data.tags)
    assert run.data.tags["member.name"].startswith("small-")
    assert run.info.run_name == "small (whole chain)"
    assert {"scores/macro_f1", "scores/attributes.age.macro_f1", "ensemble_scores/macro_f1"} <= set(run.data.metrics)
    client = mlflow_client(project)
    for fold in (0, 1):
        steps = [point.step for point in client.get_metric_history(run.info.run_id, f"fold_{fold}/val_macro_f1")]
        assert steps == [0, 1, 2, 3]
    artifacts = {Path(item.path).name for item in client.list_artifacts(run.info.run_id)}
    assert {"confusion.png", "contact_sheet.png", "class_scores.csv", "submission.csv", "weights"} <= artifacts
    scores = json.loads(project.find_one("08_reporting/demo/scores.json/*/scores.json").read_text())
    assert run.data.metrics["scores/macro_f1"] == pytest.approx(scores["macro_f1"], abs=1e-9)
    assert told.strip().splitlines()[-1].endswith("submission.csv")


def mlflow_client(project: Project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")


def mlflow_runs(project: Project) -> list[Run]:
    client = mlflow_client(project)
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def test_an_old_result_comes_back_by_its_version(
    finished: tuple[Project, str], changed: tuple[Project, str], tmp_path: Path
) -> None:
    project = changed[0].copy(tmp_path / "versions")
    old = finished[0].find_one("07_model_output/demo/submission.csv/*/submission.csv")
    version = finished[0].find_one("07_model_output/demo/ensemble_probabilities.parquet/*").name
    new = project.find_one("07_model_output/demo/submission.csv/*/submission.csv")
    assert new.parent.name != old.parent.name and new.read_bytes() != old.read_bytes()
    project.run("--pipelines", "submission", "--load-versions", f"ensemble_probabilities:{version}")
    again = project.find_one("07_model_output/demo/submission.csv/*/submission.csv")
    assert again.parent.name not in (old.parent.name, new.parent.name)
    assert again.read_bytes() == old.read_bytes()


def test_the_sample_environment_runs_the_whole_chain_from_an_empty_folder(sample_project: tuple[Project, str]) -> None:
    project, told = sample_project
    lines = told.strip().splitlines()
    submission = project.folder / lines[-1].split("submission: ")[1]
    answers = pd.read_csv(submission)
    template = pd.read_csv(project.folder / "data/sample/01_raw/demo/eval/info.csv")
    assert answers["ImageID"].tolist() == template["ImageID"].tolist()
    assert answers["ans"].isin(range(18)).all()
    assert any("chance" in line for line in lines) and any("macro F1" in line for line in lines)


def test_a_competition_without_a_test_part_in_korean_ends_in_scores(make_project: Callable[[str], Project]) -> None:
    project = make_project("no_test")
    project.configure(
        **{
            **SMALL,
            "recipes": {"작은 모델": {**SMALL["recipes"]["small"], "epochs": 1}},
            "recipe": "작은 모델",
            "competitions": {"문서 분류": {"format": "image_folder", "root": "data/01_raw/문서"}},
        }
    )
    rng = np.random.default_rng(0)
    for name in ("여권", "운전면허증", "영수증"):
        folder = project.folder / "data/01_raw/문서/train" / name
        folder.mkdir(parents=True)
        for i in range(6):
            Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(folder / f"사진 {i}.png")
    done = project.run("--params", "competition=문서 분류")
    assert done.stdout.strip().splitlines()[-1].endswith("there is no test part, so there is nothing to submit")
    assert not list((project.folder / "data/07_model_output").rglob("submission.csv"))
    scores = pd.read_csv(project.find_one("08_reporting/문서 분류/class_scores.csv/*/class_scores.csv"))
    assert scores["class_name"].tolist() == sorted(["여권", "운전면허증", "영수증"])
    assert scores["n_images"].tolist() == [6, 6, 6]
