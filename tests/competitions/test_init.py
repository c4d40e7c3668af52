import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.competitions import IdTarget, ImageFolder, Listing, MaskProfiles, read_competition
from podium.competitions.demo import DemoDrawing

FindCases = Callable[[Callable[[], Listing]], list[str]]


@pytest.mark.usefixtures("id_target")
def test_id_target_is_read_by_its_reader(root: Path) -> None:
    listing = read_competition(IdTarget(format="id_target", root=root, group_column="target"))
    assert listing.images["group_id"].dropna().tolist() == ["0", "1", "1"]


@pytest.mark.usefixtures("image_folder")
def test_image_folder_is_read_by_its_reader(root: Path) -> None:
    listing = read_competition(ImageFolder(format="image_folder", root=root))
    assert listing.classes["class_name"].tolist() == ["daisy", "장미"]


@pytest.mark.usefixtures("mask_profiles")
def test_mask_profiles_is_read_by_its_reader(root: Path) -> None:
    assert len(read_competition(MaskProfiles(format="mask_profiles", root=root)).classes) == 18


def test_drawn_competition_is_drawn_and_read(tmp_path: Path) -> None:
    drawing = DemoDrawing(n_people=6, n_test_people=2, image_size_px=32)
    root = tmp_path / "데모"
    listing = read_competition(MaskProfiles(format="mask_profiles", root=root, draw=drawing))
    assert listing.images["subset"].value_counts().to_dict() == {"train": 42, "test": 14}
    assert listing.images.dropna(subset="label")["group_id"].nunique() == 6
    assert len(listing.template) == 14
    assert all((root / path).is_file() for path in listing.images["path"])


def test_missing_root_names_key_and_path(tmp_path: Path, find_cases: FindCases) -> None:
    root = tmp_path / "없다"
    cases = find_cases(lambda: read_competition(ImageFolder(format="image_folder", root=root), "flowers"))
    path = f"'{root}' there is no such folder (looked for {root})"
    assert cases == [f"competitions.flowers.root: {path}; give the organisers' folder"]


def test_relative_root_is_shown_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, find_cases: FindCases) -> None:
    monkeypatch.chdir(tmp_path)
    cases = find_cases(lambda: read_competition(ImageFolder(format="image_folder", root=Path("없다"))))
    assert cases[0].startswith(f"competitions.<name>.root: '없다' there is no such folder (looked for {tmp_path}/없다)")


def test_root_that_is_a_file_is_named(tmp_path: Path, find_cases: FindCases) -> None:
    (tmp_path / "file").touch()
    cases = find_cases(lambda: read_competition(IdTarget(format="id_target", root=tmp_path / "file"), "documents"))
    assert "competitions.documents.root:" in cases[0]
    assert "is no folder" in cases[0]


def test_reading_needs_neither_torch_nor_kedro() -> None:
    code = "import sys, podium.competitions; print({'torch', 'kedro'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
