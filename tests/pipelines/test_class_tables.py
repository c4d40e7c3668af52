"""Tables of classes come back from CSV files as they were saved, whatever the classes are called."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import AbstractDataset

CATALOG = Path(__file__).parents[2] / "conf" / "base" / "catalog"
NAMES = ["001", "NA", "1e5", "", "True", "nan", "2026-01-31", '남, "여"']
TEXT: dict[str, list[str]] = {
    "report_scores": ["member", "kind", "attribute"],
    "report_class_scores": ["member", "kind", "attribute", "value"],
    "label_suspects": ["image_id", "class_name", "suggested_class"],
    "contested_test_images": ["image_id", "answer", "vote_001"],
    "configuration_differences": ["leaf", "default", "001"],
    "agreement": ["first", "second"],
    "votes": ["image_id", "ID", "hard", "weighted", "soft"],
    "contested_images": ["image_id", "ID", "vote_001", "hard_vote"],
    "class_scores": ["class_name"],
    "worst_images": ["image_id", "true_class", "predicted_class"],
}
NUMBERS = {
    "report_scores": ["macro_f1", "behind"],
    "report_class_scores": ["precision", "label"],
    "label_suspects": ["suspicion", "rank"],
    "agreement": ["agreement", "kappa"],
    "class_scores": ["f1", "n_images"],
    "worst_images": ["true_probability", "fold"],
}
WRITTEN_ONLY = {"shared_folds"}  # for teammates, who read it with tools of their own


def list_tables() -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for name in ("report", "compare", "evaluation"):
        entries |= yaml.safe_load((CATALOG / f"{name}.yml").read_text(encoding="utf-8"))
    return {name: entry for name, entry in entries.items() if entry["type"] == "pandas.CSVDataset"}


def test_every_table_is_tried() -> None:
    assert set(list_tables()) == set(TEXT) | WRITTEN_ONLY


@pytest.mark.parametrize("name", sorted(TEXT))
def test_names_of_classes_come_back_as_they_were_saved(name: str, tmp_path: Path) -> None:
    entry = list_tables()[name] | {"filepath": (tmp_path / "표.csv").as_posix(), "versioned": False}
    dataset: Any = AbstractDataset.from_config(name, entry)
    numbers = {column: np.arange(len(NAMES)) / 8 for column in NUMBERS.get(name, [])}
    table = pd.DataFrame({column: pd.Series(NAMES, dtype="str") for column in TEXT[name]} | numbers)
    dataset.save(table)
    found = dataset.load()
    for column in TEXT[name]:
        assert found[column].tolist() == NAMES, column
    for column, saved in numbers.items():
        np.testing.assert_array_equal(found[column], saved)


def test_score_that_is_missing_comes_back_missing(tmp_path: Path) -> None:
    for name, column in (("report_scores", "behind"), ("report_class_scores", "precision"), ("agreement", "kappa")):
        entry = list_tables()[name] | {"filepath": (tmp_path / f"{name}.csv").as_posix()}
        dataset: Any = AbstractDataset.from_config(name, entry)
        dataset.save(pd.DataFrame({TEXT[name][0]: ["a", "b"], column: [np.nan, 0.5]}))
        np.testing.assert_array_equal(dataset.load()[column], [np.nan, 0.5])
