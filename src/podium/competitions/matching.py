"""Which file a row of a label file means, and what is left over on either side."""

import unicodedata
from typing import Any

import numpy as np
import pandas as pd

from podium.competitions.image_files import FolderListing, is_image_name
from podium.competitions.label_files import report_doubles, report_values

_LEAVES_FOLDER = r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)"


def check_ids(ids: pd.Series, folder: str, label_file: str, cases: list[str]) -> None:
    """Report doubled ids and ids that lead out of the folder, whether there are files or not.

    Args:
        ids: One id (str) a row, by line of the label file; the series' name is its column.
        folder: The folder that they are relative to.
        label_file: The label file, for messages.
        cases: Takes one line for everything that is wrong.
    """
    report_doubles(ids, label_file, cases)
    report_values(ids[find_escapes(ids)], label_file, f"leaves the folder; give a path below {folder}/", cases)


def match_files(ids: pd.Series, listing: FolderListing, label_file: str, cases: list[str]) -> pd.DataFrame:
    """Find the file of every id, and report ids without a file and files without an id.

    Names are compared in Unicode NFC: what macOS unzips is spelt otherwise than what a spreadsheet writes. Ids may
    lack the extension when all of them do and each fits one image only.

    Args:
        ids: One id (str) a row, by line of the label file; see ``check_ids``, which reports doubles and escapes.
        listing: The files below the folder that the ids are relative to.
        label_file: The label file, for messages.
        cases: Takes one line for everything that is wrong.

    Returns:
        By the index of ``ids``: image_id and path (str), null where no file was found.
    """
    keys = ids.str.normalize("NFC")
    names = _choose_names(keys, listing)
    is_twin = names.duplicated(keep=False)
    _report_twins(ids[keys.isin(names[is_twin])], listing.files.groupby(names[is_twin]), label_file, cases)
    missing = ids[~keys.isin(names) & ~find_escapes(ids) & (ids != "") & ~listing.hides(keys)]
    _report_missing(missing, listing, label_file, cases)
    report_unnamed(listing.files[~names.isin(keys) & ~is_twin], label_file, cases)
    first = names[~names.duplicated()]
    positions = keys.map(pd.Series(first.index, index=first.to_numpy())).to_numpy(dtype="float64", na_value=np.nan)
    return listing.files.reindex(positions)[["image_id", "path"]].set_axis(ids.index)


def find_escapes(values: pd.Series) -> pd.Series:
    """Tell which paths (str) are absolute or hold ``..``, in the spelling of any system."""
    return values.str.contains(_LEAVES_FOLDER, regex=True)


def report_unnamed(files: pd.DataFrame, label_file: str, cases: list[str]) -> None:
    """Report files (image_id, suffix) that no row names; what is no image by its name is told apart."""
    for image_id, is_image in zip(files["image_id"], is_image_name(files["suffix"]), strict=True):
        if is_image:
            cases.append(f"{image_id}: has no row in {label_file}; add one or remove the image")
        else:
            cases.append(f"{image_id}: is no image by its name and {label_file} does not name it; remove it")


def report_other_files(files: pd.DataFrame, cases: list[str]) -> None:
    """Report files (image_id, suffix) that are no images by their name, where no label file names any."""
    for image_id in files.loc[~is_image_name(files["suffix"]), "image_id"]:
        cases.append(f"{image_id}: is no image by its name; remove it")


def _choose_names(keys: pd.Series, listing: FolderListing) -> pd.Series:
    """Return what ids are compared with: the files' names, or these without extension when only they fit."""
    names = listing.files["name"]
    if keys.isin(names).any():
        return names
    is_image = is_image_name(listing.files["suffix"])
    stems = names.where(~is_image, names.str.replace(r"\.[^./]*$", "", regex=True))
    return stems if keys.isin(stems[is_image]).any() else names


def _report_twins(ids: pd.Series, twins: Any, label_file: str, cases: list[str]) -> None:
    files = {name: ", ".join(group["image_id"]) for name, group in twins}
    for line, value in ids.items():
        fits = files[unicodedata.normalize("NFC", value)]
        cases.append(f"{label_file} line {line}: {ids.name} '{value}' fits {fits}; write the extension or keep one")


def _report_missing(ids: pd.Series, listing: FolderListing, label_file: str, cases: list[str]) -> None:
    if listing.files.empty or ids.empty:
        return  # an empty folder was reported as a whole
    near = {_loosen(name): name for name in listing.files["name"]}
    for line, value in ids.items():
        meant = near.get(_loosen(value))
        hint = f"did you mean '{meant}'?" if meant else "add the file or remove the row"
        cases.append(f"{label_file} line {line}: {ids.name} '{value}': no file {listing.folder}/{value}; {hint}")


def _loosen(name: str) -> str:
    """Leave out what people get wrong: capitals and the extension."""
    name = unicodedata.normalize("NFC", name).casefold()
    stem, dot, _ = name.rpartition(".")
    return stem if dot else name
