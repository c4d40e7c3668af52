"""What every reader returns: the organisers' files as tables, before any image is opened."""

from dataclasses import dataclass

import pandas as pd


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


@dataclass(frozen=True)
class Listing:
    """One competition as its organisers ship it.

    Attributes:
        images: One row an image, sorted by image_id: image_id (str, unique: the path below the root, Unicode NFC),
            subset (``train`` or ``test``), path (str, as it is spelt on disk), label (Int64, null for test), group_id
            (str, null for test), one str column an attribute and the raw column of each banded one (null for test).
        classes: One row a class, sorted by label: label (int64, 0 to n-1), class_name (str), target (int64, the
            organisers' own value, as a submission states it), one str column an attribute.
        attributes: The parts of a composite label by name; empty for a plain one.
        template: One row a test image in the organisers' order: image_id, then exactly the organisers' columns. No
            rows without a test part.
    """

    images: pd.DataFrame
    classes: pd.DataFrame
    attributes: dict[str, Attribute]
    template: pd.DataFrame
