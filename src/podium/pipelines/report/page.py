"""The page itself: every image with what is said of it, below the sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from podium.browser import AttributeOfClasses, Gallery, Section
from podium.class_parts import WHOLE, Part
from podium.pipelines.report.explaining import HeatMaps
from podium.pipelines.report.members import Reported
from podium.pipelines.report.shown_images import spread_over_images


@dataclass(frozen=True)
class Shown:
    """The images of the page.

    Attributes:
        images: image_id (sorted), subset, label, fold, group_id and original.
        thumbnails: JPEG files, one an image.
        n_known: How many images the competition has, shown or not.
    """

    images: pd.DataFrame
    thumbnails: list[bytes]
    n_known: int


def make_gallery(
    competition: str,
    reported: Reported,
    shown: Shown,
    parts: Sequence[Part],
    suspects: pd.DataFrame,
    heat_maps: HeatMaps,
    sections: Sequence[Section],
) -> Gallery:
    """Bring everything into the form that the page takes.

    Args:
        competition: Its name.
        reported: Who speaks.
        shown: Of which images.
        parts: The class, then its attributes.
        suspects: image_id, suspicion and suggested_class of the images whose labels are suspected.
        heat_maps: Of some of the images.
        sections: What is read before.
    """
    classes = parts[0].values
    doubts = suspects.set_index("image_id").reindex(shown.images["image_id"])
    suggested = doubts["suggested_class"].map({name: label for label, name in enumerate(classes)})
    images = shown.images.assign(
        suspicion=doubts["suspicion"].astype("float64").to_numpy(), suggested=suggested.astype("Int64").array
    )
    told = f"what speaks for the predicted class in {heat_maps.member} (Grad-CAM)"
    rows = {image_id: row for row, image_id in enumerate(images["image_id"])}
    return Gallery(
        title=f"{competition}: report",
        competition=competition,
        class_names=classes,
        attributes={
            part.attribute: AttributeOfClasses(part.values, [int(value) for value in part.of_class])
            for part in parts
            if part.attribute != WHOLE
        },
        images=images,
        members={name: spread_over_images(reported, name, images["image_id"]) for name in reported.speakers},
        main=reported.main,
        thumbnails=shown.thumbnails,
        heat_maps={rows[name]: heat_map for name, heat_map in heat_maps.maps.items() if name in rows},
        sections=sections,
        voters=reported.order,
        n_images_known=shown.n_known,
        content=reported.members.content_digest,
        heat_map_title=told if heat_maps.maps else "",
    )


def count_facts(reported: Reported, images: pd.DataFrame, n_shown: int, n_classes: int) -> dict[str, str]:
    """Say in a few lines what the page is about.

    Args:
        reported: Members and digests.
        images: All of the competition: subset.
        n_shown: How many of them the page shows.
        n_classes: Number of classes.
    """
    n_train, n_test = (int((images["subset"] == subset).sum()) for subset in ("train", "test"))
    members, n_scored = reported.members, len(reported.labels)
    scored = "each of them held out once" if n_scored == n_train else f"{n_scored} of them held out"
    folds, n_groups = np.unique(members.images["fold"]), len(np.unique(members.groups))
    facts = {
        "images": f"{n_train} to train on, {scored}; {n_test or 'none'} to predict",
        "classes": str(n_classes),
        "members": f"{len(reported.order)}: {', '.join(reported.order)}",
        "split": f"{len(folds)} held-out fold{'' if len(folds) == 1 else 's'}, {n_groups} groups of images; digest "
        f"{members.split_digest}",
        "content": f"digest {members.content_digest}",
    }
    if n_shown < len(images):
        facts["images on this page"] = (
            f"{n_shown} of {len(images)} (report.max_images): first the training images that went wrong or whose "
            "labels are suspected, then of the other training and test images the least certain ones, in proportion "
            "to their numbers"
        )
    return facts


def describe_labels(label_version: Mapping[str, Any]) -> str:
    """Say whose labels the page is about; see ``label_version`` of ingestion."""
    version = str(label_version["version"])
    counts = [
        f"{label_version[key]} {word}"
        for key, word in (("n_relabelled", "relabelled"), ("n_excluded", "excluded"))
        if label_version.get(key)
    ]
    return f"version {version}{': ' if counts else ''}{', '.join(counts)}"


def describe_missing(missing_originals: Sequence[str]) -> list[str]:
    """Say in a sentence which organisers' files are gone, if any are."""
    if not missing_originals:
        return []
    n = len(missing_originals)
    told = "Run ingestion again, or put them back."
    return [f"The organisers' files of {n} training images are gone, such as {missing_originals[0]}. {told}"]


def describe_proof(leak_proof: Mapping[str, Any], present: Mapping[str, str]) -> str:
    """Say whether scores can be trusted: what the leak proof found, if training would take it.

    Args:
        leak_proof: Of the leaks pipeline; empty as long as nobody proved anything.
        present: The digests that it has to carry; see :func:`podium.pipelines.leaks.nodes.digest_proven`.
    """
    if any(leak_proof.get(key) != value for key, value in present.items()):
        return "not proven for this split, these images and groups, and these settings; kedro run --pipeline leaks does"
    n_leaks, n_conflicts = int(leak_proof["n_leaks"]), int(leak_proof["n_conflicts"])
    found = f"{n_leaks} in this split, so its scores are flattered" if n_leaks else "none in this split"
    told = f"; {n_conflicts} copies have labels that contradict each other (label_conflicts.csv)"
    return found + (told if n_conflicts else "")
