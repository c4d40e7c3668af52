"""A packed model as a folder that MLflow loads, registers and serves."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from kedro.io.core import AbstractDataset, DatasetError

from podium.packing.contents import Contents


class PackedModelDataset(AbstractDataset[Contents, Path]):
    """Contents on saving, the folder on loading.

    The folder appears whole or not at all, and replaces the one before.

    Example:
        ```yaml
        packed_model:
          type: podium.datasets.packed_model.PackedModelDataset
          path: data/06_models/demo/packed
        ```
    """

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the folder.

        Args:
            path: Made when needed.
            metadata: Free; for plugins.
        """
        self._path = Path(path)
        self.metadata = deepcopy(metadata)

    def load(self) -> Path:
        if not self._exists():
            raise DatasetError(f"'{self._path}' holds no packed model; kedro run --pipeline register makes one.")
        return self._path

    def save(self, data: Contents) -> None:
        from podium.packing.saving import save_packed

        save_packed(data, self._path)

    def _exists(self) -> bool:
        return (self._path / "MLmodel").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}
