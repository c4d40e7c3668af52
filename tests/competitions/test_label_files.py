import codecs
import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.label_files import parse_integers, read_label_file

COLUMNS = ["ID", "target"]
Put = Callable[..., None]


def read(root: Path, **options: object) -> tuple[pd.DataFrame | None, list[str]]:
    cases: list[str] = []
    return read_label_file(root, "train.csv", COLUMNS, cases, **options), cases  # type: ignore[arg-type]


def test_values_stay_the_text_they_are(root: Path, put: Put) -> None:
    put("train.csv", text='ID,target\nNA,001\nnan,1.50\n"a,b",null\n')
    rows, cases = read(root)
    assert cases == []
    assert rows is not None
    assert rows.to_numpy().tolist() == [["NA", "001"], ["nan", "1.50"], ["a,b", "null"]]


def test_rows_carry_the_lines_where_they_begin(root: Path, put: Put) -> None:
    put("train.csv", text='\n\nID,target\r\na,1\n\n"b\nb",2\nc,3\n')
    rows, _ = read(root)
    assert rows is not None
    physical = (root / "train.csv").read_text().split("\n")
    assert [physical[line - 1][:2].strip('"') for line in rows.index] == ["a,", "b", "c,"]


def test_spaces_and_order_of_columns_do_not_matter(root: Path, put: Put) -> None:
    put("train.csv", text="  target , note,ID\t\n 1 ,x,\u3000가.jpg \n")
    rows, cases = read(root)
    assert cases == []
    assert rows is not None
    assert rows.to_dict("records") == [{"ID": "가.jpg", "target": "1"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_korean_text_is_read_in_every_usual_encoding(
    root: Path, put: Put, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    put("train.csv", text="ID,target\n뷁한글.jpg,1\n".encode(encoding))
    with caplog.at_level(logging.WARNING):
        rows, cases = read(root)
    assert cases == []
    assert rows is not None
    assert rows["ID"].tolist() == ["뷁한글.jpg"]
    assert ("train.csv is not UTF-8; it was read as CP949" in caplog.messages) == (encoding == "cp949")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read(root: Path, put: Put, end: str) -> None:
    put("train.csv", text=end.join(["ID,target", "a,1", "b,2"]))
    rows, cases = read(root)
    assert cases == []
    assert rows is not None
    assert rows.index.tolist() == [2, 3]


def test_missing_file_names_the_nearest(root: Path, put: Put) -> None:
    put("Train.csv", "train.txt")
    assert read(root) == (None, ["train.csv: there is no such file; did you mean 'Train.csv'?"])


def test_missing_file_without_neighbours_is_named(root: Path) -> None:
    assert read(root) == (None, ["train.csv: there is no such file"])


def test_file_that_is_a_folder_is_named(root: Path) -> None:
    (root / "train.csv").mkdir()
    assert read(root)[1] == ["train.csv: cannot be read (Is a directory); put a readable CSV file there"]


def test_linked_file_outside_the_root_is_refused(root: Path) -> None:
    outside = root.parent / "secret.csv"
    outside.write_text("ID,target\na,1\n")
    (root / "train.csv").symlink_to(outside)
    _, cases = read(root)
    assert len(cases) == 1
    assert str(outside) in cases[0]
    assert "outside of the competition's root" in cases[0]


def test_linked_file_inside_the_root_is_read(root: Path, put: Put) -> None:
    put("labels/v2.csv", text="ID,target\na,1\n")
    (root / "train.csv").symlink_to("labels/v2.csv")
    assert read(root)[1] == []


@pytest.mark.parametrize("text", ["", " \n\n", "\t"])
def test_empty_file_is_named(root: Path, put: Put, text: str) -> None:
    put("train.csv", text=text)
    expected = f"train.csv: is empty ({len(text)} bytes); a header and one row an entry belong there"
    assert read(root) == (None, [expected])


def test_header_alone_is_named(root: Path, put: Put) -> None:
    put("train.csv", text="ID,target\n\n")
    assert read(root) == (None, ["train.csv: has a header but no rows; one row an entry belongs there"])


def test_wrong_columns_are_listed_with_the_nearest(root: Path, put: Put) -> None:
    put("train.csv", text="id,targets,note\na,1,x\n")
    expected = "train.csv: has the columns id,targets,note, expected ID,target (target: did you mean 'targets'?)"
    assert read(root) == (None, [expected])


def test_other_separator_is_named(root: Path, put: Put) -> None:
    put("train.csv", text="ID;target\na;1\n")
    assert read(root)[1] == ["train.csv: has the columns ID;target, expected ID,target; separate values by commas"]


def test_doubled_column_is_named(root: Path, put: Put) -> None:
    put("train.csv", text="ID,target,ID\na,1,b\n")
    assert read(root)[1] == ["train.csv: the columns ID occur more than once; keep one of each"]


@pytest.mark.parametrize("header", ["ID,target,note", "target,ID", "ID"])
def test_exact_columns_allow_no_other(root: Path, put: Put, header: str) -> None:
    put("train.csv", text=f"{header}\n{header}\n")
    _, cases = read(root, exact=True)
    assert len(cases) == 1
    assert f"has the columns {header}, expected exactly ID,target" in cases[0]


def test_every_blank_value_is_listed(root: Path, put: Put) -> None:
    put("train.csv", text="ID,target,note\na,1,\nb, ,x\n,2,x\n,,\n")
    rows, cases = read(root)
    assert cases == [
        "train.csv line 3: has no value for target; fill it in or remove the row",
        "train.csv line 4: has no value for ID; fill it in or remove the row",
        "train.csv line 5: has no value for ID, target; fill it in or remove the row",
    ]
    assert rows is not None
    assert rows["ID"].tolist() == ["a", "b", "", ""]


def test_blank_values_beyond_the_needed_columns_are_no_fault(root: Path, put: Put) -> None:
    put("train.csv", text="ID,target\na,\n")
    assert read(root, n_filled=1)[1] == []


def test_every_uneven_row_is_listed_and_keeps_its_id(root: Path, put: Put) -> None:
    put("train.csv", text="ID,target\na,1,2\nb\nc,1\n")
    rows, cases = read(root)
    assert cases == [
        "train.csv line 2: has 3 values, the header has 2; put a value with a comma in quotation marks",
        "train.csv line 3: has 1 values, the header has 2; put a value with a comma in quotation marks",
    ]
    assert rows is not None
    assert rows["ID"].tolist() == ["a", "b", "c"]


def test_open_quotation_mark_is_placed(root: Path, put: Put) -> None:
    put("train.csv", text='ID,target\na,1\n"b,1\nc,1\n')
    rows, cases = read(root)
    assert rows is None
    assert len(cases) == 1
    assert cases[0].startswith("train.csv line 3: is no CSV (")


def test_bytes_that_are_no_text_are_placed(root: Path, put: Put) -> None:
    put("train.csv", text=b"ID,target\na,1\nb\xff\xfe,1\n")
    expected = "train.csv line 3: byte 0xff is neither UTF-8 nor CP949 text; save the file as UTF-8"
    assert read(root) == (None, [expected])


@pytest.mark.parametrize("content", ["ID,target\na,1".encode("utf-16-le"), codecs.BOM_UTF8 + b"ID\0,target"])
def test_utf16_is_named(root: Path, put: Put, content: bytes) -> None:
    put("train.csv", text=content)
    expected = "train.csv: holds NUL characters, so it is UTF-16 or no text at all; save the file as UTF-8"
    assert read(root) == (None, [expected])


def test_unreadable_file_is_named(root: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("train.csv", text="ID,target\na,1\n")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert read(root)[1] == ["train.csv: cannot be read (Permission denied); put a readable CSV file there"]


def test_integers_are_what_people_call_integers() -> None:
    good = {"1": 1, "1.0": 1, "007": 7, "-3": -3, "+4": 4, "5.": 5, "9" * 18: 10**18 - 1}
    bad = ["", "cat", "1.5", "1e3", "0x1", "nan", "inf", "1 2", "１", "9" * 19, "1.0.0", "True", ".5"]
    parsed = parse_integers(pd.Series([*good, *bad], dtype="str"))
    assert parsed.dtype == "Int64"
    assert parsed[: len(good)].tolist() == list(good.values())
    assert parsed[len(good) :].isna().all()
