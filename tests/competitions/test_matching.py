import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.image_files import list_files
from podium.competitions.matching import check_ids, find_escapes, match_files, report_other_files

Put = Callable[..., None]


def match(root: Path, *ids: str) -> tuple[list[str | None], list[str]]:
    """Match ids, one a line from line 2 on; return image_ids and cases."""
    cases: list[str] = []
    series = pd.Series(ids, index=range(2, 2 + len(ids)), name="ID", dtype="str")
    listing = list_files(root, "train", cases)
    assert listing is not None
    check_ids(series, "train", "train.csv", cases)
    found = match_files(series, listing, "train.csv", cases)
    assert found.index.tolist() == series.index.tolist()
    return [None if pd.isna(value) else value for value in found["image_id"]], cases


def test_every_row_gets_its_own_file_in_the_order_of_rows(root: Path, put: Put) -> None:
    put("train/a.jpg", "train/b.jpg", "train/sub/c.jpg")
    assert match(root, "sub/c.jpg", "a.jpg", "b.jpg") == (["train/sub/c.jpg", "train/a.jpg", "train/b.jpg"], [])


@pytest.mark.parametrize(("on_disk", "in_file"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_unicode_form_does_not_matter(root: Path, put: Put, on_disk: str, in_file: str) -> None:
    put(unicodedata.normalize(on_disk, "train/사과.jpg"))  # type: ignore[arg-type]
    assert match(root, unicodedata.normalize(in_file, "사과.jpg")) == (["train/사과.jpg"], [])  # type: ignore[arg-type]


def test_rows_without_files_and_files_without_rows_are_all_listed(root: Path, put: Put) -> None:
    put("train/a.jpg", "train/c.jpg", "train/d.jpg", "train/notes.txt")
    found, cases = match(root, "a.jpg", "b.jpg", "z.jpg")
    assert found == ["train/a.jpg", None, None]
    assert cases == [
        "train.csv line 3: ID 'b.jpg': no file train/b.jpg; add the file or remove the row",
        "train.csv line 4: ID 'z.jpg': no file train/z.jpg; add the file or remove the row",
        "train/c.jpg: has no row in train.csv; add one or remove the image",
        "train/d.jpg: has no row in train.csv; add one or remove the image",
        "train/notes.txt: is no image by its name and train.csv does not name it; remove it",
    ]


@pytest.mark.parametrize("written", ["A.jpg", "a.JPG", "a.png", "a"])
def test_capitals_and_extensions_are_suggested(root: Path, put: Put, written: str) -> None:
    put("train/a.jpg", "train/b.jpg")
    _, cases = match(root, "b.jpg", written)
    assert cases[0] == f"train.csv line 3: ID '{written}': no file train/{written}; did you mean 'a.jpg'?"


def test_ids_may_all_lack_the_extension(root: Path, put: Put) -> None:
    put("train/0001.jpg", "train/0002.png", "train/v1.2.jpg", "train/하나.jpg")
    expected = ["train/0002.png", "train/0001.jpg", "train/v1.2.jpg", "train/하나.jpg"]
    assert match(root, "0002", "0001", "v1.2", "하나") == (expected, [])


def test_ids_that_fit_two_files_are_named(root: Path, put: Put) -> None:
    put("train/1.jpg", "train/1.png", "train/2.jpg", "train/2.txt")
    found, cases = match(root, "1", "2")
    assert found[1] == "train/2.jpg"
    assert cases == [
        "train.csv line 2: ID '1' fits train/1.jpg, train/1.png; write the extension or keep one",
        "train/2.txt: is no image by its name and train.csv does not name it; remove it",
    ]


def test_file_of_another_kind_is_taken_where_a_row_names_it(root: Path, put: Put) -> None:
    put("train/a.jpg", "train/scan")
    assert match(root, "a.jpg", "scan") == (["train/a.jpg", "train/scan"], [])


def test_doubled_ids_are_listed_with_all_their_lines(root: Path, put: Put) -> None:
    put("train/a.jpg", "train/é.jpg")
    _, cases = match(root, "a.jpg", "é.jpg", "a.jpg", unicodedata.normalize("NFD", "é.jpg"), "a.jpg")
    assert cases == [
        "train.csv lines 2, 4, 6: ID 'a.jpg' occurs more than once; keep one row",
        "train.csv lines 3, 5: ID 'é.jpg' occurs more than once; keep one row",
    ]


@pytest.mark.parametrize(
    "path",
    ["../x.jpg", "a/../../x.jpg", "/etc/passwd", "..", "a/..", "\\\\host\\x", "C:\\x.jpg", "c:x.jpg", "..\\x.jpg"],
)
def test_paths_that_leave_the_folder_are_refused(root: Path, put: Put, path: str) -> None:
    put("train/a.jpg", "x.jpg")
    found, cases = match(root, "a.jpg", path)
    assert found == ["train/a.jpg", None]
    assert cases == [f"train.csv line 3: ID '{path}' leaves the folder; give a path below train/"]


def test_names_with_dots_stay_inside() -> None:
    assert not find_escapes(pd.Series(["a..jpg", "..a.jpg", "a../b.jpg", "a.b", "", "a:b.jpg"[1:]])).any()


def test_empty_folder_is_one_case_and_not_one_a_row(root: Path) -> None:
    (root / "train").mkdir()
    assert match(root, "a.jpg", "b.jpg") == ([None, None], ["train/: holds no file; the images belong there"])


def test_rows_of_a_refused_folder_are_not_called_missing(root: Path, put: Put) -> None:
    put("train/a.jpg", "../elsewhere/x.jpg")
    (root / "train/sub").symlink_to(root.parent / "elsewhere")
    _, cases = match(root, "a.jpg", "sub/x.jpg")
    assert len(cases) == 1
    assert cases[0].startswith("train/sub/: a link leads to ")


def test_blank_ids_are_left_to_the_reader_of_the_file(root: Path, put: Put) -> None:
    put("train/a.jpg")
    assert match(root, "", "a.jpg", "") == ([None, "train/a.jpg", None], [])


def test_files_that_are_no_images_are_named_without_a_label_file() -> None:
    cases: list[str] = []
    report_other_files(pd.DataFrame({"image_id": ["test/a.jpg", "test/b.txt"], "suffix": [".jpg", ".txt"]}), cases)
    assert cases == ["test/b.txt: is no image by its name; remove it"]
