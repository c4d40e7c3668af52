"""Old versions go, but for those to which somebody may want to return."""

import json
from pathlib import Path

import pytest

from podium.disk.versions import find_best_versions, list_old_versions

VERSIONS = [f"2026-01-0{day}T09.15.00.000Z" for day in range(1, 8)]


def save(folder: Path, name: str, version: str, text: str = "x") -> None:
    (folder / name / version).mkdir(parents=True)
    (folder / name / version / name).write_text(text, encoding="utf-8")


def list_days(folder: Path, n_kept: int, precious: set[str]) -> dict[str, list[int]]:
    days: dict[str, list[int]] = {}
    for item in list_old_versions([folder], n_kept, precious):
        days.setdefault(item.path.parent.name, []).append(VERSIONS.index(item.path.name) + 1)
    return days


def test_newest_stay(tmp_path: Path) -> None:
    for version in VERSIONS[:5]:
        save(tmp_path, "제출.csv", version)
    assert list_days(tmp_path, 2, set()) == {"제출.csv": [1, 2, 3]}
    assert list_days(tmp_path, 5, set()) == {}
    assert list_days(tmp_path, 0, set()) == {"제출.csv": [1, 2, 3, 4]}, "the newest stays in any case"


def test_precious_version_stays_and_with_it_what_its_run_read(tmp_path: Path) -> None:
    for version in VERSIONS:
        save(tmp_path, "submission.csv", version)
    for version in (VERSIONS[0], VERSIONS[1], VERSIONS[4], VERSIONS[6]):
        save(tmp_path, "images.parquet", version)
    assert list_days(tmp_path, 1, {VERSIONS[3]}) == {"submission.csv": [1, 2, 3, 5, 6], "images.parquet": [1, 5]}


def test_what_is_no_version_is_never_listed(tmp_path: Path) -> None:
    for version in VERSIONS:
        save(tmp_path, "a.csv", version)
    (tmp_path / "a.csv" / "mine").mkdir()
    (tmp_path / "a.csv" / VERSIONS[0] / "note.txt").write_text("keep", encoding="utf-8")
    (tmp_path / "by_class" / "dog").mkdir(parents=True)
    (tmp_path / "file.csv").write_text("x", encoding="utf-8")
    assert list_days(tmp_path, 1, set()) == {"a.csv": [2, 3, 4, 5, 6]}


def test_best_by_every_criterion_is_found_among_members_and_ensembles(tmp_path: Path) -> None:
    scores = [(0.5, 0.9, 1.5), (0.7, 0.6, 1.2), (0.6, 0.7, 0.9), (0.6, 0.7, 1.0)]
    for version, (macro_f1, accuracy, log_loss) in zip(VERSIONS, scores, strict=False):
        text = json.dumps({"macro_f1": macro_f1, "nested": {"accuracy": accuracy, "log_loss": log_loss}, "n_images": 9})
        save(tmp_path, "ensemble_scores.json", version, text)
    assert find_best_versions(tmp_path) == {VERSIONS[0], VERSIONS[1], VERSIONS[2]}
    save(tmp_path, "scores.json", VERSIONS[4], json.dumps({"macro_f1": 0.1}))
    save(tmp_path, "scores.json", VERSIONS[5], json.dumps({"macro_f1": 0.1}))
    save(tmp_path, "scores.json", VERSIONS[6], "{damaged")
    assert find_best_versions(tmp_path) == {*VERSIONS[:3], VERSIONS[5]}


@pytest.mark.parametrize("best", VERSIONS)
def test_best_is_never_listed(tmp_path: Path, best: str) -> None:
    for version in VERSIONS:
        save(tmp_path, "ensemble_scores.json", version, json.dumps({"macro_f1": 0.9 if version == best else 0.5}))
    listed = {item.path.name for item in list_old_versions([tmp_path], 1, find_best_versions(tmp_path))}
    assert listed == set(VERSIONS) - {best, VERSIONS[-1]}


def test_score_that_is_no_number_hides_no_best(tmp_path: Path) -> None:
    scores = [(float("nan"), float("-inf")), (0.9, 0.2), (0.5, float("nan"))]
    for version, (macro_f1, log_loss) in zip(VERSIONS, scores, strict=False):
        save(tmp_path, "scores.json", version, json.dumps({"macro_f1": macro_f1, "log_loss": log_loss}))
    assert find_best_versions(tmp_path) == {VERSIONS[1]}
