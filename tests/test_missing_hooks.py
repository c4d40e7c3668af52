"""Who runs a pipeline too early reads which one comes first."""

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from podium.cli import describe_error
from podium.missing_hooks import MissingHooks, name_missing


def join(*tables: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(tables)


MAKE = Node(lambda: None, None, "targets", name="make")
REPORT = Pipeline([Node(join, ["images", "targets", "다른"], "report", name="report")])
KNOWN = {
    "__default__": Pipeline([MAKE, *REPORT.nodes]),
    "labels": Pipeline([MAKE]),
    "share": Pipeline([Node(lambda: None, None, "images", name="share")]),
}


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    entry = {"type": "pandas.ParquetDataset", "versioned": True}
    made = {name: {**entry, "filepath": f"{tmp_path}/{name}.parquet"} for name in ("images", "targets", "다른")}
    return DataCatalog.from_config({**made, "report": {"type": "MemoryDataset"}})


def test_each_missing_table_is_named_with_the_shortest_pipeline_that_makes_it(catalog: DataCatalog) -> None:
    assert list(name_missing(REPORT, catalog, KNOWN)) == [
        "images is not there yet: kedro run --pipeline share makes it",
        "targets is not there yet: kedro run --pipeline labels makes it",
    ]
    catalog.save("images", pd.DataFrame({"a": [1]}))
    assert [line.split()[0] for line in name_missing(REPORT, catalog, KNOWN)] == ["targets"]


def test_error_of_a_run_that_came_too_early_ends_with_what_to_run_first(
    catalog: DataCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.missing_hooks.pipelines", KNOWN)
    catalog.save("images", pd.DataFrame({"a": [1]}))
    with pytest.raises(DatasetError) as caught:
        SequentialRunner().run(REPORT, catalog)
    MissingHooks().on_pipeline_error(caught.value, REPORT, catalog)
    message = describe_error(caught.value)
    assert message is not None
    assert message.startswith("Did not find any versions for ")
    assert message.endswith("\n  - targets is not there yet: kedro run --pipeline labels makes it")


def test_other_errors_are_left_alone(catalog: DataCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.missing_hooks.pipelines", KNOWN)
    error = ValueError("of a node")
    MissingHooks().on_pipeline_error(error, REPORT, catalog)
    assert not hasattr(error, "__notes__")
