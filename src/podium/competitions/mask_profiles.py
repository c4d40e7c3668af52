"""The ``mask_profiles`` format: a folder a person, 18 classes of mask, gender and age."""

import os
from bisect import bisect_right
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from podium.competitions.assembly import build_listing, check_class_counts, raise_cases
from podium.competitions.image_files import list_files
from podium.competitions.listing import Attribute, Listing
from podium.competitions.person_folders import check_folders, name_person_files
from podium.competitions.person_rows import AGE_EDGES, GENDERS, read_persons
from podium.competitions.unlabelled import read_unlabelled

MASKS = ("wear", "incorrect", "normal")
AGES = ("<30", "30-59", ">=60")
ATTRIBUTES = {
    "mask": Attribute(MASKS),
    "gender": Attribute(GENDERS),
    "age": Attribute(AGES, raw_column="age_years", edges=AGE_EDGES),
}
LABEL_FILE, SHEET_FILE = "train/train.csv", "eval/info.csv"
IMAGE_FOLDER, TEST_FOLDER = "train/images", "eval/images"
SHEET_COLUMNS = ("ImageID", "ans")


def read_mask_profiles(root: Path) -> Listing:
    """Read ``train/train.csv`` against the persons' folders, and ``eval/info.csv`` against ``eval/images/``.

    Args:
        root: The competition's folder.

    Returns:
        The listing; class = mask * 6 + gender * 3 + age band, the group is the person.

    Raises:
        InputError: Something is missing or does not fit; all of it is listed.
    """
    cases: list[str] = []
    persons = read_persons(root, LABEL_FILE, cases)
    listing = list_files(root, IMAGE_FOLDER, cases)
    train = pd.DataFrame()
    if listing is not None:
        files = name_person_files(listing, cases)
        if persons is not None:
            check_folders(persons, listing, files, LABEL_FILE, cases)
            train = _label_images(files, persons)
            check_class_counts(train["label"], _build_classes(), LABEL_FILE, cases)
    _check_test_folder(root, cases)
    test = read_unlabelled(root, TEST_FOLDER, SHEET_FILE, SHEET_COLUMNS, cases)
    raise_cases(root, cases)
    return build_listing(train, test, _build_classes(), ATTRIBUTES)


def _build_classes() -> pd.DataFrame:
    values = pd.DataFrame(list(product(MASKS, GENDERS, AGES)), columns=list(ATTRIBUTES), dtype="str")
    label = np.arange(len(values), dtype="int64")
    names = values["mask"] + " " + values["gender"] + " " + values["age"]
    return pd.DataFrame({"label": label, "class_name": names, "target": label}).join(values)


def _label_images(files: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """Give every file its person's attributes; null where either is faulty."""
    by_folder = persons.drop_duplicates("folder").set_index("folder")[["group_id", "gender", "age_years"]]
    train = files.join(by_folder, on="folder")
    train["age"] = train["age_years"].map(_find_band, na_action="ignore").astype("str")
    classes = _build_classes().set_index(list(ATTRIBUTES))["label"].astype("Int64")
    train = train.join(classes, on=list(ATTRIBUTES))
    return train.drop(columns=["name", "suffix", "folder", "stem"])


def _find_band(age_years: int) -> str:
    return AGES[bisect_right(AGE_EDGES, age_years)]


def _check_test_folder(root: Path, cases: list[str]) -> None:
    """A folder ``eval`` without anything known in it is a misspelt test part rather than none."""
    if os.path.lexists(root / "eval") and not any(os.path.lexists(root / name) for name in (SHEET_FILE, TEST_FOLDER)):
        cases.append(f"eval/: holds neither {SHEET_FILE} nor {TEST_FOLDER}/; add them or remove the folder")
