"""Answers to the test part that teammates hand over: classes as in a submission, or probabilities."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.competitions.label_files import parse_integers
from podium.errors import raise_if_any
from podium.teammates.tables import (
    SUFFIXES,
    drop_reported,
    find_class_columns,
    find_id_column,
    find_images,
    list_entries,
    name_id_columns,
    read_probabilities,
    read_table,
    report_twins,
    report_values,
    to_name,
    to_text,
)


@dataclass(frozen=True)
class Answers:
    """What one teammate says about every image of the template, in its order.

    Attributes:
        name: Of the teammate: the file's, without its extension.
        labels: int64 (n_images,): the class; of probabilities the most probable, the lowest label among equals.
        probabilities: float32 (n_images, n_classes); None where classes alone were handed over.
    """

    name: str
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32] | None = None


def read_answers(folder: Path, submission_template: pd.DataFrame, classes: pd.DataFrame) -> list[Answers]:
    """Read every file of a folder, and check each against the sample submission.

    A ``.csv`` file has just the sample submission's columns and a class on each row, or an id and one probability a
    class; a ``.parquet`` file likewise. Order of rows and of classes is free.

    Args:
        folder: Holds ``<name>.csv`` and ``<name>.parquet``; it may be missing.
        submission_template: image_id, then the organisers' columns: the id first, the answer last.
        classes: label, class_name, target (the organisers' value).

    Returns:
        One entry a file, sorted by name; none when there is no file.

    Raises:
        InputError: A file is wrong; every fault of every file is listed.
    """
    cases: list[str] = []
    files: dict[str, list[str]] = {}
    for file in list_entries(folder):
        if _is_table(folder, file, cases):
            files.setdefault(to_name(os.path.splitext(file)[0]), []).append(file)
    report_twins(files, cases)
    read = [
        _read_file(folder, file, name, submission_template, classes, cases)
        for name, twins in sorted(files.items())
        for file in twins
    ]
    raise_if_any(f"{folder}: the answers that teammates handed over are wrong:", cases)
    return [answers for answers in read if answers is not None]


def _is_table(folder: Path, file: str, cases: list[str]) -> bool:
    if (folder / file).is_dir():
        cases.append(f"{file}/: is a folder; a file <name>.csv or <name>.parquet a teammate belongs there")
        return False
    if not file.lower().endswith(SUFFIXES):
        cases.append(f"{file}: is neither .csv nor .parquet; write it as one of them")
        return False
    return True


def _read_file(
    folder: Path, file: str, name: str, template: pd.DataFrame, classes: pd.DataFrame, cases: list[str]
) -> Answers | None:
    table = read_table(folder, file, cases)
    if table is None:
        return None
    columns = [str(column) for column in template.columns if column != "image_id"]
    names = template[[columns[0], "image_id"]]
    id_column = find_id_column(table, names)
    others = [str(column) for column in table.columns if column != id_column]
    has_probabilities = find_class_columns(others, classes) is not None or columns[-1] not in others
    if id_column is None or (not has_probabilities and list(table.columns) != columns):
        cases.append(_describe_header(list(map(str, table.columns)), columns, names, file))
        return None
    n_before = len(cases)
    row_of = find_images(table, file, names, cases, may_lack=np.zeros(len(names), dtype=bool))
    if has_probabilities:
        chances = read_probabilities(table, file, id_column, classes, cases)
        if chances is None or len(cases) > n_before:
            return None
        return Answers(name, chances[row_of].argmax(axis=1).astype(np.int64), chances[row_of])
    labels = _read_labels(to_text(table[columns[-1]]), file, classes, cases)
    return Answers(name, labels[row_of]) if len(cases) == n_before else None


def _describe_header(found: Sequence[str], columns: Sequence[str], names: pd.DataFrame, file: str) -> str:
    is_other = len(found) == 1 and any(separator in found[0] for separator in ";\t|")
    hint = "; separate values by commas" if is_other else ""
    hint = "; pandas writes a column without a name unless told index=False" if "" in found else hint
    return (
        f"{file}: has the columns {','.join(found)}, expected exactly {','.join(columns)}, "
        f"or {name_id_columns(names)} and one column of probabilities a class{hint}"
    )


def _read_labels(answers: pd.Series, file: str, classes: pd.DataFrame, cases: list[str]) -> npt.NDArray[np.int64]:
    """Turn the organisers' values (str, by row) into labels, int64 (n_rows,); -1, reported, where there is none."""
    code_of, values = pd.factorize(answers)
    integers = parse_integers(pd.Series(values, dtype="str"))
    known = dict(zip(classes["target"], classes["label"], strict=True))
    label_of = integers.map(known, na_action="ignore").astype("Int64").fillna(-1).to_numpy(np.int64)
    labels = label_of[code_of] if len(values) else np.zeros(0, np.int64)
    bad = drop_reported(answers[labels < 0])
    target_of = dict(zip(to_text(classes["class_name"]), classes["target"], strict=True))
    for value, group in bad.groupby(bad, sort=False):
        name = str(value)
        is_name = f"is a class's name; write its number, {target_of[name]}" if name in target_of else None
        report_values(group, file, is_name or f"is no class; give {_name_targets(list(known))}", cases)
    return labels


def _name_targets(targets: list[int]) -> str:
    """Name the known targets, in short when they count up without a gap."""
    if targets == list(range(targets[0], targets[0] + len(targets))):
        return f"{targets[0]} to {targets[-1]}"
    return f"one of {', '.join(map(str, targets))}"
