"""Nodes of a sweep: plans, requests for trials, tables and pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from podium.pipelines.selection.nodes import select_recipe
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.sweep import nodes
from podium.pipelines.sweep.nodes import make_request, plan_sweep, read_queue, show_sweep, tabulate_sweep, work_off
from podium.pipelines.training.member import digest_present
from podium.sweeps import process
from podium.sweeps.plan import Entry, SweepPlan, resolve_entry
from podium.sweeps.worker import JudgeEpoch, Outcome
from sweeps.small_sweeps import CHANGES, RECIPES, SCORES, SEARCH

ORIGIN = {"env": "sample", "params": {"competition": "꽃", "recipes": {"기준": {"epochs": 2}}}}
IMAGES = pd.DataFrame({"image_id": ["a", "b"], "subset": "train", "label": [0, 1], "sha256": ["x", "y"]})
FOLDS = pd.DataFrame({"image_id": ["a", "b"], "fold": [0, 1]})


def make_plan(config: dict[str, Any] = CHANGES, images: pd.DataFrame = IMAGES) -> SweepPlan:
    competitions = {"꽃": {"format": "image_folder", "root": "꽃"}}
    splitting = SplittingConfig(n_folds=2)
    return plan_sweep("찾기", {"찾기": config}, RECIPES, {"light": []}, "꽃", competitions, splitting, images, FOLDS)


def test_other_images_make_another_study() -> None:
    assert make_plan().study == make_plan().study
    assert make_plan(images=IMAGES.assign(sha256=["x", "z"])).study != make_plan().study


def test_trial_is_asked_for_with_this_runs_parameters_its_recipe_and_its_folds() -> None:
    entry = make_plan().make_entry("느림-seed1", {})
    request = make_request(entry, make_plan(), {"project": "/p", **ORIGIN})
    assert request == {
        "project": "/p",
        "env": "sample",
        "params": {
            "competition": "꽃",
            "recipe": "찾기-느림-seed1",
            "recipes": {"기준": {"epochs": 2}, "찾기-느림-seed1": entry.values},
            "splitting": {"held_out": [0]},
        },
        "digests": digest_present(IMAGES, FOLDS),
    }
    both = replace(make_plan(), folds=[0, 1])
    ready = make_request(Entry("기준", "기준", "기준", None), both, {"project": "/p", "env": None, "params": {}})
    assert ready["params"] == {"recipe": "기준", "splitting": {"held_out": [0, 1]}}


def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plan: SweepPlan, again: bool = False) -> dict[str, Any]:
    """Work a sweep off with trials that train nothing: the slow ones fail."""

    def run_trial(how: Any, key: str, request: dict[str, Any], judge: JudgeEpoch, lost: Any) -> Outcome:
        assert how.environment == {"PODIUM_PARENT_RUN": "run-1"}
        assert how.folder == tmp_path
        assert how.log_folder == tmp_path / "로그" / "찾기" / "logs"
        seed = request["params"]["recipes"][request["params"]["recipe"]].get("seed", 0)
        if "느림" in key and not again:
            return Outcome("failed", error="too slow")
        return Outcome("finished", {**SCORES, "macro_f1": 0.5 + seed / 10 + 0.05 * ("느림" in key)})

    monkeypatch.setattr(process, "run_trial", run_trial)
    monkeypatch.setattr(nodes, "find_run_id", lambda: "run-2" if again else "run-1")
    monkeypatch.delenv("PODIUM_SWEEP_STORAGE", raising=False)
    return work_off(plan, {"project": str(tmp_path), **ORIGIN}, "sqlite:///줄.db", "로그", again)


def test_worker_trains_all_and_a_second_one_what_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = make_plan()
    records = work(monkeypatch, tmp_path, plan)
    assert [trial["state"] for trial in records["trials"]] == ["finished", "failed"] * 2
    assert read_queue(plan, {"project": str(tmp_path)}, "sqlite:///줄.db") == records
    assert [trial["state"] for trial in work(monkeypatch, tmp_path, plan)["trials"]] == ["finished", "failed"] * 2
    records = work(monkeypatch, tmp_path, plan, again=True)
    tables = tabulate_sweep(plan, records)
    assert tables["sweep_trials"]["state"].tolist() == ["finished"] * 4
    assert tables["sweep_effects"]["difference"].tolist()[1] == pytest.approx(0.05)
    assert list(tables["sweep_recipes"]["recipes"]) == [
        "찾기-느림-seed2", "찾기-base-seed2", "찾기-느림-seed1", "찾기-base-seed1",
    ]  # fmt: skip
    copied = {**RECIPES, **tables["sweep_recipes"]["recipes"]}
    for key in plan.list_keys():
        entry = plan.make_entry(key, {})
        assert select_recipe(entry.recipe, copied) == resolve_entry(entry, RECIPES), "trained by hand it is the same"
    figures = show_sweep(plan, records, *(tables[f"sweep_{name}"] for name in ("trials", "effects", "importances")))
    assert set(figures) == {
        f"sweep_{what}_{kind}" for what in ("effects", "importances", "history") for kind in ("plot", "picture")
    }
    assert figures["sweep_importances_picture"].axes[0].texts[0].get_text() == "no search"
    assert "against the base" in figures["sweep_effects_picture"].axes[0].get_xlabel()


def test_untouched_search_is_told_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PODIUM_SWEEP_STORAGE", raising=False)
    plan = make_plan(SEARCH)
    records = read_queue(plan, {"project": str(tmp_path)}, "sqlite:///줄.db")
    tables = tabulate_sweep(plan, records)
    assert tables["sweep_trials"]["state"].tolist() == ["waiting"] * 6
    assert tables["sweep_recipes"] == {"recipes": {}}
    figures = show_sweep(plan, records, *(tables[f"sweep_{name}"] for name in ("trials", "effects", "importances")))
    said = {name: figures[name].axes[0].texts[0].get_text() for name in figures if name.endswith("_picture")}
    assert said == {
        "sweep_effects_picture": "a search has no single changes",
        "sweep_importances_picture": "too few different scores",
        "sweep_history_picture": "no trial has ended",
    }
