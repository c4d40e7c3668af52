"""The submissions that were made before, with what belongs to each, and the ledger of their scores on the board."""

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError


@dataclass(frozen=True)
class PastSubmission:
    """One version of the submission; everything is read when asked for.

    Attributes:
        version: The start of the run that wrote it.
        file: The CSV file.
        companions: Files of the same run, by dataset; those that exist.
    """

    version: str
    file: Path
    companions: Mapping[str, Path]

    def digest_file(self) -> str:
        """Return the SHA-256 of the file's bytes, 64 hexadecimal digits."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    def load_answers(self) -> pd.DataFrame:
        """Read the organisers' columns as text."""
        return pd.read_csv(self.file, dtype=str, keep_default_na=False, encoding="utf-8")

    def load_scores(self) -> dict[str, Any] | None:
        """Read what the ensemble scored out of fold."""
        path = self.companions.get("scores")
        return None if path is None else dict(json.loads(path.read_text(encoding="utf-8")))

    def load_weights(self) -> pd.DataFrame | None:
        """Read the members and their weights."""
        path = self.companions.get("weights")
        return None if path is None else pd.read_csv(path, dtype={"member": str})

    def load_probabilities(self) -> pd.DataFrame | None:
        """Read the probabilities that were answered with."""
        path = self.companions.get("probabilities")
        return None if path is None else pd.read_parquet(path)


@dataclass(frozen=True)
class PastSubmissions:
    """All of them.

    Attributes:
        versions: By version, oldest first.
        ledger: Where the ledger lies, or will.
    """

    versions: Mapping[str, PastSubmission]
    ledger: Path


class PastSubmissionsDataset(AbstractDataset[NoReturn, PastSubmissions]):
    """Every version of the submission whose file exists.

    Kedro loads one version of a dataset, and a node cannot read what it writes, so the ledger looks at the submissions,
    and at itself, through this entry.

    Example:
        ```yaml
        past_submissions:
          type: podium.datasets.past_submissions.PastSubmissionsDataset
          submissions: data/07_model_output/demo/submission.csv
          companions:
            scores: data/08_reporting/demo/ensemble_scores.json
            weights: data/07_model_output/demo/ensemble_weights.csv
            probabilities: data/07_model_output/demo/ensemble_probabilities.parquet
          ledger: data/08_reporting/demo/ledger.csv
        ```
    """

    def __init__(
        self, *, submissions: str, companions: dict[str, str], ledger: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the folders of versions, and the ledger.

        Args:
            submissions: Holds ``<version>/<its own name>``.
            companions: Likewise, of other datasets of the same run: scores, weights, probabilities.
            ledger: The CSV file.
            metadata: Free; for plugins.
        """
        self._submissions = Path(submissions)
        self._companions = {name: Path(folder) for name, folder in companions.items()}
        self._ledger = Path(ledger)
        self.metadata = deepcopy(metadata)

    def load(self) -> PastSubmissions:
        found = {}
        for file in sorted(self._submissions.glob(f"*/{self._submissions.name}")):
            version = file.parent.name
            beside = {name: folder / version / folder.name for name, folder in self._companions.items()}
            companions = {name: path for name, path in beside.items() if path.is_file()}
            found[version] = PastSubmission(version, file, companions)
        return PastSubmissions(found, self._ledger)

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("past submissions are only read; the submission pipeline writes new ones")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"submissions": str(self._submissions), "ledger": str(self._ledger)}
