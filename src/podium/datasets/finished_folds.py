"""The folds that were trained before: what training reads to know what is left to do."""

from copy import deepcopy
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError


class FinishedFoldsDataset(AbstractDataset[NoReturn, dict[str, pd.DataFrame]]):
    """The history of every fold all of whose files exist, by ``<member>/fold_<k>``.

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

    def load(self) -> dict[str, pd.DataFrame]:
        histories = {}
        for history in sorted(self._tables.glob("*/fold_*/history.parquet")):
            partition = history.parent.relative_to(self._tables).as_posix()
            others = [history.with_name(f"{name}.parquet") for name in ("oof", "test_probabilities")]
            if all(file.is_file() for file in [*others, self._weights / partition / "weights.safetensors"]):
                histories[partition] = pd.read_parquet(history)
        return histories

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("finished folds are only read; training writes weights, oof, test_probabilities and history")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"tables": str(self._tables), "weights": str(self._weights)}
