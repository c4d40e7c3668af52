"""Label shifting: near the edge of a band, a number may count as one of the next band, in training only."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from podium.competitions.config import Competition, LabelShift
from podium.errors import raise_if_any, suggest
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)


def shift_labels(
    images: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
    competition: Competition,
    recipe: Recipe,
) -> pd.DataFrame:
    """Make the training label of every training image.

    A face of 58 looks like one of 61, and there are few of 61: counting 58 as 60 gave a team its best single gain.

    Args:
        images: image_id, subset, label, the attributes and their raw numbers.
        classes: label and the value of each attribute.
        attributes: Values, raw column and band edges of each attribute.
        competition: Its ``label_shift`` holds unless the recipe states one.
        recipe: Its ``label_shift``, if any, replaces the competition's.

    Returns:
        image_id, label (true) and training_label, int64, sorted by image_id.

    Raises:
        InputError: A shifted attribute does not exist or is no banded number, or a shift joins no bands.
    """
    shifts = competition.label_shift if recipe.label_shift is None else recipe.label_shift
    _require_shiftable(shifts, attributes)
    raw = [attributes[name]["raw_column"] for name in shifts]
    train = images.loc[images["subset"] == "train", ["image_id", "label", *attributes, *raw]]
    train = train.sort_values("image_id", ignore_index=True)
    shifted = train[list(attributes)].copy()
    for name, shift in shifts.items():
        shifted[name] = _shift_attribute(train, name, attributes[name], shift)
    label = train["label"].astype("int64")
    training_label = _find_labels(shifted, classes, list(attributes)) if shifts else label
    n_shifted = int((training_label != label).sum())
    logger.info("shifted %d of %d training labels", n_shifted, len(train))
    return pd.DataFrame({"image_id": train["image_id"], "label": label, "training_label": training_label})


def _require_shiftable(shifts: Mapping[str, LabelShift], attributes: dict[str, dict[str, Any]]) -> None:
    banded = [name for name, attribute in attributes.items() if attribute["edges"]]
    cases = []
    for name, shift in shifts.items():
        if name not in banded:
            known = suggest(name, banded) if banded else "this competition has none"
            cases.append(f"label_shift.{name}: not an attribute that is a banded number; {known}")
        elif shift.counts_as <= shift.at_least:
            cases.append(
                f"label_shift.{name}: counts_as ({shift.counts_as:g}) must exceed at_least ({shift.at_least:g})"
            )
        elif not any(shift.at_least < edge <= shift.counts_as for edge in attributes[name]["edges"]):
            cases.append(
                f"label_shift.{name}: from {shift.at_least:g} to {shift.counts_as:g} stays within one band; "
                f"bands begin at {', '.join(map(str, attributes[name]['edges']))}"
            )
    raise_if_any("Labels cannot be shifted:", cases)


def _shift_attribute(train: pd.DataFrame, name: str, attribute: dict[str, Any], shift: LabelShift) -> pd.Series:
    """Count numbers from ``at_least`` up to ``counts_as`` as ``counts_as``, and band them anew.

    An image without a number, whose band somebody corrected, keeps its band.
    """
    number = train[attribute["raw_column"]].astype("float64")
    number = number.mask((number >= shift.at_least) & (number < shift.counts_as), shift.counts_as)
    band = np.searchsorted(np.asarray(attribute["edges"]), number, side="right")
    shifted = pd.Series(np.asarray(attribute["values"], dtype=object)[band], index=train.index, name=name)
    return shifted.where(number.notna(), train[name])


def _find_labels(shifted: pd.DataFrame, classes: pd.DataFrame, names: list[str]) -> pd.Series:
    """Join attribute values back into the composite class."""
    return shifted.merge(classes[[*names, "label"]], on=names, how="left", validate="many_to_one")["label"].astype(
        "int64"
    )
