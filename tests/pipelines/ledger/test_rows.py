from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.digests import digest_values
from podium.errors import InputError
from podium.pipelines.ledger.rows import (
    COLUMNS,
    check_score,
    check_version,
    choose_criterion,
    describe_members,
    expect_score,
    make_rows,
    read_rows,
)

SHA = "0123456789abcdef" * 4
RIGHT = [
    "v1",
    "0.9501",
    "macro_f1",
    SHA,
    "0.94",
    "0.92",
    "0.96",
    "0.012",
    "기본-0a | 둘-1b",
    "0123456789ab",
    "첫, 시도",
]


def write(path: Path, *rows: list[str], header: list[str] = COLUMNS) -> Path:
    pd.DataFrame(list(rows), columns=header).to_csv(path, index=False, encoding="utf-8")
    return path


def change(**cells: str) -> list[str]:
    return [cells.get(name, value) for name, value in zip(COLUMNS, RIGHT, strict=True)]


def list_cases(path: Path) -> list[str]:
    with pytest.raises(InputError, match="The ledger is wrong") as error:
        read_rows(path)
    return error.value.cases


def test_what_was_written_is_read_again_in_any_script(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "ledger.csv", RIGHT, change(submission="v2", expected="", expected_low="")))
    assert rows["submission"].tolist() == ["v1", "v2"]
    assert rows[["public_score", "expected", "expected_sd"]].iloc[0].tolist() == [0.9501, 0.94, 0.012]
    assert rows["note"].iloc[0] == "첫, 시도" and rows["members"].iloc[0] == "기본-0a | 둘-1b"
    assert rows["expected"].isna().tolist() == [False, True]
    again = tmp_path / "again.csv"
    rows.to_csv(again, index=False)
    pd.testing.assert_frame_equal(read_rows(again), rows)


def test_before_the_first_score_there_are_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "ledger.csv").empty
    make_rows([]).to_csv(tmp_path / "ledger.csv", index=False)
    assert list(read_rows(tmp_path / "ledger.csv")) == COLUMNS


def test_spreadsheet_with_other_encoding_is_read(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "cp949"):
        pd.DataFrame([RIGHT], columns=COLUMNS).to_csv(tmp_path / "ledger.csv", index=False, encoding=encoding)
        assert read_rows(tmp_path / "ledger.csv")["note"].tolist() == ["첫, 시도"]


def test_every_fault_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ledger.csv",
        RIGHT,
        RIGHT,
        change(submission="v3", public_score="0,95"),
        change(submission="v4", public_score="95.01", expected="nan"),
        change(submission="v5", sha256="abc", expected_low="1.2"),
        change(submission="", public_score=""),
    )
    assert list_cases(path) == [
        "ledger.csv line 7: has no value for submission, public_score; fill it in or remove the row",
        "ledger.csv lines 2, 3: submission 'v1' occurs more than once; keep one row",
        "ledger.csv line 4: public_score '0,95' is no number; write it like 0.9547",
        "ledger.csv line 5: public_score 95.01 does not lie between 0 and 1",
        "ledger.csv line 5: expected 'nan' is no number; write it like 0.9547",
        "ledger.csv line 6: expected_low 1.2 does not lie between 0 and 1",
        "ledger.csv line 6: sha256 'abc' is no SHA-256, which has 64 hexadecimal digits",
    ]


def test_unknown_and_mixed_criteria_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.csv", RIGHT, change(submission="v2", criterion="auc"))
    assert list_cases(path) == ["ledger.csv line 3: criterion 'auc' is not macro_f1 or accuracy"]
    path = write(tmp_path / "ledger.csv", RIGHT, change(submission="v2", criterion="accuracy"))
    assert list_cases(path) == [
        "ledger.csv line 2: criterion 'macro_f1' stands beside another one; a board has one criterion",
        "ledger.csv line 3: criterion 'accuracy' stands beside another one; a board has one criterion",
    ]


def test_other_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.csv", RIGHT[:3], header=["submission", "score", "criterion"])
    (case,) = list_cases(path)
    assert case.startswith("ledger.csv: has the columns submission,score,criterion, expected exactly submission,public")


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (95.47, "public_score: 95.47, and macro_f1 lies between 0 and 1; 0.9547 was probably meant"),
        (-0.1, "public_score: -0.1, and macro_f1 lies between 0 and 1"),
        (float("nan"), "public_score: nan, and macro_f1 lies between 0 and 1"),
    ],
)
def test_score_outside_of_the_criterion_is_refused_and_the_right_one_suggested(score: float, said: str) -> None:
    assert check_score(score, "macro_f1") == [said]
    assert check_score(0.0, "macro_f1") == check_score(1.0, "accuracy") == []


def test_misspelt_version_is_refused_with_the_nearest_one() -> None:
    versions = ["2026-01-31T09.15.00.000Z", "2026-02-28T10.00.00.000Z"]
    assert check_version(versions[0], versions) == []
    assert check_version("2026-01-31T09.15.00", versions) == [
        "submission: there is no version '2026-01-31T09.15.00'; did you mean '2026-01-31T09.15.00.000Z'?"
    ]


STATED = {
    "macro_f1": 0.88,
    "accuracy": 0.9,
    "expected_private": {"criterion": "macro_f1", "score": 0.871, "low": 0.84, "high": 0.9, "sd": 0.015, "level": 0.9},
}


def test_expected_score_is_the_stated_one_with_its_interval() -> None:
    found = expect_score(STATED, "macro_f1")
    assert found == {"expected": 0.871, "expected_low": 0.84, "expected_high": 0.9, "expected_sd": 0.015}


def test_expected_score_of_older_files_or_another_criterion_has_no_interval() -> None:
    for scores, criterion, expected in ((STATED, "accuracy", 0.9), ({"macro_f1": 0.5}, "macro_f1", 0.5)):
        found = expect_score(scores, criterion)  # type: ignore[arg-type]
        assert found["expected"] == expected
        assert all(np.isnan(found[name]) for name in ("expected_low", "expected_high", "expected_sd"))
    assert np.isnan(expect_score(None, "macro_f1")["expected"])


def test_first_row_settles_the_criterion_and_before_it_the_expectation_does() -> None:
    of_accuracy = {"expected_private": {"criterion": "accuracy"}}
    assert choose_criterion(make_rows([]), of_accuracy) == "accuracy"
    assert choose_criterion(make_rows([{"criterion": "macro_f1"}]), of_accuracy) == "macro_f1"
    assert choose_criterion(make_rows([]), {"expected_private": {"criterion": "log_loss"}}) == "macro_f1"
    assert choose_criterion(make_rows([]), None) == "macro_f1"


def test_members_are_named_and_their_weights_digested() -> None:
    weights = pd.DataFrame({"member": ["기본-0a", "b c-1b"], "weight": [0.75, 0.25]})
    told = describe_members(weights)
    assert told == {
        "members": "기본-0a | b c-1b",
        "weights_digest": digest_values([["기본-0a", 0.75], ["b c-1b", 0.25]]),
    }
    assert describe_members(weights.assign(weight=0.5))["weights_digest"] != told["weights_digest"]
    assert describe_members(None) == {"members": "", "weights_digest": ""}
