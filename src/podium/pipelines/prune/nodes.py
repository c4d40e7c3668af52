"""List what nobody needs any more, and delete it when asked."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from podium.byte_counts import describe_bytes
from podium.disk.config import DiskConfig
from podium.disk.removal import remove
from podium.disk.superseded import Superseded
from podium.errors import InputError
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.prune.config import PruneConfig
from podium.pipelines.prune.places import find_places, find_wanted, list_all
from podium.pipelines.survey.config import SurveyConfig
from podium.pipelines.training.config import TrainingConfig

logger = logging.getLogger(__name__)

COLUMNS = list(Superseded._fields)
_N_TOLD = 30


def list_superseded(
    competition: str,
    competitions: dict[str, Any],
    recipes: dict[str, Any],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    ingestion: IngestionConfig,
    survey: SurveyConfig,
    training: TrainingConfig,
    disk: DiskConfig,
    prune: PruneConfig,
) -> pd.DataFrame:
    """List what may go of one competition, and tell it line by line; nothing is deleted.

    Args:
        competition: Its name; nothing of another one is looked at.
        competitions: All of them, for the organisers' folder.
        recipes: All recipes of this configuration: what none of them wants may go.
        images: image_id, subset, label and sha256 of every image; no rows when none was ever ingested.
        folds: image_id and fold; no rows when there is no split yet.
        ingestion, survey, training, disk: Where files lie.
        prune: The rules' numbers.

    Returns:
        rule, path, n_bytes (that it frees) and reason.

    Raises:
        InputError: The ledger cannot be read, so that nobody knows which versions it needs.
    """
    places = find_places(competition, competitions[competition]["root"], disk.data_root, ingestion, survey, training)
    found = list_all(places, find_wanted(recipes, images, folds), prune)
    _tell(found)
    return tabulate(found)


def delete_superseded(superseded: pd.DataFrame, images: pd.DataFrame, prune: PruneConfig) -> pd.DataFrame:
    """Delete what was listed, if ``prune.delete`` says so; what cannot be deleted is told, and the rest goes.

    Args:
        superseded: rule, path, n_bytes, reason.
        images: sha256 of every image, which stays in stores and surveys.
        prune: Whether to delete.

    Returns:
        The same with is_deleted.
    """
    items = [Superseded(row.rule, Path(row.path), row.n_bytes, row.reason) for row in superseded.itertuples()]
    if not prune.delete:
        if items:
            logger.info("nothing was deleted; the same command with --params prune.delete=true does so")
        return superseded.assign(is_deleted=False)
    is_deleted = [delete(item, images) for item in items]
    freed = sum(item.n_bytes for item, done in zip(items, is_deleted, strict=True) if done)
    logger.info("deleted %d of %d, %s", sum(is_deleted), len(items), describe_bytes(freed))
    return superseded.assign(is_deleted=pd.Series(is_deleted, index=superseded.index, dtype="bool"))


def delete(item: Superseded, images: pd.DataFrame) -> bool:
    """Delete one item, and say whether that worked."""
    contents = frozenset(images["sha256"]) if len(images) else frozenset()
    try:
        remove(item, contents)
    except (OSError, InputError) as error:
        logger.warning("%s stays: %s", item.path, " ".join(str(error).split()))
        return False
    return True


def tabulate(items: Sequence[Superseded]) -> pd.DataFrame:
    """Make the table of what may go."""
    rows = [item._replace(path=item.path.as_posix()) for item in items]  # type: ignore[arg-type]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_bytes": "int64"})


def _tell(items: Sequence[Superseded]) -> None:
    """Name the largest, and add all up; also on a full disk, where the table itself cannot be written."""
    if not items:
        logger.info("nothing is superseded")
        return
    for item in sorted(items, key=lambda item: -item.n_bytes)[:_N_TOLD]:
        logger.info("%9s  %s: %s", describe_bytes(item.n_bytes), item.path, item.reason)
    if len(items) > _N_TOLD:
        logger.info("and %d more", len(items) - _N_TOLD)
    logger.info("%s", summarize(items))


def summarize(items: Sequence[Superseded]) -> str:
    """Add up by rule: ``3.2 GB may go: 2.1 GB checkpoints, 1.1 GB image stores``."""
    sums: dict[str, int] = {}
    for item in items:
        sums[item.rule] = sums.get(item.rule, 0) + item.n_bytes
    ordered = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))
    parts = ", ".join(f"{describe_bytes(n_bytes)} {rule.replace('_', ' ')}" for rule, n_bytes in ordered)
    return f"{describe_bytes(sum(sums.values()))} may go: {parts}"
