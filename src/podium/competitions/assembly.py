"""From the parts that a reader found to one table of images, and what every format asks of the labels."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from podium.competitions.listing import Attribute, Listing
from podium.competitions.unlabelled import UnlabelledPart
from podium.errors import raise_if_any

logger = logging.getLogger(__name__)


def build_listing(
    train: pd.DataFrame, test: UnlabelledPart, classes: pd.DataFrame, attributes: dict[str, Attribute] | None = None
) -> Listing:
    """Put both parts into one table, sorted by image_id whatever the order of files and rows.

    Args:
        train: One row a training image: image_id, path, group_id (str), label (Int64), and per attribute its class
            (str) and raw number (Int64).
        test: The test part.
        classes: One row a class, sorted by label; see ``Listing``.
        attributes: The parts of a composite label.

    Returns:
        The listing.
    """
    attributes = attributes or {}
    raw_columns = [attribute.raw_column for attribute in attributes.values() if attribute.raw_column]
    types = {"image_id": "str", "subset": "str", "path": "str", "label": "Int64", "group_id": "str"}
    types |= dict.fromkeys(attributes, "str") | dict.fromkeys(raw_columns, "Int64")
    parts = [train.assign(subset="train"), test.images.assign(subset="test")]
    images = pd.concat([part.reindex(columns=list(types)).astype(types) for part in parts])
    images = images.sort_values("image_id", ignore_index=True)
    logger.info("read %d training images of %d classes, %d test images", len(train), len(classes), len(test.images))
    return Listing(images, classes, attributes, test.template)


def check_class_counts(labels: pd.Series, classes: pd.DataFrame, source: str, cases: list[str]) -> None:
    """Report a training part of one class; say in the log which classes have no image.

    Args:
        labels: One label (Int64) a training image, null where it was faulty.
        classes: label (int64) and class_name (str).
        source: The file or folder that the labels come from.
        cases: Takes a line when there are fewer than two classes.
    """
    is_present = classes["label"].isin(labels.dropna().unique())
    present, absent = classes.loc[is_present, "class_name"], classes.loc[~is_present, "class_name"]
    if len(present) == 1 and labels.notna().all():
        cases.append(f"{source}: all {len(labels)} images are of class '{present.iloc[0]}'; two classes are needed")
    elif len(present) > 1 and len(absent):
        logger.warning("%d of %d classes have no training image: %s", len(absent), len(classes), ", ".join(absent))


def raise_cases(root: Path, cases: Sequence[str]) -> None:
    """Raise one :class:`~podium.errors.InputError` for all ``cases``; do nothing when there are none."""
    raise_if_any(f"{root}: {len(cases)} thing(s) to mend before anything can be trained", cases)
