"""What trained members left behind: tables of each fold, and their weights where those are still there."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from podium.datasets.weights import HEADER_KEY

TABLES = ("oof", "test_probabilities", "history")

Partitions = dict[str, Callable[[], pd.DataFrame]]


@dataclass(frozen=True)
class TrainedMembers:
    """Files by ``<member>/fold_<k>``; everything is read when asked for.

    Attributes:
        oof, test_probabilities, history: What reads each table.
        weights: Files of weights. A member may have lost them, or never have had them on this machine: its tables still
            tell how it did.
    """

    oof: Partitions = field(default_factory=dict)
    test_probabilities: Partitions = field(default_factory=dict)
    history: Partitions = field(default_factory=dict)
    weights: dict[str, Path] = field(default_factory=dict)

    def load_header(self, partition: str) -> dict[str, Any] | None:
        """Read what a file of weights says about its model, without its tensors; None where there is no file.

        Raises:
            DatasetError: The file was not written by Podium.
        """
        path = self.weights.get(partition)
        return None if path is None else read_header(path)


class TrainedMembersDataset(AbstractDataset[NoReturn, TrainedMembers]):
    """The tables and weights of all members, none where nothing was trained yet.

    Kedro's partitioned datasets refuse a folder without files; a report has to say in its own words that there is
    nothing to report.

    Example:
        ```yaml
        trained_members:
          type: podium.datasets.trained_members.TrainedMembersDataset
          tables: data/07_model_output/demo/members
          weights: data/06_models/demo
        ```
    """

    def __init__(self, *, tables: str, weights: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the two folders.

        Args:
            tables: Holds ``<member>/fold_<k>/`` with oof, test_probabilities and history as Parquet files.
            weights: Holds ``<member>/fold_<k>/weights.safetensors``.
            metadata: Free; for plugins.
        """
        self._tables = Path(tables)
        self._weights = Path(weights)
        self.metadata = deepcopy(metadata)

    def load(self) -> TrainedMembers:
        tables: dict[str, Partitions] = {
            name: {
                file.parent.relative_to(self._tables).as_posix(): partial(pd.read_parquet, file)
                for file in sorted(self._tables.glob(f"*/fold_*/{name}.parquet"))
            }
            for name in TABLES
        }
        weights = {
            file.parent.relative_to(self._weights).as_posix(): file
            for file in sorted(self._weights.glob("*/fold_*/weights.safetensors"))
        }
        return TrainedMembers(**tables, weights=weights)

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError(
            "trained members are only read; training writes weights, oof, test_probabilities and history"
        )

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"tables": str(self._tables), "weights": str(self._weights)}


def read_header(path: Path) -> dict[str, Any]:
    """Read the header of a file of weights, and none of its tensors.

    Args:
        path: As :class:`~podium.datasets.weights.WeightsDataset` wrote it.

    Raises:
        DatasetError: It was not written by Podium.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            header: dict[str, Any] = json.loads(file.metadata()[HEADER_KEY])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"'{path}' does not hold weights that Podium wrote: {error}") from error
    return header
