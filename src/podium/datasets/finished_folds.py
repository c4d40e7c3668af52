"""The folds that were trained before: what training reads to know what is left to do, and to learn from them."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from podium.datasets.weights import WeightsDataset


@dataclass(frozen=True)
class FinishedFold:
    """One fold of a member, all of whose files exist; all but the history are read when asked for.

    Attributes:
        history: One row an epoch.
        tables: Folder of oof and test_probabilities.
        weights: File of the weights.
    """

    history: pd.DataFrame
    tables: Path
    weights: Path

    def load_table(self, name: str) -> pd.DataFrame:
        """Read ``oof`` or ``test_probabilities``."""
        return pd.read_parquet(self.tables / f"{name}.parquet")

    def load_weights(self) -> dict[str, Any]:
        """Read ``{"tensors": …, "header": …}``."""
        weights: dict[str, Any] = WeightsDataset(filepath=self.weights.as_posix()).load()
        return weights


class FinishedFoldsDataset(AbstractDataset[NoReturn, dict[str, FinishedFold]]):
    """Every fold all of whose files exist, by ``<member>/fold_<k>``.

    A Kedro node cannot read what it writes, so training reads its own results through this entry. A fold that has lost
    a file, its weights say, is not finished and will be trained again.

    Example:
        ```yaml
        finished_folds:
          type: podium.datasets.finished_folds.FinishedFoldsDataset
          tables: data/07_model_output/demo/members
          weights: data/06_models/demo
        ```
    """

    def __init__(self, *, tables: str, weights: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the two folders.

        Args:
            tables: Holds ``<member>/fold_<k>/`` with history, oof and test_probabilities as Parquet files.
            weights: Holds ``<member>/fold_<k>/weights.safetensors``.
            metadata: Free; for plugins.
        """
        self._tables = Path(tables)
        self._weights = Path(weights)
        self.metadata = deepcopy(metadata)

    def load(self) -> dict[str, FinishedFold]:
        found = {}
        for history in sorted(self._tables.glob("*/fold_*/history.parquet")):
            partition = history.parent.relative_to(self._tables).as_posix()
            weights = self._weights / partition / "weights.safetensors"
            others = [history.with_name(f"{name}.parquet") for name in ("oof", "test_probabilities")]
            if all(file.is_file() for file in [*others, weights]):
                found[partition] = FinishedFold(pd.read_parquet(history), history.parent, weights)
        return found

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("finished folds are only read; training writes weights, oof, test_probabilities and history")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"tables": str(self._tables), "weights": str(self._weights)}
