"""Tables by partition, with a preview."""

import pandas as pd
from kedro_datasets._typing import TablePreview
from kedro_datasets.partitions import PartitionedDataset


class PartitionedTablesDataset(PartitionedDataset):
    """Kedro's partitioned dataset, of tables; Kedro-Viz shows the first rows of the first ones.

    Example:
        ```yaml
        history:
          type: podium.datasets.partitioned_tables.PartitionedTablesDataset
          path: data/07_model_output/demo/members
          dataset: pandas.ParquetDataset
          filename_suffix: /history.parquet
        ```
    """

    def preview(self, nrows: int = 40) -> TablePreview:
        """Show rows, with the name of their partition in front; none where there is no partition yet.

        Args:
            nrows: At most so many.
        """
        partitions = self.load() if self.exists() else {}
        shown = pd.DataFrame()
        for name in sorted(partitions):
            if len(shown) == nrows:
                break
            rows = partitions[name]().head(nrows - len(shown))
            shown = pd.concat([shown, rows.assign(partition=name)], ignore_index=True)
        ordered = shown[["partition", *shown.columns.drop("partition")]] if len(shown) else shown
        return TablePreview(ordered.to_dict(orient="split"))
