"""Pictures for benchmarks are real, of the size asked for, and the same every time."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import pictures


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "CACHE", tmp_path / "cache")


def test_pictures_have_the_size_and_lie_in_a_folder_a_class() -> None:
    folder = pictures.make_pictures(7, 64, 48, n_classes=3)
    found = sorted(folder.rglob("*.jpg"))
    assert [path.parent.name for path in found] == ["class_00"] * 3 + ["class_01"] * 2 + ["class_02"] * 2
    assert {Image.open(path).size for path in found} == {(64, 48)}


def test_pictures_differ_from_each_other_and_come_out_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = [path.read_bytes() for path in sorted(pictures.make_pictures(6, 64, 48).rglob("*.jpg"))]
    monkeypatch.setattr(pictures, "CACHE", tmp_path / "another")
    assert first == [path.read_bytes() for path in sorted(pictures.make_pictures(6, 64, 48).rglob("*.jpg"))]
    assert len(set(first)) == 6


def test_set_made_before_is_found_again() -> None:
    folder = pictures.make_pictures(2, 64, 48)
    (folder / "mark").touch()
    assert (pictures.make_pictures(2, 64, 48) / "mark").exists()


def test_photos_of_ones_own_are_taken(tmp_path: Path) -> None:
    photos = tmp_path / "사진"
    photos.mkdir()
    Image.new("RGB", (200, 300), (200, 0, 0)).save(photos / "빨강.png")
    path = next(pictures.make_pictures(1, 64, 48, photos).rglob("*.jpg"))
    red, green, blue = Image.open(path).convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert (red > 190, green < 10, blue < 10) == (True, True, True)


def test_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \.jpg, \.jpeg, \.png in it"):
        pictures.list_photos(tmp_path)
