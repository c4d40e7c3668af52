"""The submission: a CSV file of exactly the organisers' columns, and no file when there is nothing to submit."""

from typing import Any

import pandas as pd
from kedro_datasets.pandas import CSVDataset


class SubmissionDataset(CSVDataset):
    """A CSV table that is only written when it has rows.

    A competition without a test part has nothing to submit; a file with a header alone would look like a submission.

    Example:
        ```yaml
        submission:
          type: podium.datasets.submission.SubmissionDataset
          filepath: data/07_model_output/demo/submission.csv
          versioned: true
        ```
    """

    def __init__(self, **options: Any) -> None:
        """Take the options of ``CSVDataset``."""
        super().__init__(**options)
        self._withheld: pd.DataFrame | None = None

    def save(self, data: pd.DataFrame) -> None:
        self._withheld = data if data.empty else None
        if self._withheld is None:
            super().save(data)

    def load(self) -> pd.DataFrame:
        """Read the table; the one without rows that was just kept back, if it was."""
        return super().load() if self._withheld is None else self._withheld

    def resolve_load_version(self) -> str | None:
        """Kedro asks for the version just saved; of what was not written, there is none to find."""
        return self.resolve_save_version() if self._withheld is not None else super().resolve_load_version()

    def find_written(self) -> str | None:
        """Return the path of this run's submission, or None when nothing was submitted."""
        version = self.resolve_save_version()
        path = self._get_versioned_path(version) if version else self._filepath
        return str(path) if self._fs.exists(str(path)) else None
