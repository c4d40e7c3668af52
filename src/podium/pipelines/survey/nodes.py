"""Look once at every picture, whatever the recipe."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from podium.competitions.config import Competition
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.survey.config import SurveyConfig
from podium.safe_names import make_safe_name


def survey_images(
    images: pd.DataFrame,
    competition: Competition,
    competition_name: str,
    ingestion: IngestionConfig,
    survey: SurveyConfig,
) -> dict[str, Any]:
    """Bring the survey up to date: only contents that it does not know are opened.

    Writes below the survey's folder, part by part, so that a run that is killed goes on where it was.

    Args:
        images: path and sha256 of every image, training and test.
        competition: Its root is where the paths begin.
        competition_name: Names its folder below that of surveys, since what one competition has no use for is dropped.
        ingestion: The limit of pixels and the number of threads, as for the first reading.
        survey: Where surveys lie.

    Returns:
        folder of the survey, how many images were looked at (n_measured), and how many were known (n_reused); images of
        equal bytes count once.

    Raises:
        InputError: Files have changed since ingestion, or cannot be read any more; all are listed.
    """
    from podium.survey import fill_survey

    folder = find_survey(competition_name, ingestion, survey)
    filled = fill_survey(
        folder=folder,
        root=Path(competition.root),
        paths=dict(zip(images["sha256"], images["path"], strict=True)),
        max_pixels=ingestion.max_pixels,
        n_jobs=ingestion.n_jobs or os.cpu_count() or 1,
        progress=True,
    )
    return {"folder": folder.as_posix(), "n_measured": filled.n_measured, "n_reused": filled.n_reused}


def find_survey(competition_name: str, ingestion: IngestionConfig, survey: SurveyConfig) -> Path:
    """Say in which folder the survey of a competition lies."""
    if survey.folder is None:
        return ingestion.store_dir.with_name("survey")
    return survey.folder / make_safe_name(competition_name)
