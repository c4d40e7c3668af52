import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.competitions.unlabelled import UnlabelledPart, read_unlabelled

Put = Callable[..., None]


def read(root: Path, **options: bool) -> tuple[UnlabelledPart, list[str]]:
    cases: list[str] = []
    return read_unlabelled(root, "test", "sample_submission.csv", ("ID", "target"), cases, **options), cases


def test_order_of_the_sheet_is_kept_and_its_answers_are_not(root: Path, put: Put) -> None:
    put("test/a.jpg", "test/b.jpg", "test/c.jpg")
    put("sample_submission.csv", text="ID,target\nc.jpg,5\na.jpg,\nb.jpg,cat\n")
    part, cases = read(root)
    assert cases == []
    assert part.template.to_dict("list") == {
        "image_id": ["test/c.jpg", "test/a.jpg", "test/b.jpg"],
        "ID": ["c.jpg", "a.jpg", "b.jpg"],
        "target": [0, 0, 0],
    }
    assert part.template["target"].dtype == "int64"
    assert sorted(part.images["path"]) == ["test/a.jpg", "test/b.jpg", "test/c.jpg"]


def test_ids_stay_as_the_organisers_write_them(root: Path, put: Put) -> None:
    decomposed = "\u1100\u1161"  # 가 as two letters
    put("test/가.jpg", "test/007.jpg")
    put("sample_submission.csv", text=f"ID,target\n{decomposed},0\n007,0\n")
    part, cases = read(root)
    assert cases == []
    assert part.template["ID"].tolist() == [decomposed, "007"]
    assert part.template["image_id"].tolist() == ["test/가.jpg", "test/007.jpg"]


def test_without_a_sheet_the_files_go_by_name_and_the_log_says_so(
    root: Path, put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    put("test/b.jpg", "test/가.jpg", "test/a.jpg")
    with caplog.at_level(logging.WARNING):
        part, cases = read(root)
    assert cases == []
    assert part.template["ID"].tolist() == ["a.jpg", "b.jpg", "가.jpg"]
    assert list(part.template.columns) == ["image_id", "ID", "target"]
    assert caplog.messages == ["no sample_submission.csv: the submission will list the files of test/ by name"]


def test_no_test_part_is_no_fault(root: Path) -> None:
    part, cases = read(root)
    assert cases == []
    assert len(part.images) == len(part.template) == 0
    assert list(part.template.columns) == ["image_id", "ID", "target"]
    assert part.template["target"].dtype == "int64"


def test_sheet_without_a_folder_is_named(root: Path, put: Put) -> None:
    put("sample_submission.csv", text="ID,target\na.jpg,0\na.jpg,0\n")
    assert read(root)[1] == [
        "test/: there is no such folder, but sample_submission.csv lists images; add it or remove the sheet",
        "sample_submission.csv lines 2, 3: ID 'a.jpg' occurs more than once; keep one row",
    ]


def test_rows_and_files_that_do_not_meet_are_all_listed(root: Path, put: Put) -> None:
    put("test/a.jpg", "test/b.jpg")
    put("sample_submission.csv", text="ID,target\na.jpg,0\nc.jpg,0\n../train/d.jpg,0\n")
    assert read(root)[1] == [
        "sample_submission.csv line 4: ID '../train/d.jpg' leaves the folder; give a path below test/",
        "sample_submission.csv line 3: ID 'c.jpg': no file test/c.jpg; add the file or remove the row",
        "test/b.jpg: has no row in sample_submission.csv; add one or remove the image",
    ]


def test_file_that_is_no_image_is_named_without_a_sheet(root: Path, put: Put) -> None:
    put("test/a.jpg", "test/readme.txt")
    assert read(root)[1] == ["test/readme.txt: is no image by its name; remove it"]


def test_empty_folder_is_named(root: Path) -> None:
    (root / "test").mkdir()
    assert read(root)[1] == ["test/: holds no file; the images belong there"]


@pytest.mark.parametrize("header", ["ID,label", "target,ID", "ID,target,note", "ID"])
def test_other_columns_are_refused(root: Path, put: Put, header: str) -> None:
    put("test/a.jpg")
    put("sample_submission.csv", text=f"{header}\na.jpg{',0' * header.count(',')}\n")
    _, cases = read(root)
    assert len(cases) == 1
    assert cases[0].startswith(f"sample_submission.csv: has the columns {header}, expected exactly ID,target")


def test_any_two_columns_will_do_where_the_format_does_not_fix_them(root: Path, put: Put) -> None:
    put("test/a.jpg")
    put("sample_submission.csv", text="파일,꽃\na.jpg,daisy\n")
    part, cases = read(root, fixed_columns=False)
    assert cases == []
    assert part.template.to_dict("list") == {"image_id": ["test/a.jpg"], "파일": ["a.jpg"], "꽃": [0]}


@pytest.mark.parametrize("header", ["id", "id,a,b", "id,"])
def test_other_than_two_columns_are_refused_there(root: Path, put: Put, header: str) -> None:
    put("test/a.jpg")
    put("sample_submission.csv", text=f"{header}\na.jpg{',0' * header.count(',')}\n")
    expected = f"sample_submission.csv: has the columns {header}, expected two: an id and an answer, such as ID,target"
    assert read(root, fixed_columns=False)[1] == [expected]


def test_column_named_like_our_own_is_refused(root: Path, put: Put) -> None:
    put("test/a.jpg")
    put("sample_submission.csv", text="image_id,label\na.jpg,0\n")
    _, cases = read(root, fixed_columns=False)
    assert len(cases) == 1
    assert "a column is called 'image_id'" in cases[0]
