"""Tables from other code bases: whichever way they were written, what they say is read, and every fault is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.teammates.tables import find_class_columns, find_images, list_entries, read_probabilities, read_table

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "고양이", "새"], "target": [10, 7, 30]})
NAMES = pd.DataFrame({"ID": ["나.jpg", "가.jpg", "c.jpg"], "image_id": ["test/나.jpg", "test/가.jpg", "test/c.jpg"]})
CHANCES = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
WAYS = {"labels": ["p_0", "p_1", "p_2"], "targets": ["10", "7", "30"], "names": ["개", "고양이", "새"]}


def make_table(columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(CHANCES, columns=columns)
    table.insert(0, "ID", NAMES["ID"])
    return table


def write(folder: Path, table: pd.DataFrame, file: str) -> None:
    table.to_parquet(folder / file, index=False) if file.endswith("parquet") else table.to_csv(
        folder / file, index=False
    )


def read(folder: Path, file: str) -> tuple[np.ndarray | None, list[str]]:
    cases: list[str] = []
    table = read_table(folder, file, cases)
    return None if table is None else read_probabilities(table, file, "ID", CLASSES, cases), cases


@pytest.mark.parametrize("file", ["김.csv", "김.parquet", "KIM.CSV", "KIM.Parquet"])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_columns_may_be_called_by_label_target_or_name_in_any_order(tmp_path: Path, file: str, way: str) -> None:
    table = make_table(WAYS[way]).iloc[:, [2, 0, 3, 1]]
    write(tmp_path, table, file) if file[0] == "김" else write(tmp_path, table, file.lower())
    (tmp_path / file.lower()).rename(tmp_path / file)
    read_chances, cases = read(tmp_path, file)
    assert cases == []
    assert read_chances is not None and read_chances.dtype == np.float32
    np.testing.assert_allclose(read_chances, CHANCES, atol=1e-7)


def test_column_fold_of_podiums_own_tables_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, make_table(WAYS["labels"]).assign(fold=-1), "a.parquet")
    assert read(tmp_path, "a.parquet")[0] is not None


def test_rows_that_sum_to_nearly_one_are_made_to_sum_to_one(tmp_path: Path) -> None:
    table = make_table(WAYS["labels"])
    table["p_0"] += 9e-4
    write(tmp_path, table, "a.csv")
    read_chances, cases = read(tmp_path, "a.csv")
    assert cases == [] and read_chances is not None
    np.testing.assert_allclose(read_chances.sum(axis=1), 1, atol=1e-6)


def test_every_wrong_probability_and_sum_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        'ID,p_0,p_1,p_2\na,0.5,0.5,0\nb,-0.5,1.5,0\nc,nan,0.5,inf\nd,"0,5",0.5,0\ne,0.5,0.5,0.3\n', encoding="utf-8"
    )
    reason = "is no probability; give a number from 0 to 1"
    read_chances, cases = read(tmp_path, "a.csv")
    assert read_chances is None
    assert cases == [
        f"a.csv line 3: p_0 '-0.5' {reason}",
        f"a.csv line 4: p_0 'nan' {reason}",
        f"a.csv line 5: p_0 '0,5' {reason}",
        f"a.csv line 3: p_1 '1.5' {reason}",
        f"a.csv line 4: p_2 'inf' {reason}",
        "a.csv line 6: probabilities sum to 1.3, not to 1 (within 0.001)",
    ]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.1, None, 0.2], "a.parquet row 2: p_0 'nan' is no probability; give a number from 0 to 1"),
        (["0.1", "", "0.2"], "a.parquet row 2: p_0 '' is no probability; give a number from 0 to 1"),
        ([True, False, True], "a.parquet: the column p_0 holds bool; give numbers from 0 to 1"),
        ([[0.1], [0.6], [0.2]], "a.parquet row 1: p_0 '[0.1]' is no probability; give a number from 0 to 1"),
    ],
)
def test_parquet_that_holds_something_else_is_named(tmp_path: Path, values: list[object], told: str) -> None:
    write(tmp_path, make_table(WAYS["labels"]).assign(p_0=values), "a.parquet")
    read_chances, cases = read(tmp_path, "a.parquet")
    assert read_chances is None
    assert told in cases


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (["p_0", "p_1", "p_3"], "; it lacks p_2; beside ID give one a class: p_0,p_1,p_2, or 10,7,30, or 개,고양이,새"),
        (["개", "고양이", "쥐"], "; it lacks 새; beside ID give one a class"),
        (["x", "y", "z"], "has the columns ID,x,y,z; beside ID give one a class"),
    ],
)
def test_missing_class_is_named(tmp_path: Path, columns: list[str], told: str) -> None:
    write(tmp_path, make_table(columns), "a.csv")
    read_chances, (case,) = read(tmp_path, "a.csv")
    assert told in case
    assert read_chances is None


def test_column_too_many_is_named(tmp_path: Path) -> None:
    make_table(WAYS["labels"]).assign(메모="x", p_0=[0.1, 0.7, 0.2]).to_csv(tmp_path / "a.csv")
    hint = "remove them (the one without a name is the index, which pandas leaves out with index=False)"
    assert read(tmp_path, "a.csv")[1] == [
        f"a.csv: the columns '', '메모' are no class; {hint}",
        "a.csv line 3: probabilities sum to 1.1, not to 1 (within 0.001)",
    ]


def test_class_names_that_contradict_the_targets_are_not_guessed_at() -> None:
    crossed = pd.DataFrame({"label": [0, 1], "class_name": ["1", "0"], "target": [0, 1]})
    assert find_class_columns(["0", "1"], crossed) is None
    assert find_class_columns(["p_0", "p_1"], crossed) == ["p_0", "p_1"]
    assert find_class_columns(["0", "1"], crossed.assign(class_name=["0", "1"])) == ["0", "1"]


def test_index_that_pandas_wrote_into_a_parquet_file_is_passed_over(tmp_path: Path) -> None:
    make_table(WAYS["labels"]).iloc[[2, 0, 1]].to_parquet(tmp_path / "a.parquet")
    cases: list[str] = []
    table = read_table(tmp_path, "a.parquet", cases)
    assert table is not None
    assert (list(table), table.index.tolist(), table.index.name) == (["ID", *WAYS["labels"]], [1, 2, 3], "row")


def test_folder_that_looks_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    (tmp_path / "fold=3").mkdir()
    write(tmp_path / "fold=3", make_table(WAYS["labels"]), "a.parquet")
    table = read_table(tmp_path, "fold=3/a.parquet", [])
    assert table is not None and list(table) == ["ID", *WAYS["labels"]]


@pytest.mark.parametrize(("file", "told"), [("a.parquet", "cannot be read as Parquet ("), ("a.csv", "neither UTF-8")])
def test_file_that_is_something_else_is_named(tmp_path: Path, file: str, told: str) -> None:
    (tmp_path / file).write_bytes(b"ID,p_0\n\x81\xff\xff,1\n")
    read_chances, cases = read(tmp_path, file)
    assert read_chances is None
    assert len(cases) == 1 and cases[0].startswith(file) and told in cases[0]


@pytest.mark.parametrize("file", ["a.parquet", "a.csv"])
def test_link_out_of_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    write(tmp_path, make_table(WAYS["labels"]), file)
    (inside / file).symlink_to(tmp_path / file)
    cases: list[str] = []
    assert read_table(inside, file, cases) is None
    assert cases == [f"{file}: a link leads to {tmp_path / file}, outside of the folder; put the file itself there"]


def test_table_without_rows_is_named(tmp_path: Path) -> None:
    write(tmp_path, make_table(WAYS["labels"]).iloc[:0], "a.parquet")
    assert read(tmp_path, "a.parquet")[1] == ["a.parquet: has columns but no rows; one row an image belongs there"]


def find(table: pd.DataFrame, may_lack: list[bool] | None = None) -> tuple[np.ndarray, list[str]]:
    cases: list[str] = []
    table.index.name = "row"
    found = find_images(table, "a.parquet", NAMES, cases, may_lack=np.array(may_lack or [False] * 3))
    return found, cases


@pytest.mark.parametrize("column", ["ID", "image_id"])
def test_row_of_every_image_is_found_by_either_name(column: str) -> None:
    table = NAMES[[column]].iloc[[2, 0, 1]].reset_index(drop=True)
    found, cases = find(table)
    assert cases == []
    assert table[column].iloc[found].tolist() == NAMES[column].tolist()


def test_name_in_the_other_unicode_form_is_the_same_name() -> None:
    import unicodedata

    table = pd.DataFrame({"ID": [unicodedata.normalize("NFD", name) for name in NAMES["ID"]]})
    assert table["ID"][0] != NAMES["ID"][0]
    assert find(table)[0].tolist() == [0, 1, 2]


def test_missing_doubled_and_unknown_ids_are_all_named() -> None:
    _, cases = find(pd.DataFrame({"ID": ["가.jpg", "c.jpeg", "가.jpg", "zzz"]}, index=[1, 2, 3, 4]))
    assert cases == [
        "a.parquet row 2: ID 'c.jpeg' is unknown; did you mean 'c.jpg'?",
        "a.parquet row 4: ID 'zzz' is unknown; remove the row",
        "a.parquet rows 1, 3: ID '가.jpg' occurs more than once; keep one row",
        "a.parquet: ID '나.jpg' is missing; add its row",
        "a.parquet: ID 'c.jpg' is missing; add its row",
    ]


def test_image_that_may_lack_is_not_missed() -> None:
    found, cases = find(pd.DataFrame({"ID": ["c.jpg", "가.jpg"]}), [True, False, False])
    assert cases == []
    assert found.tolist() == [-1, 1, 0]


def test_ids_that_are_numbers_are_compared_as_text() -> None:
    names = pd.DataFrame({"ID": ["1", "02"], "image_id": ["a", "b"]})
    cases: list[str] = []
    table = pd.DataFrame({"ID": [2, 1]}, index=pd.RangeIndex(1, 3, name="row"))
    found = find_images(table, "a.parquet", names, cases, may_lack=np.zeros(2, dtype=bool))
    assert found.tolist() == [1, -1]
    assert cases == [
        "a.parquet row 1: ID '2' is unknown; did you mean '02'?",
        "a.parquet: ID '02' is missing; add its row",
    ]


def test_entries_are_sorted_and_hidden_files_are_none(tmp_path: Path) -> None:
    for name in ("b.csv", "가.csv", "a.csv", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).touch()
    assert list_entries(tmp_path) == ["a.csv", "b.csv", "가.csv"]
    assert list_entries(tmp_path / "none") == []
