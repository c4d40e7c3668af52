"""The persons' folders of a ``mask_profiles`` competition: up to seven known files in each."""

import pandas as pd

from podium.competitions.image_files import FolderListing, is_image_name
from podium.competitions.matching import find_escapes
from podium.competitions.person_rows import FOLDER_FORM, FOLDER_PATTERN
from podium.errors import suggest

MASK_OF_STEM = {f"mask{number}": "wear" for number in range(1, 6)} | {"incorrect_mask": "incorrect", "normal": "normal"}


def name_person_files(listing: FolderListing, cases: list[str]) -> pd.DataFrame:
    """Tell the person and the mask state of every file, and report files that are none of the seven.

    Args:
        listing: All that lies below the folder of persons.
        cases: Takes one line for everything that is wrong.

    Returns:
        The listing's files that lie in a person's folder, with folder (str), stem (str) and mask (str, null when the
        file is none of the seven).
    """
    _report_misplaced(listing, cases)
    files = listing.files[listing.files["name"].str.count("/") == 1]
    parts = files["name"].str.extract(r"^(?P<folder>[^/]+)/(?P<stem>.*?)(?:\.[^.]*)?$")
    files = files.join(parts.astype("str"))
    files["mask"] = files["stem"].map(MASK_OF_STEM).astype("str")
    _report_other_names(files, cases)
    _report_doubled_stems(files, cases)
    return files


def check_folders(
    persons: pd.DataFrame, listing: FolderListing, files: pd.DataFrame, label_file: str, cases: list[str]
) -> None:
    """Report persons without a folder or images, and folders without a person.

    Args:
        persons: By line: folder (str), path (str); see ``read_persons``.
        listing: All that lies below the folder of persons.
        files: The persons' files, with folder (str).
        label_file: The label file, for messages.
        cases: Takes one line for everything that is wrong.
    """
    if listing.files.empty:
        return  # reported as a whole
    folders = pd.Series([folder for folder in listing.folders if "/" not in folder], dtype="str")
    usable = ~find_escapes(persons["path"]) & (persons["path"] != "")
    for line, path in persons.loc[usable & ~persons["folder"].isin(folders), "path"].items():
        fault = f"path '{path}': no folder {listing.folder}/{path}/"
        cases.append(f"{label_file} line {line}: {fault}; add it or remove the row")
    for folder in folders[~folders.isin(persons["folder"])]:
        form = "" if pd.Series([folder]).str.fullmatch(FOLDER_PATTERN).all() else f" (the form is {FOLDER_FORM})"
        cases.append(f"{listing.folder}/{folder}/: has no row in {label_file}{form}; add one or remove the folder")
    for folder in folders[~folders.isin(files["folder"]) & ~folders.isin(listing.unread)]:
        cases.append(f"{listing.folder}/{folder}/: holds no image; add images or remove the folder and its row")


def _report_misplaced(listing: FolderListing, cases: list[str]) -> None:
    for image_id in listing.files.loc[~listing.files["name"].str.contains("/"), "image_id"]:
        cases.append(f"{image_id}: lies in no person's folder; move it to {listing.folder}/{FOLDER_FORM}/")
    for folder in listing.folders:
        if "/" in folder:
            cases.append(f"{listing.folder}/{folder}/: a folder inside a person's folder; move its images up")


def _report_other_names(files: pd.DataFrame, cases: list[str]) -> None:
    is_image = is_image_name(files["suffix"])
    for image_id in files.loc[~is_image, "image_id"]:
        cases.append(f"{image_id}: is no image by its name; remove it")
    for row in files[is_image & files["mask"].isna()].itertuples():
        cases.append(f"{row.image_id}: is none of the seven images of a person; {suggest(str(row.stem), MASK_OF_STEM)}")


def _report_doubled_stems(files: pd.DataFrame, cases: list[str]) -> None:
    doubled = files[files.duplicated(["folder", "stem"], keep=False) & files["mask"].notna()]
    for (_, stem), group in doubled.groupby(["folder", "stem"], sort=False):
        cases.append(f"{', '.join(group['image_id'])}: {len(group)} files for {stem}; keep one")
