"""Choose what to pack, and put the packed folder into MLflow's registry."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from podium.datasets.last_ensemble import LastEnsemble
from podium.datasets.trained_members import TrainedMembers
from podium.errors import InputError, suggest
from podium.git_state import describe_commit
from podium.packing.contents import Contents, PackedClass, find_contents, read_contents
from podium.pipelines.evaluation.scoring import score_probabilities
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.register.config import ENSEMBLE, RegistryConfig
from podium.pipelines.register.members import pack_members
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_present

logger = logging.getLogger(__name__)

Attributes = dict[str, dict[str, Any]]


def pack_model(
    trained_members: TrainedMembers,
    last_ensemble: LastEnsemble | None,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: Attributes,
    competition: str,
    splitting: SplittingConfig,
    ingestion: IngestionConfig,
    registry: RegistryConfig,
) -> Contents:
    """Find the networks, weights and decision of the ensemble, or of one member; the dataset makes a folder of them.

    Args:
        trained_members: Where tables and weights are.
        last_ensemble: If there is one.
        images, folds, targets, classes, attributes: Of the present competition and split.
        competition: Its name.
        splitting: Which folds are held out, and so averaged on test images.
        ingestion: Up to how many pixels a picture is read.
        registry: What to pack.

    Raises:
        InputError: There is no such ensemble or member, it was made for other images or another split or by half, or
            weights of it are missing; all of these are listed.
    """
    from podium.pipelines.training.folds import number_values

    present = digest_present(images, folds)
    is_ensemble = registry.what == ENSEMBLE
    if is_ensemble:
        weights, decision, oof, about = _describe_ensemble(last_ensemble, present)
    else:
        weights, decision, oof, about = _describe_member(registry.what, trained_members, splitting, present)
    values = {name: numbers.tolist() for name, numbers in number_values(classes, attributes).items()}
    scores = score_probabilities(oof, targets, classes, attributes)
    told = {f"oof_{key}": f"{scores[key]:.6f}" for key in ("macro_f1", "accuracy", "log_loss")}
    return Contents(
        competition=competition,
        what=registry.what,
        members=pack_members(weights, trained_members, splitting.held_out_folds, values),
        folds=tuple(splitting.held_out_folds),
        classes=tuple(
            PackedClass(int(label), str(name), target if isinstance(target, str) else int(target))
            for label, name, target in classes[["label", "class_name", "target"]].itertuples(index=False)
        ),
        temperature=float(decision["temperature"]),
        offsets=tuple(decision["offsets"]),
        max_pixels=ingestion.max_pixels,
        about={**present, **about, **told, "commit": describe_commit(Path.cwd())},
    )


def register_model(packed_model: Path, registry: RegistryConfig) -> dict[str, Any]:
    """Put the packed folder into the registry, as a new version, and move the alias to it.

    Args:
        packed_model: The folder.
        registry: Name and alias.

    Returns:
        name, version, alias, what, run_id and uri (``models:/<name>/<version>``).

    Raises:
        InputError: No run is tracked, as while the tracking server is away.
    """
    from podium.packing.registering import register_folder
    from podium.tracking import find_run_id

    run_id = find_run_id()
    if run_id is None:
        raise InputError(
            "There is no registry:",
            [f"the tracking server does not answer; {packed_model} is packed and serves without one"],
        )
    contents = read_contents(find_contents(packed_model))
    name = registry.name or contents.competition
    tags = {"what": contents.what, **contents.about}
    version = register_folder(packed_model, run_id, name, registry.alias, tags)
    logger.info("registered %s as version %s of %s, alias %s", contents.what, version, name, registry.alias)
    return {
        "name": name,
        "version": version,
        "alias": registry.alias,
        "what": contents.what,
        "run_id": run_id,
        "uri": f"models:/{name}/{version}",
    }


def _describe_ensemble(
    ensemble: LastEnsemble | None, present: dict[str, str]
) -> tuple[dict[str, float], dict[str, Any], pd.DataFrame, dict[str, str]]:
    """Return the ensemble's weights by member, its decision, its nested table out of fold, and facts about it."""
    if ensemble is None:
        raise InputError("There is no ensemble to register:", ["kedro run --pipeline ensemble makes one"])
    others = [
        f"{key}: {ensemble.digests.get(key)}, not {value}; kedro run --pipeline ensemble makes a new one"
        for key, value in present.items()
        if ensemble.digests.get(key) != value
    ]
    if others:
        raise InputError("The last ensemble was made for other images or another split:", others)
    if not ensemble.is_of_one_run:
        told = (
            "its nested table is not of the run that wrote its weights; kedro run --pipeline ensemble makes a new one"
        )
        raise InputError("The last ensemble was stopped halfway:", [told])
    weights = dict(zip(ensemble.weights["member"], ensemble.weights["weight"].astype(float), strict=True))
    members = ", ".join(f"{name} ({weight:.3f})" for name, weight in weights.items())
    about = {"weights_digest": ensemble.digests["weights_digest"], "made": ensemble.version, "members": members}
    return weights, ensemble.decision, ensemble.nested_oof, about


def _describe_member(
    name: str, trained: TrainedMembers, splitting: SplittingConfig, present: dict[str, str]
) -> tuple[dict[str, float], dict[str, Any], pd.DataFrame, dict[str, str]]:
    """Return the same of a single member, whose most probable class is its answer."""
    partitions = [f"{name}/fold_{fold}" for fold in splitting.held_out_folds]
    missing = [partition for partition in partitions if partition not in trained.oof]
    if missing:
        known = sorted({partition.rsplit("/", 1)[0] for partition in trained.oof})
        told = "was never finished" if name in known else suggest(name, [ENSEMBLE, *known])
        raise InputError("There is no such model to register:", [f"registry.what: '{name}'; {told}"])
    tables = [trained.oof[partition]() for partition in partitions]
    others = [
        f"{key}: {tables[0].attrs.get(key)}, not {value}; train its recipe again"
        for key, value in present.items()
        if tables[0].attrs.get(key) != value
    ]
    if others:
        raise InputError(f"The member {name} was made for other images or another split:", others)
    return {name: 1.0}, {"temperature": 1.0, "offsets": []}, pd.concat(tables), {"members": name}
