"""What a team found when it looked at the images: marks in CSV files, laid over the organisers' labels.

The files come from the report's page, or from anybody's editor. They are read in the order in which they are
configured, a later one overrules an earlier one, and the organisers' own files stay as they are.
"""

import hashlib
import logging
import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from podium.competitions.assembly import check_class_counts
from podium.competitions.label_files import at_lines, read_csv_file
from podium.competitions.listing import CHANGE_COLUMNS, ORGANISERS, LabelVersion, Listing
from podium.digests import digest_table
from podium.errors import raise_if_any, suggest

logger = logging.getLogger(__name__)

COLUMNS = ("image_id", "mark", "class_name", "class_before", "note")
N_FILLED = 2
"""The first two have a value in every row; the others where there is something to say."""

LABEL_WRONG, EXCLUDE, LOOK_AGAIN = MARKS = ("label_wrong", "exclude", "look_again")
DECISIVE = (LABEL_WRONG, EXCLUDE)
"""The marks that change something."""

NO_CLASS = ""
"""In place of a class: of a test image, and of a training image that was taken out."""

N_COMPARED = 20_000
"""Names that are compared at most to find what unknown ones mean: about two seconds."""

N_NAMED = 10
"""Images that a line of the log names at most."""


def apply_corrections(listing: Listing, files: Sequence[Path], name: str = "<name>") -> Listing:
    """Lay the marks of all files over the organisers' labels.

    A relabelled image gets the attributes of its new class; the raw number behind a banded attribute stays where its
    band does, and becomes null where the band is another. Groups stay as they are.

    Args:
        listing: As the organisers ship it.
        files: CSV files with the columns of :data:`COLUMNS`, in order; none leave the listing as it is.
        name: What the user calls the competition, for messages.

    Returns:
        The listing with the labels that hold, without the images that were taken out; ``version`` says what changed.

    Raises:
        InputError: A file or a mark is wrong; every case of every file is listed.
    """
    if not files:
        return listing
    cases: list[str] = []
    marks = _read_marks(files, name, cases)
    marks = _check_marks(_spell_classes(marks, listing), listing, cases)
    changes, final = _replay(marks, _name_classes(listing), cases)
    _raise_cases(name, cases)
    corrected = replace(listing, images=_relabel(listing, final))
    _check_what_is_left(listing, corrected, files, cases)
    _raise_cases(name, cases)
    version = _describe_version(listing, corrected, changes, files)
    logger.info(
        "labels %s: %d images relabelled, %d taken out, %d to look at again, by %d file(s)",
        version.name, version.n_relabelled, version.n_excluded, version.n_to_look_at, len(files),
    )  # fmt: skip
    return replace(corrected, version=version)


def _raise_cases(name: str, cases: Sequence[str]) -> None:
    raise_if_any(f"competition {name}: {len(cases)} thing(s) to mend in its corrections:", cases)


def _read_marks(files: Sequence[Path], name: str, cases: list[str]) -> pd.DataFrame:
    """Read all files one below the other: the columns of COLUMNS, file (str) and line (int64), all names in NFC."""
    tables = [pd.DataFrame({column: pd.Series(dtype="str") for column in (*COLUMNS, "file")})]
    place = f"competitions.{name}.corrections"
    for file in dict.fromkeys(files):
        path = file.as_posix()
        if files.count(file) > 1:
            cases.append(f"{place}: '{path}' stands there {files.count(file)} times; keep one")
        found = _find_file(file)
        if found is None:
            cases.append(f"{place}: there is no file '{path}' (looked for {file.absolute()}){_suggest_file(file)}")
            continue
        rows = read_csv_file(found, path, COLUMNS, cases, n_filled=N_FILLED)
        if rows is not None:
            tables.append(rows.assign(file=path))
    marks = pd.concat(tables).rename_axis("line").reset_index().astype({"line": "int64"})
    for column in ("image_id", "class_name", "class_before"):
        marks[column] = marks[column].str.normalize("NFC")
    return marks


def _find_file(file: Path) -> Path | None:
    """Find a file, also where its name is spelt in another Unicode form on the disk; None when there is none."""
    if os.path.exists(file):
        return file
    name = unicodedata.normalize("NFC", file.name)
    return next(
        (path for path in sorted(file.parent.glob("*")) if unicodedata.normalize("NFC", path.name) == name), None
    )


def _suggest_file(file: Path) -> str:
    names = [path.name for path in file.parent.glob("*.csv")]
    near = get_close_matches(file.name, names, n=1)
    return f"; did you mean '{file.with_name(near[0]).as_posix()}'?" if near else ""


def _spell_classes(marks: pd.DataFrame, listing: Listing) -> pd.DataFrame:
    """Spell classes as ``classes`` does, which may begin or end with a space that no reader keeps."""
    names = {str(name).strip(): name for name in listing.classes["class_name"]}
    spelt = {column: marks[column].map(lambda name: names.get(name, name)) for column in ("class_name", "class_before")}
    return marks.assign(**spelt)


def _name_classes(listing: Listing) -> dict[str, str]:
    """Name the class of each image by its image_id, NO_CLASS for test images."""
    names = listing.classes.set_index("label")["class_name"]
    images = listing.images
    return dict(zip(images["image_id"], images["label"].map(names).fillna(NO_CLASS), strict=True))


def _check_marks(marks: pd.DataFrame, listing: Listing, cases: list[str]) -> pd.DataFrame:
    """Report what is wrong with single marks and between those of one file; return those that can be followed."""
    subset = listing.images.set_index("image_id")["subset"]
    classes = listing.classes["class_name"].tolist()
    part = marks["image_id"].map(subset)
    is_known, is_label_wrong = marks["mark"].isin(MARKS), marks["mark"] == LABEL_WRONG
    of_no_image = part.isna() & (marks["image_id"] != "")
    of_no_class = is_label_wrong & ~marks["class_name"].isin([*classes, ""])
    of_test = (part == "test") & marks["mark"].isin(DECISIVE)
    unneeded = is_known & ~is_label_wrong & (marks["class_name"] != "")
    faults: list[tuple[str, pd.Series, Callable[[str], str]]] = [
        ("image_id", of_no_image, _name_nearest(listing.images["image_id"], int(of_no_image.sum()))),
        ("mark", ~is_known & (marks["mark"] != ""), lambda mark: f"is no mark; {suggest(mark, MARKS)}"),
        ("class_name", of_no_class, lambda name: f"is no class; {suggest(name, classes)}"),
        ("class_name", unneeded, lambda _: f"belongs to no mark but {LABEL_WRONG}; leave it empty"),
        ("image_id", is_label_wrong & (marks["class_name"] == ""),
         lambda _: f"is marked {LABEL_WRONG} without the right class; write it as class_name"),
        ("image_id", of_test,
         lambda _: f"is a test image, which the organisers score as it is; only {LOOK_AGAIN} is possible"),
    ]  # fmt: skip
    for column, is_fault, describe in faults:
        _report_faults(marks[is_fault], column, describe, cases)
    _report_contradictions(marks, cases)
    is_sound = part.notna() & is_known & ~of_no_class & ~of_test & ~(is_label_wrong & (marks["class_name"] == ""))
    return marks[is_sound]


def _report_faults(marks: pd.DataFrame, column: str, describe: Callable[[str], str], cases: list[str]) -> None:
    """Report each distinct value of a column once a file, with all its lines."""
    for (file, value), lines in marks.groupby(["file", column], sort=False)["line"]:
        cases.append(f"{at_lines(str(file), lines)}: {column} '{value}' {describe(str(value))}")


def _name_nearest(image_ids: pd.Series, n_unknown: int) -> Callable[[str], str]:
    """Return what describes an unknown image_id: the image that was probably meant, or what ids look like."""
    every = image_ids.astype(str).tolist()
    exact = {image_id.casefold(): image_id for image_id in every}
    by_name, by_folder = defaultdict(list), defaultdict(list)
    for image_id in every:
        folder, _, name = image_id.rpartition("/")
        by_name[name.casefold()].append(image_id)
        by_folder[folder].append(image_id)

    def describe(value: str) -> str:
        same_name = by_name.get(value.rpartition("/")[2].casefold(), [])
        meant = exact.get(value.casefold()) or (same_name[0] if len(same_name) == 1 else None)
        if meant is None:
            beside = by_folder.get(value.rpartition("/")[0], [])
            near = next((names for names in (beside, every) if 0 < len(names) * n_unknown <= N_COMPARED), [])
            meant = next(iter(get_close_matches(value, near, n=1)), None)
        hint = f"did you mean '{meant}'?" if meant else f"its images are named like '{every[0]}'"
        return f"is no image of this competition; {hint}"

    return describe


def _report_contradictions(marks: pd.DataFrame, cases: list[str]) -> None:
    """Report images that one file wants changed in two ways; to look at an image again contradicts nothing."""
    decisive = marks[marks["mark"].isin(DECISIVE)]
    decisive = decisive[decisive.duplicated(["file", "image_id"], keep=False)]
    wanted = decisive["mark"] + decisive["class_name"].map(lambda name: f" → {name}" if name else "")
    for (file, image_id), rows in wanted.groupby([decisive["file"], decisive["image_id"]], sort=False):
        if rows.nunique() > 1:
            place = at_lines(str(file), decisive.loc[rows.index, "line"])
            cases.append(f"{place}: image_id '{image_id}' is marked {' and '.join(rows.unique())}; keep one")


def _replay(marks: pd.DataFrame, organisers: dict[str, str], cases: list[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Follow the marks from the first file to the last.

    Args:
        marks: That can be followed; see :func:`_check_marks`.
        organisers: See :func:`_name_classes`.
        cases: Takes a line for each mark that does not fit the class which its image had.

    Returns:
        What each mark did, as :attr:`LabelVersion.changes`; and by image_id the class that holds in the end of each
        image that a mark decides on, NO_CLASS where it is taken out.
    """
    known: dict[str, list[tuple[str, str]]] = {}  # by image: each class that it had, and whose word that was
    done: list[tuple[str, str]] = []
    overruled: list[str] = []
    for row in marks.itertuples():
        image_id = str(row.image_id)
        history = known.setdefault(image_id, [(organisers[image_id], ORGANISERS)])
        before, decided_by = history[-1]
        _check_class_before(row, history, cases)
        after = {LABEL_WRONG: str(row.class_name), EXCLUDE: NO_CLASS}.get(str(row.mark), before)
        if row.mark in DECISIVE:
            is_blind = decided_by not in (ORGANISERS, row.file) and row.class_before not in ("", before)
            if is_blind and after != before:
                overruled.append(image_id)
            history.append((after, str(row.file)))
        done.append((before, after))
    if overruled:
        named = ", ".join(overruled[:N_NAMED]) + (" …" if len(overruled) > N_NAMED else "")
        logger.warning("%d image(s) are marked differently by several files; the last one counts: %s",
                       len(overruled), named)  # fmt: skip
    changes = marks.assign(
        class_before=[before for before, _ in done], class_after=[after for _, after in done], stands=_find_last(marks)
    )
    changes = changes.sort_values("image_id", kind="stable", ignore_index=True)
    final = {image_id: history[-1][0] for image_id, history in known.items() if len(history) > 1}
    return changes[list(CHANGE_COLUMNS)].astype(CHANGE_COLUMNS), final


def _check_class_before(row: Any, history: list[tuple[str, str]], cases: list[str]) -> None:
    """Report a mark that was made on other labels, and one that changes a class to itself.

    Files may be made one after another or side by side, so the image may have been seen with any class that it had.
    """
    place, now = at_lines(row.file, [row.line]), history[-1][0]
    is_out = now == NO_CLASS and len(history) > 1
    if row.class_before and row.class_before not in [name for name, _ in history]:
        words = ", then ".join(f"'{name}' by {who}" if name else f"none by {who}" for name, who in history)
        cases.append(
            f"{place}: class_before '{row.class_before}' is not the class of '{row.image_id}', which is {words}; "
            "the mark was made on other labels: look again, then correct the row or remove it"
        )
    elif row.mark == LABEL_WRONG and row.class_name == (row.class_before or now) and not is_out:
        hint = f"; to take an earlier mark back, write '{now}' as class_before" if now != row.class_name else ""
        cases.append(f"{place}: class_name '{row.class_name}' is the class that '{row.image_id}' has already{hint}")


def _find_last(marks: pd.DataFrame) -> pd.Series:
    """Tell which marks stand (bool): those of the last file that decides on the image, and of files after it."""
    number = pd.Series(pd.factorize(marks["file"])[0], index=marks.index)
    decided = number.where(marks["mark"].isin(DECISIVE), -1).groupby(marks["image_id"]).transform("max")
    return number >= decided


def _relabel(listing: Listing, final: dict[str, str]) -> pd.DataFrame:
    """Return ``images`` with the classes of ``final`` (see :func:`_replay`), without those that are taken out."""
    images = listing.images[~listing.images["image_id"].isin([key for key in final if final[key] == NO_CLASS])].copy()
    labels = images["image_id"].map(final).map(listing.classes.set_index("class_name")["label"]).astype("Int64")
    is_new = labels.notna() & (labels != images["label"])
    images.loc[is_new, "label"] = labels[is_new]
    classes = listing.classes.set_index("label")
    for name, attribute in listing.attributes.items():
        value = labels[is_new].map(classes[name])
        moved = value.index[value != images.loc[is_new, name]]
        images.loc[is_new, name] = value
        if attribute.raw_column:
            images.loc[moved, attribute.raw_column] = pd.NA
    return images.reset_index(drop=True).astype(listing.images.dtypes.to_dict())


def _check_what_is_left(before: Listing, after: Listing, files: Sequence[Path], cases: list[str]) -> None:
    """Report that no two classes are left; say in the log when a class has lost its last image."""
    labels = after.images.loc[after.images["subset"] == "train", "label"]
    source = ", ".join(file.as_posix() for file in files)
    if labels.empty:
        cases.append(f"{source}: every training image is marked {EXCLUDE}; images of two classes are needed")
    elif set(before.images["label"].dropna()) - set(labels):
        check_class_counts(labels, after.classes, source, cases)


def _describe_version(before: Listing, after: Listing, changes: pd.DataFrame, files: Sequence[Path]) -> LabelVersion:
    """Name the labels by what they are, whichever files led there."""
    old, new = (
        listing.images.loc[listing.images["subset"] == "train", ["image_id", "label"]].reset_index(drop=True)
        for listing in (before, after)
    )
    both = old.merge(new, on="image_id", suffixes=("_old", "_new"))
    to_look_at = changes.loc[(changes["mark"] == LOOK_AGAIN) & changes["stands"], "image_id"]
    return LabelVersion(
        name=ORGANISERS if new.equals(old) else digest_table(new),
        changes=changes,
        n_relabelled=int((both["label_old"] != both["label_new"]).sum()),
        n_excluded=len(old) - len(new),
        n_to_look_at=to_look_at.nunique(),
        files=tuple({"path": file.as_posix(), "sha256": _digest_file(file)} for file in files),
    )


def _digest_file(file: Path) -> str:
    found = _find_file(file)
    assert found is not None  # it has been read
    return hashlib.sha256(found.read_bytes()).hexdigest()
