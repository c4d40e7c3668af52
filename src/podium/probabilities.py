"""Tables of class probabilities: image_id, fold, and one float32 column a class."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def name_columns(n_classes: int) -> list[str]:
    """Name the column of each class: ``p_0``, ``p_1``, …, by label; names of classes may be anything."""
    return [f"p_{label}" for label in range(n_classes)]


def make_table(image_ids: pd.Series, fold: int, probabilities: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Join ids, the fold whose model spoke, and its probabilities, float32 (n, n_classes)."""
    table = pd.DataFrame(probabilities, columns=name_columns(probabilities.shape[1]))
    table.insert(0, "image_id", image_ids.to_numpy())
    table.insert(1, "fold", np.int64(fold))
    return table


def to_matrix(table: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Return the probabilities alone, float32 (n, n_classes)."""
    columns = [column for column in table.columns if column.startswith("p_")]
    return table[columns].to_numpy(np.float32)
