"""Label files (CSV) as the organisers, a spreadsheet or a teammate wrote them: read as text, every fault named."""

import csv
import io
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from podium.competitions.image_files import find_way_out
from podium.errors import suggest

logger = logging.getLogger(__name__)

_INTEGER = r"[+-]?[0-9]{1,18}(?:\.0*)?"  # '1.0' is what a spreadsheet makes of 1; 18 digits fit into an int64


def read_label_file(
    root: Path,
    name: str,
    columns: Sequence[str] | None,
    cases: list[str],
    *,
    exact: bool = False,
    n_filled: int | None = None,
) -> pd.DataFrame | None:
    """Read a CSV file of a folder, as :func:`read_csv_file` does, unless a link leads it out of there.

    Args:
        root: The competition's root.
        name: The file, relative to it.
        columns, cases, exact, n_filled: See :func:`read_csv_file`.

    Returns:
        See :func:`read_csv_file`.
    """
    path = root / name
    if os.path.lexists(path) and (way_out := find_way_out(root, name)):
        cases.append(f"{name}: a link leads to {way_out}, outside of the competition's root; put the file itself there")
        return None
    return read_csv_file(path, name, columns, cases, exact=exact, n_filled=n_filled)


def read_csv_file(
    path: Path,
    name: str,
    columns: Sequence[str] | None,
    cases: list[str],
    *,
    exact: bool = False,
    n_filled: int | None = None,
) -> pd.DataFrame | None:
    """Read a CSV file as text: '001' and 'NA' stay what they are, spaces around values and headers go.

    Args:
        path: The file, wherever it lies.
        name: What to call it in messages.
        columns: The columns to read, in any order among others; None for all, as they are.
        cases: Takes one line for everything that is wrong.
        exact: Whether the file must have just these columns in this order.
        n_filled: How many of the columns, from the left, need a value in every row; None for all.

    Returns:
        One row a record; the index (int64, named ``line``) is its line in the file, all columns are str. A missing
        value is ``''``, reported where one is needed. None when the file cannot be used.
    """
    text = _read_text(path, name, cases)
    if text is None:
        return None
    header, records = _split_records(text, name, cases)
    if not header or not _check_header(header, name, columns, cases, exact=exact):
        return None
    if not records:
        cases.append(f"{name}: has a header but no rows; one row an entry belongs there")
        return None
    rows = _tabulate(header, records, name, cases)[list(columns) if columns else header]
    uneven = [line for line, fields in records if len(fields) != len(header)]
    _report_blanks(rows.drop(index=uneven).iloc[:, :n_filled], name, cases)
    return rows


def at_lines(name: str, lines: Iterable[int]) -> str:
    """Name a place in a label file: ``train.csv line 3`` or ``train.csv lines 3, 5``."""
    numbers = list(map(str, lines))
    return f"{name} line{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def report_values(values: pd.Series, name: str, reason: str, cases: list[str]) -> None:
    """Report bad values, one case a distinct value with all its lines.

    Args:
        values: The bad values (str), by line; the series' name is the column.
        name: The label file.
        reason: What is wrong and what would be right.
        cases: Takes the lines.
    """
    for value, group in values.groupby(values, sort=False):
        cases.append(f"{at_lines(name, group.index)}: {values.name} '{value}' {reason}")


def report_doubles(values: pd.Series, name: str, cases: list[str]) -> None:
    """Report values (str, by line) that occur more than once; the same name in two Unicode forms is one name."""
    keys = values.str.normalize("NFC")
    doubled = keys[keys.duplicated(keep=False) & (keys != "")]
    report_values(doubled.rename(values.name), name, "occurs more than once; keep one row", cases)


def parse_integers(values: pd.Series) -> pd.Series:
    """Turn text into Int64; null where it is no integer. ``1.0`` is 1."""
    is_integer = values.str.fullmatch(_INTEGER).fillna(False)
    integers = [int(text.partition(".")[0]) if ok else None for text, ok in zip(values, is_integer, strict=True)]
    return pd.Series(pd.array(integers, dtype="Int64"), index=values.index, name=values.name)


def _read_text(path: Path, name: str, cases: list[str]) -> str | None:
    if not os.path.lexists(path):
        cases.append(f"{name}: there is no such file{_suggest_neighbour(path)}")
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        cases.append(f"{name}: cannot be read ({error.strerror}); put a readable CSV file there")
        return None
    if not content.strip():
        cases.append(f"{name}: is empty ({len(content)} bytes); a header and one row an entry belong there")
        return None
    return _decode(content, name, cases)


def _suggest_neighbour(path: Path) -> str:
    """Look for a file that was probably meant."""
    try:
        names = [entry.name for entry in os.scandir(path.parent) if entry.name.lower().endswith(".csv")]
    except OSError:
        names = []
    hint = suggest(path.name, names)
    return f"; {hint}" if hint.startswith("did you mean") else ""


def _decode(content: bytes, name: str, cases: list[str]) -> str | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        try:
            text = content.decode("cp949")
        except UnicodeDecodeError:
            line = content.count(b"\n", 0, error.start) + 1
            byte = f"byte 0x{content[error.start]:02x}"
            cases.append(f"{name} line {line}: {byte} is neither UTF-8 nor CP949 text; save the file as UTF-8")
            return None
        logger.warning("%s is not UTF-8; it was read as CP949", name)
    if "\0" in text:
        cases.append(f"{name}: holds NUL characters, so it is UTF-16 or no text at all; save the file as UTF-8")
        return None
    return text


def _split_records(text: str, name: str, cases: list[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and, by the line where each begins, the records; no header when the file is no CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for fields in reader:
            if fields:
                records.append((line, [field.strip() for field in fields]))
            line = reader.line_num + 1
    except csv.Error as error:
        cases.append(f"{name} line {line}: is no CSV ({error}); check the quotation marks")
        return [], []
    header = pd.Series(records[0][1], dtype="str").str.normalize("NFC").tolist() if records else []
    return header, records[1:]


def _check_header(
    header: list[str], name: str, columns: Sequence[str] | None, cases: list[str], *, exact: bool
) -> bool:
    if doubled := [column for column, count in Counter(header).items() if column and count > 1]:
        cases.append(f"{name}: the columns {', '.join(doubled)} occur more than once; keep one of each")
        return False
    if columns is None or header == list(columns) or (not exact and set(columns) <= set(header)):
        return True
    missing = [column for column in columns if column not in header]
    hints = [f" ({column}: {suggest(column, set(header) - set(columns))})" for column in missing]
    hint = _hint_at_separator(header) or "".join(hint for hint in hints if "did you mean" in hint)
    expected = f"{'exactly ' if exact else ''}{','.join(columns)}"
    cases.append(f"{name}: has the columns {','.join(header)}, expected {expected}{hint}")
    return False


def _hint_at_separator(header: list[str]) -> str:
    is_other = len(header) == 1 and any(separator in header[0] for separator in ";\t|")
    return "; separate values by commas" if is_other else ""


def _tabulate(header: list[str], records: list[tuple[int, list[str]]], name: str, cases: list[str]) -> pd.DataFrame:
    """Build the table; a record of another length is reported, and cut or filled, so that its id is not lost."""
    width = len(header)
    for line, fields in records:
        if len(fields) != width:
            found = f"has {len(fields)} values, the header has {width}"
            cases.append(f"{name} line {line}: {found}; put a value with a comma in quotation marks")
    index = pd.Index([line for line, _ in records], name="line", dtype="int64")
    fitted = [(fields + [""] * width)[:width] for _, fields in records]
    return pd.DataFrame(fitted, index=index, columns=header, dtype="str")


def _report_blanks(rows: pd.DataFrame, name: str, cases: list[str]) -> None:
    blank = rows.eq("")
    for line, row in blank[blank.any(axis=1)].iterrows():
        missing = ", ".join(str(column) for column, is_blank in row.items() if is_blank)
        cases.append(f"{name} line {line}: has no value for {missing}; fill it in or remove the row")
