"""Tables of images that somebody else wrote, as CSV or Parquet: nothing is guessed, and every fault is named."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pandas.api import types

from podium.competitions.image_files import find_way_out
from podium.competitions.label_files import read_label_file
from podium.errors import suggest
from podium.probabilities import name_columns

SUFFIXES = (".csv", ".parquet")
SUM_TOLERANCE = 1e-3

_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_MOST_UNKNOWN_IDS, _MOST_MISSING_IDS = 10, 1000  # beyond, looking for what was meant takes longer than the reading


def list_entries(folder: Path) -> list[str]:
    """List what lies in a folder, sorted by name; hidden files and the clutter of file managers are left out.

    Returns:
        Names as they are spelt on the disk; none when there is no such folder.
    """
    if not folder.is_dir():
        return []
    names = [entry.name for entry in os.scandir(folder)]
    return sorted(name for name in names if not name.startswith(".") and name.lower() not in _CLUTTER)


def report_twins(files: dict[str, list[str]], cases: list[str]) -> None:
    """Report names that several files or folders have, such as ``kim.csv`` and ``kim.parquet``.

    Args:
        files: What lies on the disk, by the name that it stands for.
        cases: Takes the lines.
    """
    for name, twins in files.items():
        if len(twins) > 1:
            cases.append(f"{', '.join(twins)}: all stand for '{name}'; keep one")


def to_name(text: str) -> str:
    """Return the one spelling of a name: the same letters come in several Unicode forms."""
    return unicodedata.normalize("NFC", text)


def read_table(folder: Path, file: str, cases: list[str]) -> pd.DataFrame | None:
    """Read a table as it is written.

    Args:
        folder: No link may lead out of it.
        file: Relative to it; ``.csv`` or ``.parquet``.
        cases: Takes one line for everything that is wrong.

    Returns:
        A CSV as text, the index (named ``line``) being the line of each record; a Parquet file with its own types, the
        index (named ``row``) counting from 1. Names of columns are in Unicode NFC. None when the file cannot be used.
    """
    if os.path.lexists(folder / file) and (way_out := find_way_out(folder, file)):
        cases.append(f"{file}: a link leads to {way_out}, outside of the folder; put the file itself there")
        return None
    if not file.lower().endswith(".parquet"):
        return read_label_file(folder, file, None, cases)
    try:
        with (folder / file).open("rb") as stream:
            table = pq.ParquetFile(stream).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        cases.append(f"{file}: cannot be read as Parquet ({reason}); write it anew")
        return None
    return _tabulate(table, file, cases)


def _tabulate(table: pa.Table, file: str, cases: list[str]) -> pd.DataFrame | None:
    """Turn an Arrow table into one of pandas, without the index that pandas may have added to the file."""
    names = [to_name(name) for name in table.column_names]
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        cases.append(f"{file}: the columns {', '.join(doubled)} occur more than once; keep one of each")
        return None
    if not table.num_rows:
        cases.append(f"{file}: has columns but no rows; one row an image belongs there")
        return None
    rows = table.rename_columns(names).to_pandas(ignore_metadata=True)
    rows.index = pd.RangeIndex(1, len(rows) + 1, name="row")
    return rows[[name for name in names if not name.startswith("__index_level_")]]


def at_rows(rows: pd.Index, file: str) -> str:
    """Name places in a table: ``kim.csv line 3`` or ``kim.parquet rows 3, 5``."""
    numbers = ", ".join(map(str, rows))
    return f"{file} {rows.name}{'s' if len(rows) > 1 else ''} {numbers}"


def report_values(values: pd.Series, file: str, reason: str, cases: list[str]) -> None:
    """Report bad values (str, by row), one case a distinct value with all its rows."""
    for value, group in values.groupby(values, sort=False):
        cases.append(f"{at_rows(group.index, file)}: {values.name} '{value}' {reason}")


def drop_reported(values: pd.Series) -> pd.Series:
    """Leave out the blanks (str, by row) of a CSV file, which its reader has reported."""
    return values[values != ""] if values.index.name == "line" else values


def to_text(values: pd.Series) -> pd.Series:
    """Turn a column of any type into text in Unicode NFC; a missing value is ``''``."""
    missing = values.isna()
    text = values.astype("str").where(~missing, "")
    return text.str.normalize("NFC")


def name_id_columns(names: pd.DataFrame) -> str:
    """Say how images may be named: ``ID or image_id``."""
    return " or ".join(map(str, names.columns))


def find_id_column(table: pd.DataFrame, names: pd.DataFrame) -> str | None:
    """Return the column of ``table`` that names images, the first that is there; None without any."""
    return next((str(column) for column in names.columns if column in table.columns), None)


def find_images(
    table: pd.DataFrame, file: str, names: pd.DataFrame, cases: list[str], *, may_lack: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Find the row of every image, and report ids that are missing, doubled or unknown.

    Arrow does so without a loop over rows; only faulty ones are looked at one by one.

    Args:
        table: One row an image, with one of the columns of ``names``.
        file: For messages.
        names: One row an image; each column (str) is a way to name it.
        cases: Takes one line for everything that is wrong.
        may_lack: bool (n_images,): images that may be missing.

    Returns:
        int64 (n_images,): the position of each image's row; -1 when it has none.
    """
    column = find_id_column(table, names)
    assert column is not None
    ids, wanted = to_text(table[column]), to_text(names[column])
    found = pc.index_in(pa.array(ids), value_set=pa.array(wanted))
    image_of = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    is_known = image_of >= 0
    n_rows_of = np.bincount(image_of[is_known], minlength=len(wanted))
    missing = wanted[(n_rows_of == 0) & ~may_lack]
    _report_unknown(ids[~is_known], file, missing, cases)
    doubled = ids[is_known & (n_rows_of[np.maximum(image_of, 0)] > 1)]
    report_values(doubled, file, "occurs more than once; keep one row", cases)
    cases += [f"{file}: {column} '{name}' is missing; add its row" for name in missing]
    row_of = np.full(len(wanted), -1, np.int64)
    row_of[image_of[is_known]] = np.flatnonzero(is_known)
    return row_of


def _report_unknown(ids: pd.Series, file: str, missing: pd.Series, cases: list[str]) -> None:
    ids = drop_reported(ids)
    can_guess = len(ids) <= _MOST_UNKNOWN_IDS and 0 < len(missing) <= _MOST_MISSING_IDS
    for name, group in ids.groupby(ids, sort=False):
        hint = suggest(str(name), missing) if can_guess else ""
        meant = hint if hint.startswith("did you mean") else "remove the row"
        cases.append(f"{at_rows(group.index, file)}: {ids.name} '{name}' is unknown; {meant}")


def find_class_columns(columns: Iterable[str], classes: pd.DataFrame) -> list[str] | None:
    """Find the column of each class: ``p_<label>``, the organisers' value, or the class's name, all in one way.

    Args:
        columns: Of the table, without the one of ids.
        classes: label, class_name, target.

    Returns:
        The columns in the order of labels; None when no way of naming gives every class one, or two ways disagree.
    """
    given = set(columns)
    fitting = [names for names in list_class_columns(classes) if set(names) <= given]
    is_clear = len({tuple(names) for names in fitting}) == 1
    return fitting[0] if is_clear else None


def list_class_columns(classes: pd.DataFrame) -> list[list[str]]:
    """List the ways to name the columns of all classes, each in the order of labels."""
    return [name_columns(len(classes)), *(to_text(classes[name]).tolist() for name in ("target", "class_name"))]


def read_probabilities(
    table: pd.DataFrame, file: str, id_column: str, classes: pd.DataFrame, cases: list[str]
) -> npt.NDArray[np.float32] | None:
    """Read and check the probability of each class.

    A column ``fold`` may stand among them, as in Podium's own tables.

    Args:
        table: One row an image.
        file: For messages.
        id_column: The column that names images.
        classes: label, class_name, target.
        cases: Takes one line for everything that is wrong.

    Returns:
        float32 (n_rows, n_classes), divided by each row's sum; None when something is wrong.
    """
    others = [str(name) for name in table.columns if name != id_column]
    columns = find_class_columns(others, classes)
    n_before = len(cases)
    if columns is None or set(others) - set(columns) - {"fold"}:
        cases.append(_describe_columns(others, columns, id_column, file, classes))
    if columns is None:
        return None
    chances = np.stack([_to_numbers(table[name], file, cases) for name in columns], axis=1)
    _report_sums(chances, table.index, file, cases)
    if len(cases) > n_before:
        return None
    return (chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)


def _describe_columns(
    others: Sequence[str], columns: Sequence[str] | None, id_column: str, file: str, classes: pd.DataFrame
) -> str:
    """Say which columns are too many, or how those of the classes may be called."""
    if columns is not None:
        extra = ", ".join(f"'{name}'" for name in others if name not in {*columns, "fold"})
        hint = (
            " (the one without a name is the index, which pandas leaves out with index=False)" if "" in others else ""
        )
        return f"{file}: the columns {extra} are no class; remove them{hint}"
    ways = [_shorten(names) for names in list_class_columns(classes)]
    near = max(list_class_columns(classes), key=lambda names: len(set(names) & set(others)))
    lacking = [name for name in near if name not in others] if set(near) & set(others) else []
    detail = f"; it lacks {_shorten(lacking)}" if lacking else ""
    if not lacking and set(near) <= set(others):
        ways, detail = ways[:1], "; class names and the organisers' values contradict each other here"
    return (
        f"{file}: has the columns {_shorten([id_column, *others])}{detail}; "
        f"beside {id_column} give one a class: {', or '.join(ways)}"
    )


def _shorten(names: Sequence[str], most: int = 24) -> str:
    """List names; of many, the first and the last."""
    return ",".join(names if len(names) <= most else [*names[:3], "…", names[-1]])


def _to_numbers(values: pd.Series, file: str, cases: list[str]) -> npt.NDArray[np.float64]:
    """Read one column of probabilities, float64 (n_rows,); NaN, reported, where there is none."""
    can_hold = types.is_string_dtype(values) or values.dtype == object or types.is_numeric_dtype(values)
    if not can_hold or types.is_bool_dtype(values):
        cases.append(f"{file}: the column {values.name} holds {values.dtype}; give numbers from 0 to 1")
        return np.full(len(values), np.nan)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    is_good = np.isfinite(numbers) & (numbers >= 0) & (numbers <= 1 + SUM_TOLERANCE)
    bad = drop_reported(values[~is_good].astype("str").fillna("nan"))
    report_values(bad, file, "is no probability; give a number from 0 to 1", cases)
    return np.where(is_good, numbers, np.nan)


def _report_sums(chances: npt.NDArray[np.float64], rows: pd.Index, file: str, cases: list[str]) -> None:
    sums = chances.sum(axis=1)
    is_off = np.abs(sums - 1) > SUM_TOLERANCE  # not so where a number was bad: that was reported
    for row, total in zip(rows[is_off], sums[is_off], strict=True):
        cases.append(f"{file} {rows.name} {row}: probabilities sum to {total:.6g}, not to 1 (within {SUM_TOLERANCE})")
