"""Folders that teammates put their files into: only read, and maybe missing."""

from copy import deepcopy
from pathlib import Path
from typing import Any, NoReturn

from kedro.io.core import AbstractDataset, DatasetError


class _FolderDataset(AbstractDataset[NoReturn, Path]):
    """A folder that somebody else fills; a missing one is the same as an empty one."""

    def __init__(self, *, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the folder.

        Args:
            path: Of the folder; never made here.
            metadata: Free; for plugins.
        """
        self._path = Path(path)
        self.metadata = deepcopy(metadata)

    def load(self) -> Path:
        return self._path

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError(f"'{self._path}' is only read; teammates put their files there")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path)}


class TeammateAnswersDataset(_FolderDataset):
    """The folder of ``<name>.csv`` and ``<name>.parquet``, answers to the test part.

    Example:
        ```yaml
        teammate_answers:
          type: podium.datasets.teammates.TeammateAnswersDataset
          path: data/07_model_output/demo/teammates/answers
        ```
    """


class TeammateMembersDataset(_FolderDataset):
    """The folder of ``<name>/``, each with ``member.yml``, ``oof`` and ``test_probabilities``.

    Example:
        ```yaml
        teammate_members:
          type: podium.datasets.teammates.TeammateMembersDataset
          path: data/07_model_output/demo/teammates/members
        ```
    """
