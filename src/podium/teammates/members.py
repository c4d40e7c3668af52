"""Members that teammates trained with other code: out-of-fold and test probabilities of the present split."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.competitions.image_files import find_way_out
from podium.competitions.label_files import parse_integers
from podium.errors import raise_if_any, suggest
from podium.teammates.tables import (
    SUFFIXES,
    at_rows,
    find_id_column,
    find_images,
    list_entries,
    name_id_columns,
    read_probabilities,
    read_table,
    report_twins,
    to_name,
    to_text,
)

CARD_FILE = "member.yml"
TABLES = ("oof", "test_probabilities")

_DIGESTS = ("split_digest", "content_digest")
_LARGEST_CARD_BYTES = 65536


@dataclass(frozen=True)
class HandedOverMember:
    """One model that a teammate trained on the present folds.

    Attributes:
        name: Of its folder.
        oof: float32 (n_held_out, n_classes): each held-out image, by the model that was not trained on it.
        test: float32 (n_test, n_classes).
    """

    name: str
    oof: npt.NDArray[np.float32]
    test: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Expected:
    """What a member has to cover.

    Attributes:
        folds: image_id and fold of the held-out training images, in the order in which ``oof`` is wanted.
        test_ids: image_id (str) of the test images, in the order in which ``test`` is wanted.
        submission_template: image_id and the organisers' id, so that either may name a test image. Images that it has
            beyond ``test_ids`` (those that could not be read) may be answered, or not.
        classes: label, class_name, target.
        split_digest, content_digest: Of the present split and images.
    """

    folds: pd.DataFrame
    test_ids: pd.Series
    submission_template: pd.DataFrame
    classes: pd.DataFrame
    split_digest: str
    content_digest: str


def read_members(folder: Path, expected: Expected) -> list[HandedOverMember]:
    """Read every member that teammates handed over.

    Args:
        folder: Holds ``<name>/`` with ``member.yml``, ``oof`` and ``test_probabilities``, the tables as ``.csv`` or
            ``.parquet``; it may be missing.
        expected: Images, classes and digests of the present competition and split.

    Returns:
        One entry a folder, sorted by name; none when there is no folder.

    Raises:
        InputError: A member is refused; every fault of every member is listed, a wrong digest with the right one.
            Nobody hands something over to have it passed over in silence.
    """
    members, refusals = inspect_members(folder, expected)
    raise_if_any(f"{folder}: members that teammates handed over are refused:", refusals)
    return members


def inspect_members(folder: Path, expected: Expected) -> tuple[list[HandedOverMember], list[str]]:
    """Read like :func:`read_members`, but return what is wrong beside the members that are right."""
    cases: list[str] = []
    folders: dict[str, list[str]] = {}
    for entry in list_entries(folder):
        if not (folder / entry).is_dir():
            cases.append(f"{entry}: is no folder; a folder <name>/ with {CARD_FILE} a member belongs there")
        elif way_out := find_way_out(folder, entry):
            cases.append(f"{entry}/: a link leads to {way_out}, outside of the folder; put the files themselves there")
        else:
            folders.setdefault(to_name(entry), []).append(entry)
    report_twins(folders, cases)
    read = [
        _read_member(folder, entry, name, expected, cases) for name, twins in sorted(folders.items()) for entry in twins
    ]
    return [member for member in read if member is not None], cases


def _read_member(folder: Path, entry: str, name: str, expected: Expected, cases: list[str]) -> HandedOverMember | None:
    n_before = len(cases)
    is_present = _check_card(folder, f"{entry}/{CARD_FILE}", expected, cases)
    wanted = TABLES if len(expected.test_ids) else TABLES[:1]
    files = {table: _find_table(folder, entry, table, cases) for table in wanted}
    _report_others(folder, entry, cases)
    if not is_present:  # every image of another split would be listed too
        return None
    oof = _read_oof(folder, files["oof"], expected, cases)
    test = _read_test(folder, files.get("test_probabilities"), expected, cases)
    if len(cases) > n_before or oof is None or test is None:
        return None
    return HandedOverMember(name, oof, test)


def _check_card(folder: Path, file: str, expected: Expected, cases: list[str]) -> bool:
    """Compare the digests of ``member.yml`` with the present ones; tell whether the split is the present one."""
    card = _read_card(folder, file, cases)
    if card is None:
        return False
    for key in card:
        if key not in _DIGESTS:
            cases.append(f"{file}: there is no such key as '{key}'; {suggest(str(key), _DIGESTS)}")
    present = {"split_digest": expected.split_digest, "content_digest": expected.content_digest}
    if "split_digest" not in card:
        cases.append(f"{file}: split_digest is missing; write that of the folds which it was trained on")
    for key, right in present.items():
        if key in card and card[key] != right:
            what = "another split" if key == "split_digest" else "other images or labels"
            cases.append(
                f"{file}: {key} {card[key]} is not {right}, the present one: it was made for {what}; "
                "train on the present ones, see kedro run --pipelines share"
            )
    return card.get("split_digest") == expected.split_digest


def _read_card(folder: Path, file: str, cases: list[str]) -> dict[str, object] | None:
    """Read a small mapping; every value stays the text it is, since a digest of digits alone is no number."""
    import yaml

    path = folder / file
    if not os.path.lexists(path):
        cases.append(f"{file}: there is no such file; it holds the line 'split_digest: …'")
        return None
    if way_out := find_way_out(folder, file):
        cases.append(f"{file}: a link leads to {way_out}, outside of the folder; put the file itself there")
        return None
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_CARD_BYTES + 1)
        card = yaml.load(content.decode("utf-8-sig"), Loader=yaml.BaseLoader)  # it builds text alone
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        cases.append(f"{file}: cannot be read ({' '.join(str(error).split())}); it holds lines such as 'key: value'")
        return None
    if len(content) > _LARGEST_CARD_BYTES or not isinstance(card, dict):
        cases.append(f"{file}: is no short list of keys and values; it holds the line 'split_digest: …'")
        return None
    return card


def _find_table(folder: Path, entry: str, table: str, cases: list[str]) -> str | None:
    """Return the file of a table, or None when there is not just one."""
    names = [name for name in list_entries(folder / entry) if name.lower() in {table + suffix for suffix in SUFFIXES}]
    if len(names) != 1:
        found = f"{' and '.join(names)} are both there; keep one" if names else "is missing; as .csv or .parquet"
        cases.append(f"{entry}/{table}: {found}")
        return None
    return f"{entry}/{names[0]}"


def _report_others(folder: Path, entry: str, cases: list[str]) -> None:
    known = {CARD_FILE, *(table + suffix for table in TABLES for suffix in SUFFIXES)}
    for name in list_entries(folder / entry):
        if name.lower() not in known:
            cases.append(f"{entry}/{name}: is no part of a member; {suggest(name, known)}")


def _read_oof(folder: Path, file: str | None, expected: Expected, cases: list[str]) -> npt.NDArray[np.float32] | None:
    """Read the held-out images; a column ``fold`` has to say what the present split says."""
    if file is None:
        return None
    names = expected.folds[["image_id"]].reset_index(drop=True)
    read = _read_rows(folder, file, names, np.zeros(len(names), dtype=bool), expected.classes, cases)
    if read is None:
        return None
    table, chances, row_of = read
    if "fold" in table.columns and "fold" not in list(expected.classes["class_name"]):
        given = parse_integers(to_text(table["fold"]).iloc[row_of])
        right = expected.folds["fold"].to_numpy(np.int64)
        wrong = np.flatnonzero(given.fillna(-1).to_numpy(np.int64) != right)
        for image in wrong.tolist():
            row = table.iloc[[row_of[image]]]
            place, fold = at_rows(row.index, file), row["fold"].iloc[0]
            cases.append(f"{place}: '{names['image_id'][image]}' is of fold {right[image]}, not {fold}")
        if len(wrong):
            return None
    return chances[row_of]


def _read_test(folder: Path, file: str | None, expected: Expected, cases: list[str]) -> npt.NDArray[np.float32] | None:
    """Read the test images; without a test part there are none."""
    if file is None:
        return None if len(expected.test_ids) else np.zeros((0, len(expected.classes)), np.float32)
    template = expected.submission_template
    id_column = next(str(column) for column in template.columns if column != "image_id")
    names = template[[id_column, "image_id"]].reset_index(drop=True)
    may_lack = ~names["image_id"].isin(expected.test_ids).to_numpy(bool)
    read = _read_rows(folder, file, names, may_lack, expected.classes, cases)
    if read is None:
        return None
    _, chances, row_of = read
    position = pd.Index(names["image_id"]).get_indexer(pd.Index(expected.test_ids))
    return chances[row_of[position]]


def _read_rows(
    folder: Path,
    file: str,
    names: pd.DataFrame,
    may_lack: npt.NDArray[np.bool_],
    classes: pd.DataFrame,
    cases: list[str],
) -> tuple[pd.DataFrame, npt.NDArray[np.float32], npt.NDArray[np.int64]] | None:
    """Return a table, its probabilities by row, and the row of each image; None when something is wrong."""
    n_before = len(cases)
    table = read_table(folder, file, cases)
    if table is None:
        return None
    id_column = find_id_column(table, names)
    if id_column is None:
        found: Sequence[str] = list(map(str, table.columns))
        cases.append(f"{file}: has the columns {','.join(found)}, none of which is {name_id_columns(names)}")
        return None
    row_of = find_images(table, file, names, cases, may_lack=may_lack)
    chances = read_probabilities(table, file, id_column, classes, cases)
    return (table, chances, row_of) if chances is not None and len(cases) == n_before else None
