"""The submission: a CSV file of exactly the organisers' columns, and no file when there is nothing to submit."""

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

    def save(self, data: pd.DataFrame) -> None:
        if len(data):
            super().save(data)

    def find_written(self) -> str | None:
        """Return the path of this run's submission, or None when nothing was submitted."""
        version = self.resolve_save_version()
        path = self._get_versioned_path(version) if version else self._filepath
        return str(path) if self._fs.exists(str(path)) else None
