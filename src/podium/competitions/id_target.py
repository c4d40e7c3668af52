"""The ``id_target`` format: one CSV of IDs and targets, one of class names, one of test IDs, and two folders."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from podium.competitions.assembly import build_listing, check_class_counts, raise_cases
from podium.competitions.image_files import FolderListing, list_files
from podium.competitions.label_files import parse_integers, read_label_file, report_doubles, report_values
from podium.competitions.listing import Listing
from podium.competitions.matching import check_ids, match_files
from podium.competitions.unlabelled import read_unlabelled

LABEL_FILE, CLASS_FILE, SHEET_FILE = "train.csv", "meta.csv", "sample_submission.csv"
SHEET_COLUMNS = ("ID", "target")


def read_id_target(root: Path, group_column: str | None = None) -> Listing:
    """Read ``train.csv``, ``meta.csv`` and ``sample_submission.csv`` against the files of ``train/`` and ``test/``.

    IDs are paths below ``train/`` and ``test/``.

    Args:
        root: The competition's folder.
        group_column: The column of ``train.csv`` that names the images which must stay together.

    Returns:
        The listing; labels count the organisers' targets from 0 in ascending order.

    Raises:
        InputError: Something is missing or does not fit; all of it is listed.
    """
    cases: list[str] = []
    group_column = group_column and unicodedata.normalize("NFC", group_column)
    rows = _read_rows(root, group_column, cases)
    files = list_files(root, "train", cases)
    classes = _read_classes(root, cases) if os.path.lexists(root / CLASS_FILE) else _number_classes(rows)
    train = pd.DataFrame() if rows is None else _label_images(rows, files, classes, cases)
    if group_column and rows is not None:
        train["group_id"] = rows[group_column].str.normalize("NFC")
    test = read_unlabelled(root, "test", SHEET_FILE, SHEET_COLUMNS, cases)
    raise_cases(root, cases)
    assert classes is not None  # else there was a case
    return build_listing(train, test, classes)


def _read_rows(root: Path, group_column: str | None, cases: list[str]) -> pd.DataFrame | None:
    columns = dict.fromkeys(["ID", "target", *([group_column] if group_column else [])])
    return read_label_file(root, LABEL_FILE, list(columns), cases)


def _label_images(
    rows: pd.DataFrame, files: FolderListing | None, classes: pd.DataFrame | None, cases: list[str]
) -> pd.DataFrame:
    """Return image_id, path, group_id and label by line, as far as there are files."""
    check_ids(rows["ID"], "train", LABEL_FILE, cases)
    labels = _find_labels(rows["target"], classes, cases)
    if classes is not None:
        check_class_counts(labels, classes, LABEL_FILE, cases)
    if files is None:
        return pd.DataFrame(index=rows.index)
    train = match_files(rows["ID"], files, LABEL_FILE, cases)
    return train.assign(label=labels, group_id=train["image_id"])


def _read_classes(root: Path, cases: list[str]) -> pd.DataFrame | None:
    """Read ``meta.csv`` to label, class_name, target; None when it cannot be used."""
    meta = read_label_file(root, CLASS_FILE, ["target", "class_name"], cases)
    if meta is None:
        return None
    targets = parse_integers(meta["target"])
    _report_non_integers(meta["target"], targets, CLASS_FILE, {}, cases)
    report_doubles(targets.dropna().astype("str").rename("target"), CLASS_FILE, cases)
    report_doubles(meta["class_name"], CLASS_FILE, cases)
    names = meta["class_name"].str.normalize("NFC")
    classes = pd.DataFrame({"class_name": names, "target": targets}).dropna().drop_duplicates("target")
    return _number(classes)


def _number_classes(rows: pd.DataFrame | None) -> pd.DataFrame | None:
    """Without ``meta.csv`` the targets are the classes' names."""
    if rows is None:
        return None
    targets = pd.Series(parse_integers(rows["target"]).dropna().unique(), dtype="int64")
    return _number(pd.DataFrame({"class_name": targets.astype("str"), "target": targets}))


def _number(classes: pd.DataFrame) -> pd.DataFrame:
    """Give the classes their labels, in ascending order of the organisers' targets."""
    classes = classes.astype({"target": "int64"}).sort_values("target", ignore_index=True)
    return pd.DataFrame({"label": np.arange(len(classes), dtype="int64")}).join(classes)


def _find_labels(values: pd.Series, classes: pd.DataFrame | None, cases: list[str]) -> pd.Series:
    """Turn targets as written into labels (Int64), null where there is none; without classes only check them."""
    targets = parse_integers(values)
    if classes is None:
        _report_non_integers(values, targets, LABEL_FILE, {}, cases)
        return targets
    names = dict(zip(classes["class_name"], classes["target"], strict=True))
    _report_non_integers(values, targets, LABEL_FILE, names, cases)
    known = dict(zip(classes["target"], classes["label"], strict=True))
    unknown = values[targets.notna() & ~targets.isin(list(known))]
    report_values(unknown, LABEL_FILE, f"is not in {CLASS_FILE}, which has {_name_range(list(known))}", cases)
    return targets.map(known, na_action="ignore").astype("Int64")


def _report_non_integers(
    values: pd.Series, targets: pd.Series, name: str, class_targets: dict[str, int], cases: list[str]
) -> None:
    bad = values[targets.isna() & (values != "")]
    is_name = bad.str.normalize("NFC").isin(list(class_targets))
    report_values(bad[~is_name], name, "is no integer; write the class's number, such as 0", cases)
    for value, group in bad[is_name].groupby(bad[is_name], sort=False):
        report_values(group, name, f"is a class's name; write its number, {class_targets[str(value)]}", cases)


def _name_range(targets: list[int]) -> str:
    """Name the known targets, in short when they count up without a gap."""
    if targets and targets == list(range(targets[0], targets[0] + len(targets))):
        return f"{targets[0]} to {targets[-1]}"
    return ", ".join(map(str, targets)) or "no usable row"
