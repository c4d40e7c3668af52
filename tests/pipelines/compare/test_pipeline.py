"""The pipelines as they are wired, through the catalog's own entries."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from conftest import ROOT
from podium.pipelines.compare import create_pipeline, create_share_pipeline
from podium.pipelines.compare.config import CompareConfig
from podium.pipelines.splitting.config import SplittingConfig

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "NA", "새"], "target": [10, 7, 30]})
TEMPLATE = pd.DataFrame({"image_id": ["test/다", "test/001"], "ID": ["다", "001"], "ans": [0, 0]})
IMAGES = pd.DataFrame({"image_id": ["test/001", "test/다"], "sha256": ["a", "b"]})


def make_catalog(folder: Path, **values: object) -> DataCatalog:
    """Make the catalog of ``conf/base/catalog/compare.yml`` below a folder, with some values in memory."""
    text = (ROOT / "conf/base/catalog/compare.yml").read_text(encoding="utf-8")
    for name in ("_intermediate", "_model_output", "_reporting"):
        text = text.replace(f"${{{name}}}", (folder / name).as_posix())
    catalog = DataCatalog.from_config(yaml.safe_load(text))
    for name, value in values.items():
        catalog[name.replace("params_", "params:")] = MemoryDataset(value)
    return catalog


def run_compare(folder: Path, **config: object) -> DataCatalog:
    catalog = make_catalog(
        folder,
        submission_template=TEMPLATE,
        images=IMAGES,
        classes=CLASSES,
        attributes={},
        params_competition="새들",
        params_compare=CompareConfig.model_validate(config),
    )
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def test_files_of_teammates_become_tables_pictures_and_a_submission(tmp_path: Path) -> None:
    answers = tmp_path / "_model_output/teammates/answers"
    answers.mkdir(parents=True)
    (answers / "민수.csv").write_text("ID,ans\n001,7\n다,10\n", encoding="utf-8")
    (answers / "NA.csv").write_text("ID,ans\n다,10\n001,30\n", encoding="utf-8")
    (answers / "b.csv").write_text("ID,개,NA,새\n다,1,0,0\n001,0,0.9,0.1\n", encoding="utf-8")
    run_compare(tmp_path)
    (submission,) = (tmp_path / "_model_output/compare_submission.csv").glob("*/*.csv")
    assert submission.read_text(encoding="utf-8") == "ID,ans\n다,10\n001,7\n"
    contested = pd.read_csv(tmp_path / "_reporting/contested_images.csv", dtype=str, keep_default_na=False)
    assert contested.drop(columns=["entropy", "margin"]).to_dict("list") == {
        "image_id": ["test/001"], "ID": ["001"], "vote_NA": ["새"], "vote_b": ["NA"], "vote_민수": ["NA"],
        "hard_vote": ["NA"],
    }  # fmt: skip
    assert (tmp_path / "_reporting/agreement.png").stat().st_size > 5000
    assert (tmp_path / "_reporting/agreement.plotly.json").is_file()
    page = (tmp_path / "_reporting/compare.html").read_text(encoding="utf-8")
    assert "새들: answers of teammates" in page
    assert "1 images are contested" in page


def test_teammates_who_know_one_class_only_are_compared_too(tmp_path: Path) -> None:
    answers = tmp_path / "_model_output/teammates/answers"
    answers.mkdir(parents=True)
    for name in ("a", "b"):
        (answers / f"{name}.csv").write_text("ID,ans\n001,7\n다,7\n", encoding="utf-8")
    agreement = run_compare(tmp_path).load("agreement")
    assert agreement["agreement"].tolist() == [1.0]
    assert np.isnan(agreement["kappa"].to_numpy(np.float64)).all()


def test_split_is_shared_as_files_that_any_code_can_read(tmp_path: Path) -> None:
    images = pd.DataFrame(
        {"image_id": ["가", "나"], "subset": "train", "label": pd.array([1, 2], dtype="Int64"), "sha256": ["a", "b"]}
    )
    folds = pd.DataFrame({"image_id": ["가", "나"], "fold": [0, 1]})
    catalog = make_catalog(
        tmp_path, images=images, folds=folds, classes=CLASSES, params_splitting=SplittingConfig(n_folds=2)
    )
    SequentialRunner().run(create_share_pipeline(), catalog)
    shared = tmp_path / "_model_output/teammates/split"
    assert (shared / "folds.csv").read_text(
        encoding="utf-8"
    ) == "image_id,fold,label,class_name\n가,0,1,NA\n나,1,2,새\n"
    split = yaml.safe_load((shared / "split.yml").read_text(encoding="utf-8"))
    assert list(split) == ["split_digest", "content_digest", "held_out_folds", "classes"]
    assert split["classes"] == ["개", "NA", "새"]
