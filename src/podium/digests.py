"""Short digests that name content: of tables and of plain values."""

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd

from podium.probabilities import to_matrix

N_DIGITS = 12


def digest_values(values: Any) -> str:
    """Digest plain values (what JSON can hold); the order of keys does not matter."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:N_DIGITS]


def digest_table(table: pd.DataFrame) -> str:
    """Digest a table of text and whole numbers: its columns, their order, and its rows in their order."""
    return hashlib.sha256(table.to_csv(index=False, lineterminator="\n").encode()).hexdigest()[:N_DIGITS]


def digest_probabilities(table: pd.DataFrame) -> str:
    """Digest a table of probabilities, whose numbers count to the last bit: image_id, fold and one column a class."""
    digest = hashlib.sha256(table[["image_id", "fold"]].to_csv(index=False, lineterminator="\n").encode())
    digest.update(np.ascontiguousarray(to_matrix(table), dtype="<f4").data)
    return digest.hexdigest()[:N_DIGITS]
