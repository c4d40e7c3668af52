"""The ``image_folder`` format: a folder a class below ``train/``, and ``test/`` without labels."""

from pathlib import Path

import numpy as np
import pandas as pd

from podium.competitions.assembly import build_listing, check_class_counts, raise_cases
from podium.competitions.image_files import FolderListing, list_files
from podium.competitions.listing import Listing
from podium.competitions.matching import report_other_files
from podium.competitions.unlabelled import read_unlabelled

SHEET_FILE = "sample_submission.csv"
SHEET_COLUMNS = ("ID", "target")


def read_image_folder(root: Path) -> Listing:
    """Read the class folders of ``train/`` and the files of ``test/``.

    Args:
        root: The competition's folder.

    Returns:
        The listing; classes are sorted by name, a class's target is its label, each image is a group of its own.

    Raises:
        InputError: Something is missing or does not fit; all of it is listed.
    """
    cases: list[str] = []
    listing = list_files(root, "train", cases)
    train, classes = _read_train(listing, cases) if listing else (pd.DataFrame(), pd.DataFrame())
    test = read_unlabelled(root, "test", SHEET_FILE, SHEET_COLUMNS, cases, fixed_columns=False)
    raise_cases(root, cases)
    return build_listing(train, test, classes)


def _read_train(listing: FolderListing, cases: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    folders = _find_class_folders(listing, cases)
    names = pd.Series(folders, dtype="str")
    labels = np.arange(len(names), dtype="int64")
    classes = pd.DataFrame({"label": labels, "class_name": names, "target": labels})
    files = listing.files[listing.files["name"].str.count("/") == 1]
    class_names = files["name"].str.split("/", n=1).str[0]
    label = class_names.map(dict(zip(names, labels, strict=True))).astype("Int64")
    if not listing.files.empty:  # else it was reported as a whole
        _report_empty_folders(listing, folders, set(class_names), cases)
        report_other_files(files, cases)
        check_class_counts(label, classes, "train/", cases)
    return files[["image_id", "path"]].assign(label=label, group_id=files["image_id"]), classes


def _find_class_folders(listing: FolderListing, cases: list[str]) -> list[str]:
    """Return the class folders; report what lies beside or below them."""
    for image_id in listing.files.loc[~listing.files["name"].str.contains("/"), "image_id"]:
        cases.append(f"{image_id}: lies in no class's folder; move it to train/<class name>/ or remove it")
    for folder in listing.folders:
        if "/" in folder:
            cases.append(f"train/{folder}/: a folder inside a class's folder; images lie in train/<class name>/ itself")
    return sorted({folder for folder in listing.folders if "/" not in folder})


def _report_empty_folders(listing: FolderListing, folders: list[str], filled: set[str], cases: list[str]) -> None:
    for folder in folders:
        if folder not in filled and folder not in listing.unread:
            cases.append(f"train/{folder}/: holds no image; add images of this class or remove the folder")
