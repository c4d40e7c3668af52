"""What is explored can be seen in kedro-viz, and nothing that trains depends on it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.pipeline_registry import register_pipelines
from podium.pipelines.explore import create_pipeline

CATALOG = Path(__file__).parents[3] / "conf" / "base" / "catalog" / "explore.yml"
ENTRIES: dict[str, dict[str, Any]] = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
PREVIEWED = {"pandas.CSVDataset", "plotly.JSONDataset", "matplotlib.MatplotlibDataset", "json.JSONDataset"}
FOLDERS = {"class_sheets", "by_class"}


def test_catalog_holds_just_what_the_pipeline_makes() -> None:
    assert set(ENTRIES) == create_pipeline().all_outputs()


@pytest.mark.parametrize("name", sorted(set(ENTRIES) - FOLDERS))
def test_every_table_and_picture_has_a_preview(name: str) -> None:
    entry = ENTRIES[name]
    assert entry["type"] in PREVIEWED
    assert entry["metadata"]["kedro-viz"]["layer"] == "reporting"
    assert not entry.get("versioned")


def test_every_plot_has_a_picture_beside_it() -> None:
    plots = {name.removesuffix("_plot") for name in ENTRIES if name.endswith("_plot")}
    assert plots == {name.removesuffix("_picture") for name in ENTRIES if name.endswith("_picture")}


def test_it_can_be_the_first_thing_that_anybody_types() -> None:
    pipeline = register_pipelines()["explore"]
    may_be_missing = {"earlier_copy_pairs"}
    assert {name for name in pipeline.inputs() if not name.startswith("params:")} <= may_be_missing
    names = {node.name for node in pipeline.nodes}
    assert {"selection.select_competition", "ingestion.ingest_images", "survey.survey_images"} <= names
    assert not any(name.startswith("training.") for name in names)


def test_nothing_else_reads_what_it_makes() -> None:
    for name, pipeline in register_pipelines().items():
        if name != "explore":
            assert not set(ENTRIES) & pipeline.inputs(), name
