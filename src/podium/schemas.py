"""Checks of tables; the catalog names them as validators, so they run on every load and save.

Each takes a table and returns the same table, or raises an error that lists what is wrong with it.
"""

from collections.abc import Callable, Sequence

import pandas as pd
from pandas.api import types

from podium.errors import raise_if_any

_KINDS: dict[str, Callable[[pd.Series], bool]] = {
    "text": lambda column: types.is_string_dtype(column) or column.dtype == object,
    "whole": types.is_integer_dtype,
}


def check_images(images: pd.DataFrame) -> pd.DataFrame:
    """Check the columns of ``images``, that ids are unique, and that just the training images have labels."""
    columns = dict.fromkeys(("image_id", "subset", "path", "group_id", "sha256", "perceptual_hash"), "text")
    columns |= dict.fromkeys(("label", "width_px", "height_px", "n_bytes"), "whole")
    cases = _check_columns(images, columns)
    if not cases:
        is_train = images["subset"] == "train"
        cases += _check_unique(images, ["image_id", "path"])
        cases += [
            f"subset: '{value}' is neither train nor test"
            for value in set(images["subset"].unique()) - {"train", "test"}
        ]
        for name in ("label", "group_id"):
            wrong = images.loc[images[name].isna() == is_train, "image_id"]
            cases += [f"{name} of {image_id}: training images have one, test images have none" for image_id in wrong]
    return _return_if_right(images, "images", cases)


def check_classes(classes: pd.DataFrame) -> pd.DataFrame:
    """Check that labels run from 0 and that names are unique."""
    cases = _check_columns(classes, {"label": "whole", "class_name": "text", "target": "whole"})
    if not cases:
        cases += _check_unique(classes, ["label", "class_name", "target"])
        if classes["label"].tolist() != list(range(len(classes))):
            cases.append(f"label: {classes['label'].tolist()}, not 0 to {len(classes) - 1} in order")
    return _return_if_right(classes, "classes", cases)


def check_folds(folds: pd.DataFrame) -> pd.DataFrame:
    """Check that each image has one fold."""
    cases = _check_columns(folds, {"image_id": "text", "fold": "whole"})
    if not cases:
        cases += _check_unique(folds, ["image_id"]) + _check_least(folds, "fold", 0)
    return _return_if_right(folds, "folds", cases)


def check_targets(targets: pd.DataFrame) -> pd.DataFrame:
    """Check that each image has one true and one training label."""
    cases = _check_columns(targets, {"image_id": "text", "label": "whole", "training_label": "whole"})
    if not cases:
        cases += _check_unique(targets, ["image_id"]) + _check_least(targets, "label", 0)
        cases += _check_least(targets, "training_label", 0)
    return _return_if_right(targets, "targets", cases)


def check_variants(variants: pd.DataFrame) -> pd.DataFrame:
    """Check that each image is drawn at least once."""
    cases = _check_columns(variants, {"image_id": "text", "n_variants": "whole"})
    if not cases:
        cases += _check_unique(variants, ["image_id"]) + _check_least(variants, "n_variants", 1)
    return _return_if_right(variants, "variants", cases)


def _return_if_right(table: pd.DataFrame, name: str, cases: Sequence[str]) -> pd.DataFrame:
    raise_if_any(f"The table '{name}' is wrong:", cases)
    return table


def _check_columns(table: pd.DataFrame, columns: dict[str, str]) -> list[str]:
    """List columns that are missing or hold another kind of value; others may stand beside them."""
    missing = [f"{name}: there is no such column among {list(table.columns)}" for name in columns if name not in table]
    wrong = [
        f"{name}: {table[name].dtype}, not {kind}"
        for name, kind in columns.items()
        if name in table and len(table) and not _KINDS[kind](table[name])
    ]
    return missing + wrong


def _check_unique(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [
        f"{name}: '{value}' stands twice" for name in columns for value in table.loc[table[name].duplicated(), name]
    ]


def _check_least(table: pd.DataFrame, column: str, least: int) -> list[str]:
    low = table[table[column] < least]
    return [
        f"{column} of {image_id}: {value}, less than {least}"
        for image_id, value in zip(low["image_id"], low[column], strict=True)
    ]
