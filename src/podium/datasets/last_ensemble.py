"""The ensemble that was made last, with all that tells what it says and how it was made; or that there is none."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.io.core import AbstractDataset, DatasetError

from podium.digests import digest_probabilities

VERSIONED = ("probabilities", "weights", "decision", "digests")
UNVERSIONED = ("oof", "nested_oof")


@dataclass(frozen=True)
class LastEnsemble:
    """What the ensemble pipeline wrote in one run.

    Attributes:
        version: The start of that run.
        oof: image_id, fold, one column a class: chosen on these images.
        nested_oof: The same, each image by a choice that did not see it.
        probabilities: The same of the test part.
        weights: member and weight, and what the members score.
        decision: temperature and offsets.
        digests: split_digest, content_digest, weights_digest and, but of older ensembles, nested_oof_digest.
    """

    version: str
    oof: pd.DataFrame
    nested_oof: pd.DataFrame
    probabilities: pd.DataFrame
    weights: pd.DataFrame
    decision: dict[str, Any]
    digests: dict[str, str]

    @property
    def is_of_one_run(self) -> bool:
        """Whether ``nested_oof`` is of the run that wrote the digests; of older ensembles nobody can tell."""
        known = self.digests.get("nested_oof_digest")
        return known is None or known == digest_probabilities(self.nested_oof)


class LastEnsembleDataset(AbstractDataset[NoReturn, LastEnsemble | None]):
    """All files of the newest ensemble; None where a file of it is missing, as before any was made.

    The tables out of fold keep no versions. A run that was stopped between them and the digests leaves its own tables
    beside the weights of the run before: the report finds a newer ``oof`` by blending the members anew, and
    :attr:`LastEnsemble.is_of_one_run` a newer ``nested_oof``.

    Example:
        ```yaml
        last_ensemble:
          type: podium.datasets.last_ensemble.LastEnsembleDataset
          files:
            oof: data/07_model_output/demo/ensemble_oof.parquet
            nested_oof: data/07_model_output/demo/ensemble_nested_oof.parquet
          versioned_files:
            probabilities: data/07_model_output/demo/ensemble_probabilities.parquet
            weights: data/07_model_output/demo/ensemble_weights.csv
            decision: data/07_model_output/demo/decision.json
            digests: data/07_model_output/demo/ensemble_digests.json
        ```
    """

    def __init__(
        self, *, files: Mapping[str, str], versioned_files: Mapping[str, str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Name the files.

        Args:
            files: Of ``oof`` and ``nested_oof``, which hold the last run's state.
            versioned_files: Of ``probabilities``, ``weights``, ``decision`` and ``digests``: each is a folder with
                ``<version>/<its own name>``.
            metadata: Free; for plugins.
        """
        self._files = {name: Path(files[name]) for name in UNVERSIONED}
        self._versioned = {name: Path(versioned_files[name]) for name in VERSIONED}
        self.metadata = deepcopy(metadata)

    def load(self) -> LastEnsemble | None:
        versions = sorted(file.parent.name for file in self._versioned["digests"].glob("*/*") if file.is_file())
        if not versions:
            return None
        found = {name: path / versions[-1] / path.name for name, path in self._versioned.items()} | self._files
        if not all(path.is_file() for path in found.values()):
            return None
        return LastEnsemble(
            version=versions[-1],
            oof=pd.read_parquet(found["oof"]),
            nested_oof=pd.read_parquet(found["nested_oof"]),
            probabilities=pd.read_parquet(found["probabilities"]),
            weights=pd.read_csv(found["weights"], dtype={"member": str}, keep_default_na=False),
            decision=json.loads(found["decision"].read_text(encoding="utf-8")),
            digests=json.loads(found["digests"].read_text(encoding="utf-8")),
        )

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("the last ensemble is only read; the ensemble pipeline writes it")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {name: str(path) for name, path in {**self._versioned, **self._files}.items()}
