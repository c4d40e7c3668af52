import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.image_files import FolderListing, is_image_name, list_files

Put = Callable[..., None]


def list_train(root: Path, **options: bool) -> tuple[FolderListing | None, list[str]]:
    cases: list[str] = []
    return list_files(root, "train", cases, **options), cases


def find_names(root: Path) -> list[str]:
    listing, cases = list_train(root)
    assert cases == []
    assert listing is not None
    return listing.files["name"].tolist()


def test_files_are_listed_at_any_depth_by_name(root: Path, put: Put) -> None:
    put("train/b.JPG", "train/a/z.png", "train/a/b/c.tiff", "train/가/나.jpg")
    listing, cases = list_train(root)
    assert cases == []
    assert listing is not None
    found = sorted(path.relative_to(root).as_posix() for path in (root / "train").rglob("*") if path.is_file())
    assert listing.files["path"].tolist() == listing.files["image_id"].tolist() == found
    assert listing.files["name"].tolist() == ["a/b/c.tiff", "a/z.png", "b.JPG", "가/나.jpg"]
    assert listing.files["suffix"].tolist() == [".tiff", ".png", ".jpg", ".jpg"]
    assert listing.folders == ("a", "a/b", "가")


def test_order_of_directory_listings_does_not_matter(
    root: Path, put: Put, shuffle_listings: Callable[[], None]
) -> None:
    put("train/b.jpg", "train/a.jpg", "train/d/y.jpg", "train/c/x.jpg")
    before, _ = list_train(root)
    shuffle_listings()
    after, _ = list_train(root)
    assert before is not None
    assert after is not None
    pd.testing.assert_frame_equal(before.files, after.files)
    assert before.folders == after.folders


def test_names_are_composed_and_paths_stay_as_on_disk(root: Path, put: Put) -> None:
    decomposed = unicodedata.normalize("NFD", "train/강아지/é.jpg")
    put(decomposed)
    listing, cases = list_train(root)
    assert cases == []
    assert listing is not None
    assert listing.files["image_id"].tolist() == ["train/강아지/é.jpg"]
    assert listing.files["path"].tolist() == [decomposed]
    assert (root / listing.files["path"][0]).is_file()
    assert listing.folders == ("강아지",)


def test_hidden_files_and_clutter_are_left_out(root: Path, put: Put) -> None:
    put("train/a.jpg", "train/.DS_Store", "train/Thumbs.db", "train/._a.jpg", "train/desktop.ini")
    put("train/__MACOSX/a.jpg", "train/.ipynb_checkpoints/a.jpg")
    assert find_names(root) == ["a.jpg"]


def test_missing_folder_is_a_case_where_it_is_required(root: Path) -> None:
    assert list_train(root) == (None, ["train/: there is no such folder; the images belong there"])
    assert list_train(root, required=False) == (None, [])


def test_file_in_the_place_of_a_folder_is_named(root: Path, put: Put) -> None:
    put("train")
    expected = "train: is no folder (or a link that leads nowhere); the images belong in a folder"
    assert list_train(root, required=False) == (None, [expected])


def test_empty_folder_is_named(root: Path, put: Put) -> None:
    put("train/.DS_Store")
    listing, cases = list_train(root)
    assert cases == ["train/: holds no file; the images belong there"]
    assert listing is not None
    assert listing.files.empty


def test_root_itself_may_be_a_link(root: Path, put: Put) -> None:
    put("train/a.jpg")
    link = root.parent / "link"
    link.symlink_to(root)
    assert find_names(link) == ["a.jpg"]


def test_links_inside_the_root_are_followed(root: Path, put: Put) -> None:
    put("store/a.jpg", "store/more/b.jpg", "train/c.jpg")
    (root / "train/a.jpg").symlink_to("../store/a.jpg")
    (root / "train/more").symlink_to(root / "store/more")
    assert find_names(root) == ["a.jpg", "c.jpg", "more/b.jpg"]


def test_every_link_out_of_the_root_is_refused_and_not_entered(root: Path, put: Put) -> None:
    put("train/ok.jpg", "../elsewhere/x.jpg")
    outside = root.parent / "elsewhere"
    (root / "train/file.jpg").symlink_to(outside / "x.jpg")
    (root / "train/folder").symlink_to(outside)
    (root / "train/dead.jpg").symlink_to(outside / "missing.jpg")
    listing, cases = list_train(root)
    reason = "outside of the competition's root; put the files themselves there"
    assert cases == [
        f"train/dead.jpg: a link leads to {outside}/missing.jpg, {reason}",
        f"train/file.jpg: a link leads to {outside}/x.jpg, {reason}",
        f"train/folder/: a link leads to {outside}, {reason}",
    ]
    assert listing is not None
    assert listing.files["name"].tolist() == ["dead.jpg", "file.jpg", "ok.jpg"]
    assert listing.unread == ("folder",)
    assert listing.hides(pd.Series(["folder/x.jpg", "folders/x.jpg", "ok.jpg"])).tolist() == [True, False, False]


def test_sibling_whose_name_begins_like_the_root_is_outside(root: Path, put: Put) -> None:
    put(f"../{root.name}2/x.jpg", "train/ok.jpg")
    (root / "train/x.jpg").symlink_to(root.parent / f"{root.name}2/x.jpg")
    assert len(list_train(root)[1]) == 1


def test_linked_image_folder_outside_the_root_is_refused(root: Path, put: Put) -> None:
    put("../elsewhere/x.jpg")
    (root / "train").symlink_to(root.parent / "elsewhere")
    listing, cases = list_train(root)
    assert listing is None
    assert len(cases) == 1
    assert cases[0].startswith("train/: a link leads to ")


def test_dead_link_inside_the_root_is_named(root: Path, put: Put) -> None:
    put("train/ok.jpg")
    (root / "train/dead.jpg").symlink_to("gone.jpg")
    (root / "train/self.jpg").symlink_to("self.jpg")
    reason = "is no file (or a link that leads nowhere); remove it or put the image there"
    assert list_train(root)[1] == [f"train/dead.jpg: {reason}", f"train/self.jpg: {reason}"]


def test_circles_of_links_end(root: Path, put: Put) -> None:
    put("train/a/1.jpg", "train/b/2.jpg")
    (root / "train/a/up").symlink_to("..")
    (root / "train/a/to_b").symlink_to("../b")
    (root / "train/b/to_a").symlink_to("../a")
    (root / "train/whole").symlink_to(root)
    _, cases = list_train(root)
    circles = ["a/up", "a/to_b/to_a/to_b", "a/to_b/to_a/up", "b/to_a/to_b/to_a", "b/to_a/up", "whole"]
    reason = "a link that leads back to a folder above it; remove it"
    assert sorted(cases) == sorted(f"train/{circle}/: {reason}" for circle in circles)


def test_names_equal_but_for_their_unicode_form_are_named(root: Path, put: Put) -> None:
    names = ["가.jpg", "나/1.jpg"]
    put(*(f"train/{unicodedata.normalize(form, name)}" for name in names for form in ("NFC", "NFD")))
    if len(os.listdir(root / "train")) == 2:
        pytest.skip("this file system takes both forms for one name")
    assert list_train(root)[1] == [
        "train/가.jpg: 2 names on disk differ only in Unicode form; keep one",
        "train/나/1.jpg: 2 names on disk differ only in Unicode form; keep one",
        "train/나/: 2 names on disk differ only in Unicode form; keep one",
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names itself")
def test_name_that_is_no_utf8_is_named_with_its_korean_reading(root: Path, put: Put) -> None:
    put("train/ok.jpg")
    (Path(os.fsdecode(os.fsencode(root) + b"/train/" + "사진.jpg".encode("cp949")))).write_bytes(b"x")
    listing, cases = list_train(root)
    assert len(cases) == 1
    assert "the name is not UTF-8 (in CP949 it reads '사진.jpg'); rename it" in cases[0]
    cases[0].encode()  # can be printed
    assert listing is not None
    assert listing.files["name"].tolist() == ["ok.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_is_named_and_not_opened(root: Path, put: Put) -> None:
    put("train/ok.jpg")
    os.mkfifo(root / "train/pipe.jpg")
    expected = "train/pipe.jpg: is no file (or a link that leads nowhere); remove it or put the image there"
    assert list_train(root)[1] == [expected]


def test_folder_that_cannot_be_listed_is_named(root: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("train/a.jpg", "train/locked/b.jpg")
    true_scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return true_scandir(path)

    monkeypatch.setattr("podium.competitions.image_files.os.scandir", refuse)
    listing, cases = list_train(root)
    assert cases == ["train/locked/: cannot be listed (Permission denied); make it readable"]
    assert listing is not None
    assert listing.folders == listing.unread == ("locked",)


def test_image_names_are_told_by_suffix() -> None:
    suffixes = pd.Series([".jpg", ".png", ".tiff", ".csv", "", ".db"])
    assert is_image_name(suffixes).tolist() == [True, True, True, False, False, False]


def test_only_links_cost_more_than_a_listing(root: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put(*(f"train/{number:05d}.jpg" for number in range(200)))
    (root / "train/link.jpg").symlink_to("00000.jpg")
    calls: list[object] = []
    true_realpath = os.path.realpath
    monkeypatch.setattr("os.path.realpath", lambda path: calls.append(path) or true_realpath(path))
    assert len(find_names(root)) == 201
    assert len(calls) < 10
