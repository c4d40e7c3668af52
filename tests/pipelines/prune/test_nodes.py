"""Listed first, deleted when asked; nothing that is a result, a best one, noted, or another competition's."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from podium.disk.config import DiskConfig
from podium.disk.identity import note_identity
from podium.errors import InputError
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.ledger.rows import COLUMNS as LEDGER_COLUMNS
from podium.pipelines.prune import nodes
from podium.pipelines.prune.config import PruneConfig
from podium.pipelines.prune.nodes import COLUMNS, delete_superseded, list_superseded
from podium.pipelines.survey.config import SurveyConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import digest_present, digest_recipe
from podium.vision.recipe import Recipe

NOW = PruneConfig(min_age_hours=0.0, keep_versions=1)
RECIPES: dict[str, Any] = {"기준": {"model": {"backbone": "test_resnet"}, "input": {"size_px": [32, 32]}}}
USED = "32x32-stretch-bilinear"
VERSIONS = [f"2026-01-0{day}T09.15.00.000Z" for day in range(1, 5)]
IMAGES = pd.DataFrame(
    {"image_id": ["a", "b"], "subset": "train", "label": pd.array([0, 1], dtype="Int64"), "sha256": ["1", "2"]}
)
FOLDS = pd.DataFrame({"image_id": ["a", "b"], "fold": [0, 1]})


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def list_of(root: Path, competition: str = "꽃", prune: PruneConfig = NOW, **changes: Any) -> pd.DataFrame:
    intermediate, models = root / "02_intermediate" / competition, root / "06_models" / competition
    values: dict[str, Any] = {
        "recipes": RECIPES, "images": IMAGES, "folds": FOLDS,
        "ingestion": IngestionConfig(store_dir=intermediate / "image_store"), "survey": SurveyConfig(),
        "training": TrainingConfig(checkpoint_dir=models), "disk": DiskConfig(data_root=root),
    }  # fmt: skip
    competitions = {name: {"format": "image_folder", "root": str(root / "01_raw")} for name in ("꽃", "다른")}
    return list_superseded(
        competition=competition, competitions=competitions, prune=prune, **{**values, **changes}
    )  # fmt: skip


def name(table: pd.DataFrame, root: Path) -> dict[str, str]:
    """Name what is listed below the data folder, with its rule."""
    return {
        Path(path).relative_to(root).as_posix(): rule for path, rule in zip(table["path"], table["rule"], strict=True)
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Data of two competitions: some of every kind that is superseded, and some that is not."""
    root = tmp_path / "자료"
    write(root / "01_raw" / ".a.partial")
    for competition in ("꽃", "다른"):
        stores = root / "02_intermediate" / competition / "image_store"
        for preparation in (USED, "64x64-stretch-bilinear"):
            write(stores / preparation / "index.parquet")
            write(stores / preparation / "pixels-0.u8")
        models = root / "06_models" / competition
        write(models / "기준-0a" / "fold_0" / "weights.safetensors")
        write(models / "옛날-0b" / "fold_0" / "weights.safetensors")
        write(models / ".weights.partial")
        for version in VERSIONS:
            write(root / "07_model_output" / competition / "submission.csv" / version / "submission.csv")
            best = {"macro_f1": 0.9 if version == VERSIONS[0] else 0.5}
            write(root / "08_reporting" / competition / "scores.json" / version / "scores.json", json.dumps(best))
        for recipe, digest in (("기준", digest_recipe(Recipe(name="기준", **RECIPES["기준"]))), ("옛날", "r")):
            folder = models / f"{recipe}-0c" / "fold_0" / "checkpoints"
            digests = digest_present(IMAGES, FOLDS)
            note_identity(folder, {"recipe": recipe, "recipe_digest": digest, **digests}, USED)
            write(folder / "last.ckpt")
    return root


def test_every_kind_is_listed_of_this_competition_alone(root: Path) -> None:
    output = "07_model_output/꽃/submission.csv"
    assert name(list_of(root), root) == {
        "02_intermediate/꽃/image_store/64x64-stretch-bilinear": "image_store",
        "06_models/꽃/.weights.partial": "partial",
        "06_models/꽃/옛날-0c/fold_0/checkpoints": "checkpoints",
        f"{output}/{VERSIONS[1]}": "versions",
        f"{output}/{VERSIONS[2]}": "versions",
        f"08_reporting/꽃/scores.json/{VERSIONS[1]}": "versions",
        f"08_reporting/꽃/scores.json/{VERSIONS[2]}": "versions",
    }


def test_noted_submission_keeps_its_version(root: Path) -> None:
    row = f"{VERSIONS[2]},0.9,macro_f1,{'0' * 64}"
    header = ",".join(LEDGER_COLUMNS)
    write(root / "08_reporting" / "꽃" / "ledger.csv", f"{header}\n{row},,,,,,,\n")
    listed = name(list_of(root), root)
    assert f"07_model_output/꽃/submission.csv/{VERSIONS[1]}" in listed
    assert not any(path.endswith(VERSIONS[2]) for path in listed)


def test_nothing_is_listed_while_the_ledger_cannot_be_read(root: Path) -> None:
    write(root / "08_reporting" / "꽃" / "ledger.csv", "submission,score\nx,y\n")
    with pytest.raises(InputError, match="ledger"):
        list_of(root)


def test_what_somebody_may_be_at_work_on_is_not_listed(root: Path) -> None:
    table = list_of(root, prune=PruneConfig(min_age_hours=1.0, keep_versions=1))
    assert set(table["rule"]) == {"versions"}


def test_folders_that_other_competitions_may_share_are_left_alone(root: Path) -> None:
    shared = root / "02_intermediate" / "shared"
    (root / "02_intermediate" / "꽃" / "image_store").rename(shared)
    (root / "06_models" / "꽃").rename(root / "models")
    table = list_of(
        root,
        ingestion=IngestionConfig(store_dir=shared),
        training=TrainingConfig(checkpoint_dir=root / "models"),
    )
    assert not {"image_store", "checkpoints"} & set(table["rule"])


def test_stores_are_kept_when_the_organisers_files_are_gone(root: Path) -> None:
    (root / "01_raw" / ".a.partial").unlink()
    (root / "01_raw").rmdir()
    assert "image_store" not in set(list_of(root)["rule"])


def test_stores_are_kept_when_a_recipe_cannot_be_read(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipes = {**RECIPES, "새것": {"model": {"backbone": "no_such_backbone"}}}
    assert "image_store" not in set(list_of(root, recipes=recipes)["rule"])
    assert "image stores are left alone" in caplog.text


def test_project_that_never_ran_has_nothing_to_list(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        table = list_of(tmp_path, images=pd.DataFrame(), folds=pd.DataFrame())
    assert list(table.columns) == COLUMNS and table.empty
    assert caplog.messages == ["nothing is superseded"]
    assert delete_superseded(table, pd.DataFrame(), PruneConfig(delete=True)).empty


def test_nothing_is_deleted_unasked(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = sorted(root.rglob("*"))
    with caplog.at_level(logging.INFO):
        pruned = delete_superseded(list_of(root), IMAGES, NOW)
    assert sorted(root.rglob("*")) == before
    assert not pruned["is_deleted"].any()
    assert caplog.messages[-1] == "nothing was deleted; the same command with --params prune.delete=true does so"


def test_what_is_listed_is_deleted_and_all_else_stays(root: Path) -> None:
    table = list_of(root)
    gone = [Path(path) for path in table["path"]]
    kept = [path for path in root.rglob("*") if path.is_file() and not any(path.is_relative_to(item) for item in gone)]
    pruned = delete_superseded(table, IMAGES, NOW.model_copy(update={"delete": True}))
    assert pruned["is_deleted"].all()
    assert sorted(path for path in root.rglob("*") if path.is_file()) == sorted(kept)
    assert len(kept) > 20
    assert list_of(root).empty


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = list_of(root)
    stubborn, real = table["path"][0], nodes.remove

    def remove(item: Any, contents: Any) -> None:
        if item.path.as_posix() == stubborn:
            raise PermissionError(13, "Permission denied", stubborn)
        real(item, contents)

    monkeypatch.setattr(nodes, "remove", remove)
    pruned = delete_superseded(table, IMAGES, PruneConfig(delete=True))
    assert pruned["is_deleted"].tolist() == [False] + [True] * (len(table) - 1)
    assert f"{stubborn} stays: [Errno 13] Permission denied" in caplog.text


def test_sums_are_told_by_rule_the_largest_first(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        table = list_of(root)
    sums = table.groupby("rule")["n_bytes"].sum().sort_values(ascending=False)
    told = caplog.messages[-1]
    assert told.startswith(nodes.describe_bytes(table["n_bytes"].sum()))
    rules = [re.sub(r"^[\d.]+ \w+ ", "", part) for part in told.partition(": ")[2].split(", ")]
    assert sorted(rules) == sorted(rule.replace("_", " ") for rule in sums.index)
    assert sums[rules[0].replace(" ", "_")] == sums.max() and rules[-1] == "partial"
