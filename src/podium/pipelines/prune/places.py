"""Where the files of a competition lie, and what of them is wanted."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from podium.disk.superseded import (
    Superseded,
    Wanted,
    find_stores_in_use,
    list_checkpoints,
    list_image_stores,
    list_partial,
    list_survey_rows,
)
from podium.disk.versions import find_best_versions, list_old_versions
from podium.errors import InputError
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.ledger.rows import read_rows
from podium.pipelines.prune.config import PruneConfig
from podium.pipelines.selection.nodes import select_recipe
from podium.pipelines.survey.config import SurveyConfig
from podium.pipelines.survey.nodes import find_survey
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import digest_present, digest_recipe

logger = logging.getLogger(__name__)

INTERMEDIATE, PRIMARY, MODEL_INPUT = "02_intermediate", "03_primary", "05_model_input"
MODELS, MODEL_OUTPUT, REPORTING = "06_models", "07_model_output", "08_reporting"
STAGES = (INTERMEDIATE, PRIMARY, MODEL_INPUT, MODELS, MODEL_OUTPUT, REPORTING)
"""Folders below ``data_root`` that have one of each competition; of the organisers' files nothing is ever deleted."""


@dataclass(frozen=True)
class Places:
    """Folders of one competition.

    Attributes:
        stages: By the name of the stage.
        store_dir: Of image stores; None where other competitions may have theirs there, too.
        survey: Of the survey.
        checkpoint_dir: Of checkpoints; None as for ``store_dir``.
        root: The organisers' files.
    """

    stages: Mapping[str, Path]
    store_dir: Path | None
    survey: Path
    checkpoint_dir: Path | None
    root: Path


def find_places(
    competition: str,
    root: str,
    data_root: Path,
    ingestion: IngestionConfig,
    survey: SurveyConfig,
    training: TrainingConfig,
) -> Places:
    """Name the folders of a competition; one without its name in the path may belong to several, and is left alone."""
    return Places(
        stages={stage: data_root / stage / competition for stage in STAGES},
        store_dir=ingestion.store_dir if competition in ingestion.store_dir.parts else None,
        survey=find_survey(competition, ingestion, survey),
        checkpoint_dir=training.checkpoint_dir if competition in training.checkpoint_dir.parts else None,
        root=Path(root),
    )


def find_wanted(recipes: dict[str, Any], images: pd.DataFrame, folds: pd.DataFrame) -> Wanted:
    """Say what the configuration and the tables ask for now.

    Args:
        recipes: All of them, as written.
        images: The competition's images as they were ingested last; no rows when they never were.
        folds: The present split; no rows when there is none.
    """
    resolved = [select_recipe(name, recipes) for name in recipes]
    return Wanted(
        recipe_digests={recipe.name: digest_recipe(recipe) for recipe in resolved},
        present=digest_present(images, folds) if len(images) and len(folds) else None,
        preparations=_name_preparations(resolved),
        contents=frozenset(images["sha256"]) if len(images) else None,
    )


def _name_preparations(recipes: list[Any]) -> frozenset[str] | None:
    """Name the ways in which recipes want pictures; None where that of one cannot be told."""
    from podium.vision.backbones import describe_input

    try:
        return frozenset(describe_input(recipe).preparation for recipe in recipes)
    except InputError as error:
        logger.warning("image stores are left alone, since a recipe cannot be read: %s", "; ".join(error.cases))
        return None


def list_all(places: Places, wanted: Wanted, prune: PruneConfig) -> list[Superseded]:
    """Apply every rule, and list what may go, nothing twice.

    Raises:
        InputError: The ledger cannot be read, so that nobody knows which versions it needs.
    """
    before = time.time() - 3600 * prune.min_age_hours
    output, reporting = places.stages[MODEL_OUTPUT], places.stages[REPORTING]
    extra = [place for place in (places.store_dir, places.checkpoint_dir, places.survey) if place is not None]
    found = [*list_partial(_drop_inner([*places.stages.values(), *extra]), before)]
    in_use: set[str] = set()
    if places.checkpoint_dir is not None:
        in_use = find_stores_in_use(places.checkpoint_dir, before)
        found += list_checkpoints(places.checkpoint_dir, output / "members", wanted, before)
    if places.root.is_dir():  # without the organisers' files nothing could be decoded again
        found += [] if places.store_dir is None else list_image_stores(places.store_dir, wanted, in_use, before)
        found += list_survey_rows(places.survey, wanted, before)
    precious = {*find_best_versions(reporting), *read_rows(reporting / "ledger.csv")["submission"]}
    found += list_old_versions(list(places.stages.values()), prune.keep_versions, precious)
    return found


def _drop_inner(folders: list[Path]) -> list[Path]:
    """Leave out folders that lie in others of the list."""
    whole = {folder.absolute() for folder in folders}
    return sorted(folder for folder in whole if not any(parent in whole for parent in folder.parents))
