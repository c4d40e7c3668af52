"""A table that may never have been made."""

import pandas as pd
from kedro_datasets.pandas import ParquetDataset


class OptionalTableDataset(ParquetDataset):
    """A Parquet table that is empty, without columns, as long as nobody wrote one.

    Training reads what another pipeline may have made; most people never run that one. A version that was asked for by
    its name has to be there.

    Example:
        ```yaml
        pseudo_labels:
          type: podium.datasets.optional_table.OptionalTableDataset
          filepath: data/07_model_output/demo/pseudo_labels.parquet
          versioned: true
        ```
    """

    def load(self) -> pd.DataFrame:
        is_asked_for = self._version is not None and self._version.load is not None
        return super().load() if is_asked_for or self.exists() else pd.DataFrame()
