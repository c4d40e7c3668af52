"""Only what is proven to be superseded is listed, and never a result."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from podium.disk.identity import IDENTITY_NAME, note_identity, read_identity
from podium.disk.superseded import (
    Superseded,
    Wanted,
    find_stores_in_use,
    list_checkpoints,
    list_image_stores,
    list_partial,
    list_survey_rows,
)
from podium.survey import fill_survey
from vision.conftest import competition, ten  # noqa: F401  (fixtures)
from vision.drawn_competition import ROW_BYTES, SPEC, DrawnCompetition

LATER = time.time() + 3600
PRESENT = {"split_digest": "s", "content_digest": "c"}
MEMBER = {"name": "기준-0a", "recipe": "기준", "recipe_digest": "r", **PRESENT}


def make_wanted(**changes: Any) -> Wanted:
    values: dict[str, Any] = {
        "recipe_digests": {"기준": "r"},
        "present": PRESENT,
        "preparations": {SPEC.preparation},
        "contents": frozenset(),
    }
    return Wanted(**{**values, **changes})


def interrupt_fold(models: Path, member: dict[str, Any] | None = MEMBER, fold: int = 0) -> Path:
    """Leave checkpoints behind."""
    folder = models / "기준-0a" / f"fold_{fold}" / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("best.ckpt", "last.ckpt"):
        (folder / name).write_bytes(bytes(5000))
    if member is not None:
        note_identity(folder, member, SPEC.preparation)
    return folder


def finish_fold(models: Path, tables: Path, fold: int = 0) -> None:
    for folder, names in ((models, ["weights.safetensors"]), (tables, ["oof", "test_probabilities", "history"])):
        place = folder / "기준-0a" / f"fold_{fold}"
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            (place / (name if "." in name else f"{name}.parquet")).write_bytes(b"x")


def list_reasons(tmp_path: Path, wanted: Wanted, before: float = LATER) -> list[str]:
    return [item.reason for item in list_checkpoints(tmp_path / "models", tmp_path / "tables", wanted, before)]


def test_interrupted_fold_of_a_recipe_that_still_reads_so_is_kept(tmp_path: Path) -> None:
    interrupt_fold(tmp_path / "models")
    assert list_reasons(tmp_path, make_wanted()) == []
    assert list_reasons(tmp_path, make_wanted(present=None)) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipe_digests": {"다른": "r"}}, "there is no recipe '기준' any more"),
        ({"recipe_digests": {"기준": "q"}}, "the recipe '기준' reads differently now"),
        ({"present": {**PRESENT, "split_digest": "t"}}, "the split changed since"),
        ({"present": {**PRESENT, "content_digest": "d"}}, "the images changed since"),
    ],
)
def test_checkpoints_of_what_can_never_go_on_are_listed_with_their_bytes(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    folder = interrupt_fold(tmp_path / "models")
    (item,) = list_checkpoints(tmp_path / "models", tmp_path / "tables", make_wanted(**changes), LATER)
    assert (item.path, item.reason) == (folder, reason)
    assert 10_000 <= item.n_bytes < 40_000


@pytest.mark.parametrize("damage", ["missing", "text", "list"])
def test_checkpoints_of_whom_nobody_knows_are_kept(tmp_path: Path, damage: str) -> None:
    folder = interrupt_fold(tmp_path / "models", member=None)
    if damage != "missing":
        (folder / IDENTITY_NAME).write_text("{" if damage == "text" else "[]", encoding="utf-8")
    assert read_identity(folder) is None
    assert list_reasons(tmp_path, make_wanted(recipe_digests={})) == []


def test_checkpoints_of_a_finished_fold_are_listed_and_its_results_are_not(tmp_path: Path) -> None:
    folder = interrupt_fold(tmp_path / "models", member=None)
    finish_fold(tmp_path / "models", tmp_path / "tables")
    interrupt_fold(tmp_path / "models", fold=1)
    (item,) = list_checkpoints(tmp_path / "models", tmp_path / "tables", make_wanted(), LATER)
    assert (item.path, item.reason) == (folder, "the fold is finished")
    (tmp_path / "tables" / "기준-0a" / "fold_0" / "oof.parquet").unlink()
    assert list_reasons(tmp_path, make_wanted()) == []


def test_what_was_written_lately_is_kept(tmp_path: Path) -> None:
    folder = interrupt_fold(tmp_path / "models")
    old = time.time() - 7200
    for path in (*folder.iterdir(), folder):
        os.utime(path, (old, old))
    gone = make_wanted(recipe_digests={})
    assert len(list_reasons(tmp_path, gone, time.time() - 3600)) == 1
    (folder / "last.ckpt").touch()
    assert list_reasons(tmp_path, gone, time.time() - 3600) == []


def test_leftovers_are_found_at_any_depth_and_nothing_else_is(tmp_path: Path) -> None:
    left = [".a.csvxyz.partial", "b/c/.k.partial", "b/.store.0a1b.pruned/pixels-0.u8", "survey/draft.01.new"]
    kept = ["b/c.partial", ".hidden", "b/x.new", "b/draft.csv", ".gitkeep"]
    for name in (*left, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(100))
    (tmp_path / ".link.partial").symlink_to(tmp_path / "b")
    found = {item.path.relative_to(tmp_path).as_posix() for item in list_partial([tmp_path], LATER)}
    assert found == {left[0], left[1], "b/.store.0a1b.pruned", left[3]}
    assert list(list_partial([tmp_path], time.time() - 3600)) == []


def list_rules(items: Any) -> list[tuple[str, str]]:
    return [(item.rule, item.path.name) for item in items]


def test_store_that_no_recipe_reads_is_listed(competition: DrawnCompetition, ten: list[str]) -> None:  # noqa: F811
    competition.fill(ten)
    stores = competition.store.parent
    known = frozenset(competition.read_index()["sha256"])
    (stores / "notes").mkdir()
    assert list_rules(list_image_stores(stores, make_wanted(contents=known), frozenset(), LATER)) == []
    other = make_wanted(contents=known, preparations={"8x8-stretch-bicubic"})
    assert list_rules(list_image_stores(stores, other, frozenset(), LATER)) == [("image_store", SPEC.preparation)]
    assert (
        list_rules(list_image_stores(stores, make_wanted(contents=known, preparations=None), frozenset(), LATER)) == []
    )
    assert list_rules(list_image_stores(stores, other, frozenset(), time.time() - 3600)) == [], "somebody fills it"
    assert list_rules(list_image_stores(stores, other, {SPEC.preparation}, LATER)) == [], "somebody reads it"


def test_store_of_a_fold_that_was_lately_at_work_is_in_use(tmp_path: Path) -> None:
    folder = interrupt_fold(tmp_path / "models")
    interrupt_fold(tmp_path / "models", member=None, fold=1)
    assert find_stores_in_use(tmp_path / "models", time.time() - 3600) == {SPEC.preparation}
    old = time.time() - 7200
    for path in (*folder.iterdir(), folder):
        os.utime(path, (old, old))
    assert find_stores_in_use(tmp_path / "models", time.time() - 3600) == set()


def test_rows_of_pictures_that_are_gone_are_listed_from_a_tenth_on(
    competition: DrawnCompetition,  # noqa: F811
    ten: list[str],  # noqa: F811
) -> None:
    competition.fill(ten)
    contents = list(competition.read_index()["sha256"])
    (item,) = list_image_stores(
        competition.store.parent, make_wanted(contents=frozenset(contents[:9])), frozenset(), LATER
    )
    assert (item.rule, item.n_bytes) == ("image_store_rows", ROW_BYTES)
    assert list(list_image_stores(competition.store.parent, make_wanted(contents=None), frozenset(), LATER)) == []
    unknown = make_wanted(contents=frozenset(["another"]))
    assert list(list_image_stores(competition.store.parent, unknown, frozenset(), LATER)) == [], (
        "of these images it has none"
    )


def test_survey_of_pictures_that_are_gone_is_listed(
    competition: DrawnCompetition,  # noqa: F811
    ten: list[str],  # noqa: F811
    tmp_path: Path,
) -> None:
    table = competition.fill(ten).table
    paths = dict(zip(table["sha256"], table["path"], strict=True))
    fill_survey(tmp_path / "survey", competition.root, paths, max_pixels=10**6, n_jobs=1, progress=False)
    assert list(list_survey_rows(tmp_path / "survey", make_wanted(contents=frozenset(paths)), LATER)) == []
    (item,) = list_survey_rows(tmp_path / "survey", make_wanted(contents=frozenset(list(paths)[:6])), LATER)
    size = sum(part.stat().st_size for part in (tmp_path / "survey").glob("*.parquet"))
    assert item == Superseded(
        "survey_rows", tmp_path / "survey", round(0.4 * size), "4 of 10 pictures are no longer part of the competition"
    )
    assert list(list_survey_rows(tmp_path / "none", make_wanted(), LATER)) == []


def test_identity_is_read_back_as_it_was_noted(tmp_path: Path) -> None:
    note_identity(tmp_path / "새 폴더", {**MEMBER, "folds": [0]}, "8x8-pad")
    noted = read_identity(tmp_path / "새 폴더")
    digests = {key: MEMBER[key] for key in ("recipe", "recipe_digest", "split_digest", "content_digest")}
    assert noted == {**digests, "preparation": "8x8-pad"}
    assert json.loads((tmp_path / "새 폴더" / IDENTITY_NAME).read_text(encoding="utf-8")) == noted
    assert [path.name for path in (tmp_path / "새 폴더").iterdir()] == [IDENTITY_NAME]


def test_leftovers_are_listed_in_one_order_whatever_that_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("나", "가", "다"):
        (tmp_path / f".{name}.partial").touch()
    seen = list(os.walk(tmp_path))
    orders = []
    for reverse in (False, True):
        shuffled = [(place, names, sorted(files, reverse=reverse)) for place, names, files in seen]
        monkeypatch.setattr("podium.disk.superseded.os.walk", lambda _, shuffled=shuffled: iter(shuffled))
        orders.append([item.path.name for item in list_partial([tmp_path], LATER)])
    assert orders[0] == orders[1] == sorted(orders[0])
