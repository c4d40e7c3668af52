"""How many images and groups there are of each class, of each value of an attribute, and of each two values."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Attributes = Mapping[str, Mapping[str, Any]]
"""By name of an attribute: ``values``, ``raw_column`` and ``edges``, as ingestion writes them."""


def count_classes(train: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Count training images and groups of each class, of those without any too.

    Args:
        train: label and group_id, one row a training image.
        classes: label, class_name, target and one column an attribute.

    Returns:
        By label: class_name, label, n_images (int64), share (float64, of all training images), n_groups (int64), and
        the attributes.
    """
    counts = _count(train, ["label"]).reindex(classes["label"], fill_value=0).reset_index(drop=True)
    counts["share"] = counts["n_images"] / max(len(train), 1)
    attributes = classes.drop(columns=["label", "class_name", "target"])
    return pd.concat([classes[["class_name", "label"]], counts[["n_images", "share", "n_groups"]], attributes], axis=1)


def count_attributes(train: pd.DataFrame, attributes: Attributes) -> pd.DataFrame:
    """Count training images and groups of each value of each attribute.

    Args:
        train: group_id and one column an attribute, one row a training image.
        attributes: Their values, in order.

    Returns:
        attribute, value, n_images (int64), share (float64, of all training images), n_groups (int64); no rows for
        plain classes.
    """
    dtypes = {"attribute": "str", "value": "str", "n_images": "int64", "share": "float64", "n_groups": "int64"}
    parts = [pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})]
    for name, attribute in attributes.items():
        counts = _count(train, [name]).reindex(list(attribute["values"]), fill_value=0).rename_axis("value")
        counts["share"] = counts["n_images"] / max(len(train), 1)
        parts.append(counts.reset_index().assign(attribute=name))
    return pd.concat(parts[1:] or parts, ignore_index=True)[list(dtypes)].astype(dtypes)


def cross_attributes(train: pd.DataFrame, attributes: Attributes) -> pd.DataFrame:
    """Count training images and groups of each two values of each two attributes.

    Args:
        train: group_id and one column an attribute, one row a training image.
        attributes: Their values, in order.

    Returns:
        first, first_value, second, second_value, n_images (int64), share_of_first (float64: of the images that have
        the first value; 0 without any), n_groups (int64); no rows for fewer than two attributes.
    """
    texts = dict.fromkeys(["first", "first_value", "second", "second_value"], "str")
    dtypes = {**texts, "n_images": "int64", "share_of_first": "float64", "n_groups": "int64"}
    parts = []
    for first, second in combinations(attributes, 2):
        values = [list(attributes[name]["values"]) for name in (first, second)]
        counts = _count(train, [first, second]).reindex(pd.MultiIndex.from_product(values), fill_value=0)
        of_first = counts.groupby(level=0)["n_images"].transform("sum")
        shares = counts["n_images"] / of_first.where(of_first > 0, 1)
        names = pd.DataFrame(counts.index.tolist(), columns=["first_value", "second_value"])
        numbers = counts.assign(share_of_first=shares).reset_index(drop=True)
        parts.append(pd.concat([names, numbers], axis=1).assign(first=first, second=second))
    empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes.items()})
    return (pd.concat(parts, ignore_index=True) if parts else empty)[list(dtypes)].astype(dtypes)


def measure_association(counts: npt.NDArray[np.int64]) -> float:
    """Return Cramér's V of a table of counts: 0 for attributes that say nothing of each other, 1 for one and the same.

    V is the root of chi-squared over n (k - 1), k being the lesser number of values (Cramér, 1946, section 21.9).
    Values without images are left out; NaN when fewer than two are left on a side.

    Args:
        counts: (n_first, n_second).
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return float("nan")
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    return float(np.sqrt(chi_squared / (counts.sum() * (min(counts.shape) - 1))))


def arrange_pairs(tables: pd.DataFrame) -> dict[tuple[str, str], tuple[npt.NDArray[np.int64], list[str], list[str]]]:
    """Lay each cross table out: counts (n_first, n_second), and the values of both attributes.

    Args:
        tables: As :func:`cross_attributes` returns it.
    """
    arranged = {}
    for (first, second), rows in tables.groupby(["first", "second"], sort=False):
        rows_of, columns_of = rows["first_value"].unique().tolist(), rows["second_value"].unique().tolist()
        counts = rows["n_images"].to_numpy(np.int64).reshape(len(rows_of), len(columns_of))
        arranged[(str(first), str(second))] = counts, rows_of, columns_of
    return arranged


def _count(train: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    by_key = train.groupby(keys if len(keys) > 1 else keys[0], observed=True)
    return pd.DataFrame({"n_images": by_key.size(), "n_groups": by_key["group_id"].nunique()}).astype("int64")
