"""Weights as safetensors: no pickle is ever loaded from a file that could come from somebody else."""

import json
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any

import fsspec
from kedro.io.core import AbstractDataset, DatasetError, get_protocol_and_path

HEADER_KEY = "podium"


class WeightsDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """A model's tensors, with plain values about it in the file's header.

    The data is ``{"tensors": {name: torch.Tensor}, "header": {…}}``, the header being what JSON can hold. It stands
    under one key, since safetensors writes several keys in an order that changes from run to run.

    Example:
        ```yaml
        weights:
          type: podium.datasets.weights.WeightsDataset
          filepath: data/06_models/demo/baseline/weights.safetensors
        ```
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the file.

        Args:
            filepath: Ends in ``.safetensors``; its folder is made when needed.
            metadata: Free; for plugins.
        """
        protocol, path = get_protocol_and_path(filepath)
        self._filepath = PurePosixPath(path)
        self._fs = fsspec.filesystem(protocol, **({"auto_mkdir": True} if protocol == "file" else {}))
        self.metadata = deepcopy(metadata)

    def load(self) -> dict[str, Any]:
        from safetensors import SafetensorError
        from safetensors.torch import load

        data = self._fs.cat_file(str(self._filepath))
        try:
            tensors = load(data)
            n_header = int.from_bytes(data[:8], "little")
            header = json.loads(json.loads(data[8 : 8 + n_header])["__metadata__"][HEADER_KEY])
        except (SafetensorError, KeyError, ValueError) as error:
            raise DatasetError(f"'{self._filepath}' does not hold weights that Podium wrote: {error}") from error
        return {"tensors": tensors, "header": header}

    def save(self, data: dict[str, Any]) -> None:
        from safetensors.torch import save

        header = json.dumps(data["header"], sort_keys=True, ensure_ascii=False)
        tensors = {name: tensor.contiguous() for name, tensor in data["tensors"].items()}
        with self._fs.open(str(self._filepath), "wb") as file:
            file.write(save(tensors, {HEADER_KEY: header}))

    def _exists(self) -> bool:
        return bool(self._fs.exists(str(self._filepath)))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
