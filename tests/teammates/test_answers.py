"""Answers of teammates are read as they were meant, or refused with every fault of every file."""

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.errors import InputError
from podium.teammates.answers import Answers, read_answers

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "고양이", "새"], "target": [10, 7, 30]})
TEMPLATE = pd.DataFrame(
    {
        "image_id": ["test/다.jpg", "test/가.jpg", "test/나.jpg"],
        "ImageID": ["다.jpg", "가.jpg", "나.jpg"],
        "ans": [0, 0, 0],
    }
)
CHANCES = pd.DataFrame(
    {"ImageID": ["가.jpg", "다.jpg", "나.jpg"], "10": [0.7, 0, 0], "7": [0.2, 0.5, 1], "30": [0.1, 0.5, 0]}
)


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def read(folder: Path) -> list[Answers]:
    return read_answers(folder, TEMPLATE, CLASSES)


def list_cases(folder: Path) -> list[str]:
    with pytest.raises(InputError, match="that teammates handed over are wrong") as error:
        read(folder)
    assert str(folder) in error.value.heading
    return error.value.cases


def test_classes_are_read_in_the_templates_order_whatever_the_order_of_rows(tmp_path: Path) -> None:
    put(tmp_path, "민수.csv", "ImageID,ans\n가.jpg,30\n나.jpg,7\n다.jpg,10.0\n")
    (answers,) = read(tmp_path)
    assert answers.name == "민수"
    assert answers.labels.tolist() == [0, 2, 1]
    assert answers.labels.dtype == np.int64
    assert answers.probabilities is None


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_probabilities_are_read_with_the_most_probable_class(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"지우.{suffix}"
    CHANCES.to_csv(file, index=False) if suffix == "csv" else CHANCES.to_parquet(file)
    (answers,) = read(tmp_path)
    assert answers.labels.tolist() == [1, 0, 1], "of equal ones the lowest label"
    assert answers.probabilities is not None
    np.testing.assert_allclose(answers.probabilities, [[0, 0.5, 0.5], [0.7, 0.2, 0.1], [0, 1, 0]], atol=1e-7)


def test_probabilities_may_name_images_by_image_id(tmp_path: Path) -> None:
    names = TEMPLATE.set_index("ImageID")["image_id"]
    table = CHANCES.assign(image_id=names.loc[CHANCES["ImageID"]].to_numpy()).drop(columns="ImageID")
    table.to_csv(tmp_path / "지우.csv", index=False)
    assert read(tmp_path)[0].labels.tolist() == [1, 0, 1]


def test_files_are_sorted_by_name_and_named_in_one_unicode_form(tmp_path: Path) -> None:
    for name in ("b", unicodedata.normalize("NFD", "가"), "a"):
        put(tmp_path, f"{name}.csv", "ImageID,ans\n가.jpg,30\n나.jpg,7\n다.jpg,10\n")
    assert [answers.name for answers in read(tmp_path)] == ["a", "b", "가"]


def test_missing_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path) == read(tmp_path / "none") == []


def test_columns_between_id_and_answer_belong_to_the_file(tmp_path: Path) -> None:
    template = TEMPLATE.assign(메모="x")[["image_id", "ImageID", "메모", "ans"]]
    put(tmp_path, "a.csv", "ImageID,메모,ans\n가.jpg,x,30\n나.jpg,x,7\n다.jpg,x,10\n")
    assert read_answers(tmp_path, template, CLASSES)[0].labels.tolist() == [0, 2, 1]


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "ImageID,ans\n가.jpg,30\n나.jpg,8\n가.jpg,새\n라.jpg,10\nx.png,8\n다.jpg,\n")
    put(tmp_path, "b.csv", "ID,ans\n가.jpg,30\n")
    put(tmp_path, "c.csv", "ImageID;ans\n가.jpg;30\n")
    put(tmp_path, "d.txt", "x")
    (tmp_path / "e.csv").mkdir()
    put(tmp_path, "f.csv", "ImageID,10,7,30\n가.jpg,1,0,0\n나.jpg,1,1,0\n")
    put(tmp_path, "f.parquet", "no table")
    expected = "expected exactly ImageID,ans, or ImageID or image_id and one column of probabilities a class"
    told = list_cases(tmp_path)
    assert told[:-1] == [
        "d.txt: is neither .csv nor .parquet; write it as one of them",
        "e.csv/: is a folder; a file <name>.csv or <name>.parquet a teammate belongs there",
        "f.csv, f.parquet: all stand for 'f'; keep one",
        "a.csv line 7: has no value for ans; fill it in or remove the row",
        "a.csv line 5: ImageID '라.jpg' is unknown; remove the row",
        "a.csv line 6: ImageID 'x.png' is unknown; remove the row",
        "a.csv lines 2, 4: ImageID '가.jpg' occurs more than once; keep one row",
        "a.csv lines 3, 6: ans '8' is no class; give one of 10, 7, 30",
        "a.csv line 4: ans '새' is a class's name; write its number, 30",
        f"b.csv: has the columns ID,ans, {expected}",
        f"c.csv: has the columns ImageID;ans, {expected}; separate values by commas",
        "f.csv: ImageID '다.jpg' is missing; add its row",
        "f.csv line 3: probabilities sum to 2, not to 1 (within 0.001)",
    ]
    assert told[-1].startswith("f.parquet: cannot be read as Parquet (")


def test_index_column_of_pandas_is_hinted_at(tmp_path: Path) -> None:
    pd.DataFrame({"ImageID": TEMPLATE["ImageID"], "ans": 7}).to_csv(tmp_path / "a.csv")
    (case,) = list_cases(tmp_path)
    assert case.endswith("pandas writes a column without a name unless told index=False")


def test_answer_beside_probabilities_is_a_column_too_many(tmp_path: Path) -> None:
    CHANCES.assign(ans=7).to_csv(tmp_path / "a.csv", index=False)
    assert list_cases(tmp_path) == ["a.csv: the columns 'ans' are no class; remove them"]


def test_classes_in_a_parquet_file_are_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    table = pd.DataFrame({"ImageID": ["가.jpg", "나.jpg", "다.jpg"], "ans": [30.0, 7.0, 10.0]})
    table.to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path)[0].labels.tolist() == [0, 2, 1]
    table.assign(ans=[30.0, None, 10.0]).to_parquet(tmp_path / "a.parquet")
    assert list_cases(tmp_path) == ["a.parquet row 2: ans '' is no class; give one of 10, 7, 30"]


def test_rows_of_a_large_shuffled_table_find_their_images(tmp_path: Path) -> None:
    n = 100_000
    rng = np.random.default_rng(0)
    ids = pd.Series([f"{number:06d}.jpg" for number in range(n)])
    template = pd.DataFrame({"image_id": "test/" + ids, "ID": ids, "ans": 0})
    chances, order = rng.dirichlet(np.ones(3), n).astype(np.float32), rng.permutation(n)
    table = pd.DataFrame(chances, columns=["p_0", "p_1", "p_2"]).assign(ID=ids)
    table.iloc[order].to_parquet(tmp_path / "a.parquet", index=False)
    (answers,) = read_answers(tmp_path, template, CLASSES)
    np.testing.assert_array_equal(answers.labels, chances.argmax(axis=1))
