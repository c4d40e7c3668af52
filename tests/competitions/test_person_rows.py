from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.person_rows import read_persons

Put = Callable[..., None]


@pytest.fixture
def read(root: Path, put: Put) -> Callable[..., tuple[pd.DataFrame | None, list[str]]]:
    """Write rows below the header and read them."""

    def write_and_read(*rows: str) -> tuple[pd.DataFrame | None, list[str]]:
        put("train.csv", text="\n".join(["id,gender,race,age,path", *rows]))
        cases: list[str] = []
        return read_persons(root, "train.csv", cases), cases

    return write_and_read


Read = Callable[..., tuple[pd.DataFrame | None, list[str]]]


def test_persons_are_read(read: Read) -> None:
    persons, cases = read(
        "001,male,Asian,24,001_male_Asian_24", " 002 , female,Middle_East,61.0,002_female_Middle_East_61"
    )
    assert cases == []
    assert persons is not None
    assert persons["group_id"].tolist() == ["001", "002"]
    assert persons["folder"].tolist() == ["001_male_Asian_24", "002_female_Middle_East_61"]
    assert persons["gender"].tolist() == ["male", "female"]
    assert persons["age_years"].tolist() == [24, 61]


@pytest.mark.parametrize("age", [0, 120])
def test_youngest_and_oldest_are_read(read: Read, age: int) -> None:
    assert read(f"1,male,x,{age},1_male_x_{age}")[1] == []


def test_ages_that_are_no_numbers_are_all_listed(read: Read) -> None:
    rows = [f"{number},male,x,{age},{number}_male_x_{age}" for number, age in enumerate(["old", "24.5", "1e2"])]
    assert read(*rows)[1] == [
        "train.csv line 2: age 'old' is no number; give whole years, such as 45",
        "train.csv line 3: age '24.5' is no number; give whole years, such as 45",
        "train.csv line 4: age '1e2' is no number; give whole years, such as 45",
    ]


def test_ages_beyond_a_life_are_all_listed(read: Read) -> None:
    assert read("1,male,x,121,1_male_x_121", "2,male,x,-1,2_male_x_-1")[1] == [
        "train.csv line 2: age '121' is not between 0 and 120 years",
        "train.csv line 3: age '-1' is not between 0 and 120 years",
    ]


def test_unknown_genders_are_all_listed_with_the_nearest(read: Read) -> None:
    assert read("1,Male,x,1,1_Male_x_1", "2,f,x,1,2_f_x_1", "3,Male,x,1,3_Male_x_1")[1] == [
        "train.csv lines 2, 4: gender 'Male' is unknown; did you mean 'male'?",
        "train.csv line 3: gender 'f' is unknown; allowed: female, male",
    ]


def test_doubled_persons_and_folders_are_listed(read: Read) -> None:
    assert read("1,male,x,1,1_male_x_1", "1,male,x,2,1_male_x_2", "3,male,x,2,1_male_x_2")[1] == [
        "train.csv lines 2, 3: id '1' occurs more than once; keep one row",
        "train.csv lines 3, 4: path '1_male_x_2' occurs more than once; keep one row",
        "train.csv line 4: path '1_male_x_2' says id '1', the column says '3'; they must agree",
    ]


@pytest.mark.parametrize("path", ["000001", "1_male_24", "1-male-x-24", "1_male_x_", "_male_x_24", "a/1_male_x_24"])
def test_malformed_folder_names_the_form(read: Read, path: str) -> None:
    expected = f"train.csv line 2: path '{path}' is malformed; the form is <id>_<gender>_<race>_<age>"
    assert read(f"1,male,x,24,{path}")[1] == [expected]


@pytest.mark.parametrize("path", ["../1_male_x_24", "/1_male_x_24", "C:\\1_male_x_24"])
def test_paths_that_leave_the_folder_are_refused(read: Read, path: str) -> None:
    form = "give a folder <id>_<gender>_<race>_<age>"
    assert read(f"1,male,x,24,{path}")[1] == [f"train.csv line 2: path '{path}' leaves train/images/; {form}"]


def test_folder_that_contradicts_its_row_is_named_column_by_column(read: Read) -> None:
    path = "2_female_y_abc"
    assert read(f"1,male,x,24,{path}")[1] == [
        f"train.csv line 2: path '{path}' says id '2', the column says '1'; they must agree",
        f"train.csv line 2: path '{path}' says gender 'female', the column says 'male'; they must agree",
        f"train.csv line 2: path '{path}' says age 'abc', the column says '24'; they must agree",
    ]


def test_ages_agree_as_numbers(read: Read) -> None:
    assert read("1,male,x,24.0,1_male_x_024")[1] == []


def test_blank_values_are_listed_once(read: Read) -> None:
    assert read("1,,x,,1_male_x_24", "2,male,x,24,")[1] == [
        "train.csv line 2: has no value for gender, age; fill it in or remove the row",
        "train.csv line 3: has no value for path; fill it in or remove the row",
    ]


def test_missing_column_is_named(root: Path, put: Put) -> None:
    put("train.csv", text="id,sex,race,ages,path\n1,male,x,24,1_male_x_24\n")
    cases: list[str] = []
    assert read_persons(root, "train.csv", cases) is None
    expected = "expected id,gender,race,age,path (age: did you mean 'ages'?)"
    assert cases == [f"train.csv: has the columns id,sex,race,ages,path, {expected}"]
