import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from podium.competitions.config import IdTarget
from podium.errors import InputError
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.survey.config import SurveyConfig
from podium.pipelines.survey.nodes import survey_images
from podium.survey import Survey


@pytest.fixture
def competition(tmp_path: Path) -> IdTarget:
    return IdTarget(format="id_target", root=tmp_path / "대회")


@pytest.fixture
def images(competition: IdTarget) -> pd.DataFrame:
    """Three pictures, the third a copy of the first under another name."""
    rows = []
    Path(competition.root).mkdir()
    for name, seed in (("가.png", 0), ("나.png", 1), ("다.png", 0)):
        path = Path(competition.root) / name
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
        rows.append((name, name, hashlib.sha256(path.read_bytes()).hexdigest()))
    return pd.DataFrame(rows, columns=["image_id", "path", "sha256"])


@pytest.fixture
def ingestion(tmp_path: Path) -> IngestionConfig:
    return IngestionConfig(store_dir=tmp_path / "중간" / "image_store", n_jobs=1)


def test_survey_lies_beside_the_image_stores_and_copies_count_once(
    images: pd.DataFrame, competition: IdTarget, ingestion: IngestionConfig, tmp_path: Path
) -> None:
    first = survey_images(images, competition, "얼굴", ingestion, SurveyConfig())
    assert first == {"folder": (tmp_path / "중간/survey").as_posix(), "n_measured": 2, "n_reused": 0}
    second = survey_images(images, competition, "얼굴", ingestion, SurveyConfig())
    assert (second["n_measured"], second["n_reused"]) == (0, 2)
    brightness = Survey(Path(first["folder"])).read_properties(images["sha256"].tolist())["brightness"]
    assert brightness[0] == brightness[2] != brightness[1]


def test_each_competition_has_a_survey_of_its_own_where_surveys_are_wanted(
    images: pd.DataFrame, competition: IdTarget, ingestion: IngestionConfig, tmp_path: Path
) -> None:
    wanted = SurveyConfig(folder=tmp_path / "다른 곳")
    found = survey_images(images, competition, "얼굴", ingestion, wanted)
    assert Survey(Path(found["folder"])).folder == tmp_path / "다른 곳" / "얼굴"
    other = survey_images(images[:1].assign(sha256=images["sha256"][0]), competition, "../문서", ingestion, wanted)
    assert Path(other["folder"]).parent == tmp_path / "다른 곳"
    assert survey_images(images, competition, "얼굴", ingestion, wanted)["n_measured"] == 0, "the other took none away"


def test_file_that_changed_since_ingestion_is_named(
    images: pd.DataFrame, competition: IdTarget, ingestion: IngestionConfig
) -> None:
    (Path(competition.root) / "나.png").write_bytes(b"other")
    with pytest.raises(InputError, match="run ingestion again") as error:
        survey_images(images, competition, "얼굴", ingestion, SurveyConfig())
    assert [case.split(":")[0] for case in error.value.cases] == ["나.png"]
