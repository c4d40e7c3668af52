"""A network as ONNX."""

from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any

import fsspec
from kedro.io.core import AbstractDataset, get_protocol_and_path


class OnnxFileDataset(AbstractDataset[bytes, bytes]):
    """The bytes of an ONNX file, on any file system that fsspec knows.

    Example:
        ```yaml
        onnx_models:
          type: podium.datasets.onnx_file.OnnxFileDataset
          filepath: data/06_models/demo/onnx/baseline-0a1b2c/fold_0.onnx
        ```
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the file.

        Args:
            filepath: Its folder is made when needed.
            metadata: Free; for plugins.
        """
        protocol, path = get_protocol_and_path(filepath)
        self._filepath = PurePosixPath(path)
        self._fs = fsspec.filesystem(protocol, **({"auto_mkdir": True} if protocol == "file" else {}))
        self.metadata = deepcopy(metadata)

    def load(self) -> bytes:
        return bytes(self._fs.cat_file(str(self._filepath)))

    def save(self, data: bytes) -> None:
        with self._fs.open(str(self._filepath), "wb") as file:
            file.write(data)

    def _exists(self) -> bool:
        return bool(self._fs.exists(str(self._filepath)))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
