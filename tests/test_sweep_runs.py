"""Sweeps as they are typed: true trainings, in processes of their own, on the demo."""

import os
import signal
import subprocess
from collections.abc import Callable

import pandas as pd
import pytest
import yaml

from conftest import Project
from small_project import wait_for_checkpoint

RECIPES = {
    "작은": {"based_on": "baseline", "epochs": 2},
    "큰": {"based_on": "작은", "input": {"size_px": [40, 40]}, "epochs": 1},
}
SWEEPS = {"밤": {"kind": "recipes", "recipes": list(RECIPES), "folds": [1]}}


def configure(project: Project) -> None:
    """Lay a sweep of two recipes, of two input sizes, over the sample."""
    text = yaml.safe_dump({"recipes": RECIPES, "sweeps": SWEEPS}, allow_unicode=True)
    (project.folder / "conf" / "sample" / "parameters_test.yml").write_text(text, encoding="utf-8")


def list_members(project: Project) -> set[str]:
    found = (project.folder / "data").glob("sample/07_model_output/demo/members/*/fold_*/oof.parquet")
    return {f"{path.parent.parent.name.rsplit('-', 1)[0]}/{path.parent.name}" for path in found}


@pytest.mark.slow
@pytest.mark.timeout(900)  # on a busy machine; a minute on a quiet one
def test_worker_that_is_stopped_gives_its_trial_back_and_the_next_one_goes_on_from_its_last_epoch(
    sample_project: tuple[Project, str], make_project: Callable[[str], Project]
) -> None:
    project = make_project("sweep")
    configure(project)
    project.take_pictures(sample_project[0], "data/sample")
    changes = "sweep=밤,recipes.작은.epochs=15,training.num_workers=1"
    arguments = ("--env", "sample", "--pipelines", "sweep", "--params", changes)
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with subprocess.Popen(
        project.command("run", *arguments),
        cwd=project.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as worker:
        wait_for_checkpoint(project, worker, fold=1, n_epochs=1, data="data/sample")
        worker.send_signal(signal.SIGINT)
        said, _ = worker.communicate(timeout=400)
    assert worker.returncode == 0, said
    assert "the worker ends: stopped by hand" in said
    trials = pd.read_csv(project.find_one("sample/08_reporting/demo/sweeps/밤/trials.csv"))
    assert trials["state"].tolist() == ["waiting", "waiting"]

    done = project.run(*arguments)
    assert "the worker ends: every trial that was to be begun has ended" in done.stdout
    trials = pd.read_csv(project.find_one("sample/08_reporting/demo/sweeps/밤/trials.csv"))
    assert trials[["key", "state", "tries"]].to_numpy().tolist() == [["작은", "finished", 2], ["큰", "finished", 1]]
    log = project.find_one("sample/08_reporting/demo/sweeps/밤/logs/작은.log").read_text(encoding="utf-8")
    assert "going on from its last finished epoch" in log
    assert list_members(project) == {"작은/fold_1", "큰/fold_1"}
    history = pd.read_parquet(project.find_one("sample/07_model_output/demo/members/작은-*/fold_1/history.parquet"))
    assert history["epoch"].tolist() == list(range(15))
    kept = [path.name for path in (project.folder / "data/sample/05_model_input").rglob("*.*") if path.is_file()]
    assert kept == [], "tables that depend on a recipe were kept in memory"
