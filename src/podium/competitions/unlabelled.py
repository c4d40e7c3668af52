"""The test part: its images, and the sheet that a submission fills in."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from podium.competitions.image_files import FolderListing, list_files
from podium.competitions.label_files import read_label_file
from podium.competitions.matching import check_ids, match_files, report_other_files

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnlabelledPart:
    """The test part of a competition; both tables have no rows without one.

    Attributes:
        images: One row an image: image_id, path (str).
        template: One row an image in the organisers' order: image_id, their id column (str), their answer column
            (int64, 0).
    """

    images: pd.DataFrame
    template: pd.DataFrame


def read_unlabelled(
    root: Path, folder: str, sheet_file: str, columns: Sequence[str], cases: list[str], *, fixed_columns: bool = True
) -> UnlabelledPart:
    """Read the test part, which may be absent as a whole.

    The sheet gives the order; its answers are ignored. Without a sheet the images go by name.

    Args:
        root: The competition's root.
        folder: The test images' folder, relative to it.
        sheet_file: The organisers' sheet, relative to it: ``sample_submission.csv`` or ``eval/info.csv``.
        columns: The sheet's id column and answer column.
        cases: Takes one line for everything that is wrong.
        fixed_columns: Whether the sheet must have these columns; else any two, the id first.

    Returns:
        The images and the template.
    """
    has_folder, has_sheet = os.path.lexists(root / folder), os.path.lexists(root / sheet_file)
    listing = list_files(root, folder, cases, required=False)
    sheet = _read_sheet(root, sheet_file, columns if fixed_columns else None, cases) if has_sheet else None
    if has_sheet and not has_folder:
        cases.append(f"{folder}/: there is no such folder, but {sheet_file} lists images; add it or remove the sheet")
    if sheet is not None:
        check_ids(sheet[sheet.columns[0]], folder, sheet_file, cases)
    if listing is None or (has_sheet and sheet is None):
        return _fill_template(pd.DataFrame({"image_id": [], "path": []}, dtype="str"), [], columns)
    if sheet is None:
        report_other_files(listing.files, cases)
        logger.warning("no %s: the submission will list the files of %s/ by name", sheet_file, folder)
        return _fill_template(listing.files[["image_id", "path"]], listing.files["name"].tolist(), columns)
    return _match_sheet(sheet, listing, sheet_file, cases)


def _match_sheet(sheet: pd.DataFrame, listing: FolderListing, sheet_file: str, cases: list[str]) -> UnlabelledPart:
    ids = sheet[sheet.columns[0]]
    return _fill_template(match_files(ids, listing, sheet_file, cases), ids.tolist(), list(sheet.columns))


def _fill_template(images: pd.DataFrame, ids: list[str], columns: Sequence[str]) -> UnlabelledPart:
    images = images.reset_index(drop=True)
    id_column, answer_column = columns
    template = pd.DataFrame({"image_id": images["image_id"], id_column: pd.Series(ids, dtype="str")})
    return UnlabelledPart(images, template.assign(**{answer_column: pd.Series(0, template.index, dtype="int64")}))


def _read_sheet(root: Path, name: str, columns: Sequence[str] | None, cases: list[str]) -> pd.DataFrame | None:
    """Read the sheet. An answer may be missing: nobody reads it."""
    sheet = read_label_file(root, name, columns, cases, exact=True, n_filled=1)
    if sheet is None or columns is not None:
        return sheet
    found = list(map(str, sheet.columns))
    if len(found) != 2 or "" in found:
        cases.append(f"{name}: has the columns {','.join(found)}, expected two: an id and an answer, such as ID,target")
        return None
    if "image_id" in found:
        cases.append(f"{name}: a column is called 'image_id', which is Podium's own name for an image; rename it")
        return None
    return sheet
