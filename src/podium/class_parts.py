"""What answers are read for: the class as a whole, or one attribute of composite classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float32]

WHOLE = ""
"""In the column ``attribute``: the class itself, not one of its attributes."""


@dataclass(frozen=True)
class Part:
    """What is scored: the class, or one attribute of it.

    Attributes:
        attribute: Its name; ``''`` is the class itself.
        values: Names of what is told apart.
        of_class: int64 (n_classes,): the value that each class has.
    """

    attribute: str
    values: list[str]
    of_class: Labels

    def sum_up(self, probabilities: Probabilities) -> Probabilities:
        """Add the probabilities of the classes of each value up, float32 (n_images, n_values)."""
        if self.attribute == WHOLE:
            return probabilities
        has_value = np.eye(len(self.values), dtype=np.float32)[self.of_class]
        return np.asarray(np.minimum(probabilities @ has_value, 1.0), dtype=np.float32)


def list_parts(classes: pd.DataFrame, attributes: Mapping[str, Mapping[str, Any]]) -> list[Part]:
    """List what is scored: the class first, then its attributes."""
    ordered = classes.sort_values("label")
    parts = [Part(WHOLE, ordered["class_name"].tolist(), np.arange(len(ordered)))]
    for name, attribute in attributes.items():
        values = [str(value) for value in attribute["values"]]
        of_class = np.array([values.index(str(value)) for value in ordered[name]], dtype=np.int64)
        parts.append(Part(name, values, of_class))
    return parts
