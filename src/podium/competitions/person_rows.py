"""The persons of a ``mask_profiles`` competition: the rows of ``train/train.csv``, checked."""

from pathlib import Path

import pandas as pd

from podium.competitions.label_files import parse_integers, read_label_file, report_doubles, report_values
from podium.competitions.matching import find_escapes
from podium.errors import suggest

GENDERS = ("male", "female")
AGE_EDGES = (30, 60)  # years: the lower edge of every band after the first
MAX_AGE_YEARS = 120
COLUMNS = ("id", "gender", "race", "age", "path")
FOLDER_FORM = "<id>_<gender>_<race>_<age>"
FOLDER_PATTERN = r"(?P<id>[^_/\\]+)_(?P<gender>[^_/\\]+)_(?P<race>[^/\\]+)_(?P<age>[^_/\\]+)"


def read_persons(root: Path, name: str, cases: list[str]) -> pd.DataFrame | None:
    """Read the rows of the label file, one a person.

    Args:
        root: The competition's root.
        name: The label file.
        cases: Takes one line for everything that is wrong.

    Returns:
        By line: group_id (str, the person's id, NFC), folder (str, NFC), path (str, the folder as written), gender
        (str, null when unknown), age_years (Int64, null when faulty). None when the file cannot be used.
    """
    rows = read_label_file(root, name, COLUMNS, cases)
    if rows is None:
        return None
    report_doubles(rows["id"], name, cases)
    report_doubles(rows["path"], name, cases)
    persons = pd.DataFrame(
        {
            "group_id": rows["id"].str.normalize("NFC"),
            "folder": rows["path"].str.normalize("NFC"),
            "path": rows["path"],
            "gender": _check_genders(rows["gender"], name, cases),
            "age_years": _check_ages(rows["age"], name, cases),
        }
    )
    _check_paths(rows, persons, name, cases)
    return persons


def _check_genders(values: pd.Series, name: str, cases: list[str]) -> pd.Series:
    for value, group in values[~values.isin([*GENDERS, ""])].groupby(values, sort=False):
        report_values(group, name, f"is unknown; {suggest(str(value), GENDERS)}", cases)
    return values.where(values.isin(GENDERS))


def _check_ages(values: pd.Series, name: str, cases: list[str]) -> pd.Series:
    ages = parse_integers(values)
    report_values(values[ages.isna() & (values != "")], name, "is no number; give whole years, such as 45", cases)
    is_age = ages.between(0, MAX_AGE_YEARS).fillna(False)
    report_values(values[ages.notna() & ~is_age], name, f"is not between 0 and {MAX_AGE_YEARS} years", cases)
    return ages.where(is_age)


def _check_paths(rows: pd.DataFrame, persons: pd.DataFrame, name: str, cases: list[str]) -> None:
    """Report paths that lead elsewhere, are malformed, or contradict the row's own columns."""
    outside = find_escapes(rows["path"])
    report_values(rows.loc[outside, "path"], name, f"leaves train/images/; give a folder {FOLDER_FORM}", cases)
    parts = persons["folder"].str.extract(f"^{FOLDER_PATTERN}$")
    malformed = parts["id"].isna() & ~outside & (rows["path"] != "")
    report_values(rows.loc[malformed, "path"], name, f"is malformed; the form is {FOLDER_FORM}", cases)
    _report_contradictions(parts[parts["id"].notna()], rows, name, cases)


def _report_contradictions(parts: pd.DataFrame, rows: pd.DataFrame, name: str, cases: list[str]) -> None:
    """A folder that says otherwise than its row is a wrong label or a wrong folder, and nobody can tell which."""
    said = rows.loc[parts.index]
    is_same = pd.DataFrame(
        {
            "id": parts["id"] == said["id"].str.normalize("NFC"),
            "gender": parts["gender"] == said["gender"],
            "age": (parse_integers(parts["age"]) == parse_integers(said["age"])).fillna(False)
            | (parts["age"] == said["age"]),
        }
    )
    for column in is_same:
        for line in parts.index[~is_same[column].astype(bool) & (said[column] != "")]:
            path, there, here = said.at[line, "path"], parts.at[line, column], said.at[line, column]
            fault = f"path '{path}' says {column} '{there}', the column says '{here}'"
            cases.append(f"{name} line {line}: {fault}; they must agree")
