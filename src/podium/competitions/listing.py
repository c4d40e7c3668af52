"""What every reader returns: the organisers' files as tables, before any image is opened."""

from dataclasses import dataclass, field

import pandas as pd

ORGANISERS = "organisers"
"""The name of the labels that nobody changed."""

CHANGE_COLUMNS = {
    "image_id": "str",
    "mark": "str",
    "class_before": "str",
    "class_after": "str",
    "note": "str",
    "file": "str",
    "line": "int64",
    "stands": "bool",
}
"""Columns and dtypes of :attr:`LabelVersion.changes`."""


@dataclass(frozen=True)
class Attribute:
    """A part of a composite label that has scores of its own.

    Attributes:
        values: Its classes, in order.
        raw_column: For a banded number, the column of ``images`` that holds the number itself.
        edges: For a banded number, the lower edge of every band after the first: ``(30, 60)``.
    """

    values: tuple[str, ...]
    raw_column: str | None = None
    edges: tuple[int, ...] = ()


def _make_no_changes() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in CHANGE_COLUMNS.items()})


@dataclass(frozen=True)
class LabelVersion:
    """Whose labels these are: the organisers', or what a team made of them.

    Attributes:
        name: :data:`ORGANISERS`, or the digest of all training images and their labels.
        changes: One row a mark, sorted by image_id and then in the order of files and lines: image_id, mark,
            class_before and class_after (the class's name before and after this mark, ``''`` for an image without one:
            a test image, or one that was taken out), note, file, line, and stands (whether no later file says
            something else of the image).
        n_relabelled: Training images of another class than the organisers'.
        n_excluded: Training images that were taken out.
        n_to_look_at: Images that somebody wants looked at again.
        files: What the marks were read from, in order: path and sha256.
    """

    name: str = ORGANISERS
    changes: pd.DataFrame = field(default_factory=_make_no_changes)
    n_relabelled: int = 0
    n_excluded: int = 0
    n_to_look_at: int = 0
    files: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Listing:
    """One competition as its organisers ship it, or as a team corrected its labels.

    Attributes:
        images: One row an image, sorted by image_id: image_id (str, unique: the path below the root, Unicode NFC),
            subset (``train`` or ``test``), path (str, as it is spelt on disk), label (Int64, null for test), group_id
            (str, null for test), one str column an attribute and the raw column of each banded one (null for test).
        classes: One row a class, sorted by label: label (int64, 0 to n-1), class_name (str), target (int64, the
            organisers' own value, as a submission states it), one str column an attribute.
        attributes: The parts of a composite label by name; empty for a plain one.
        template: One row a test image in the organisers' order: image_id, then exactly the organisers' columns. No
            rows without a test part.
        version: Whose labels these are.
    """

    images: pd.DataFrame
    classes: pd.DataFrame
    attributes: dict[str, Attribute]
    template: pd.DataFrame
    version: LabelVersion = field(default_factory=LabelVersion)
