"""The page on which teammates' answers are looked at, image by image."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.browser import AttributeOfClasses, Gallery, Section, choose_size, shrink_thumbnails
from podium.class_parts import WHOLE, list_parts
from podium.errors import InputError
from podium.pages import render_page
from podium.pipelines.compare.config import OWN_NAME
from podium.teammates.answers import Answers
from podium.teammates.votes import KINDS

logger = logging.getLogger(__name__)

_TEMPLATE = Path(__file__).with_name("page.html")


def make_gallery(
    answers: Sequence[Answers],
    votes: pd.DataFrame,
    agreement: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: Mapping[str, Mapping[str, Any]],
    pictures: Sequence[bytes],
    shown: tuple[str, str],
) -> Gallery:
    """Show teammates as members, and votes beside them; images on which teammates differ most come first.

    Args:
        answers: One entry a teammate, in the order of ``votes``.
        votes: image_id, the organisers' id, and the class of each vote; ``''`` where there was none.
        agreement: first, second, n_images, agreement, kappa.
        classes: label, class_name and the value of each attribute.
        attributes: Of the classes; see ingestion.
        pictures: Thumbnails in the order of ``votes``; ``b''`` where there is none.
        shown: The competition, and the vote that is submitted.
    """
    competition, submitted = shown
    parts = list_parts(classes, attributes)
    names = [one.name for one in answers]
    voted = {
        name_vote(kind, names): spread_vote(votes[kind], parts[0].values) for kind in KINDS if votes[kind].ne("").all()
    }
    main, reference = choose_opposites(names, name_vote(submitted, names))
    members = {one.name: spread_answers(one, len(classes)) for one in answers} | voted
    images = pd.DataFrame({"image_id": votes["image_id"].astype("str"), "subset": "test", "original": ""})
    return Gallery(
        title=f"{competition}: answers of teammates",
        competition=competition,
        class_names=parts[0].values,
        attributes={
            part.attribute: AttributeOfClasses(part.values, part.of_class.tolist())
            for part in parts
            if part.attribute != WHOLE
        },
        images=images.assign(
            **{name: pd.array([None] * len(images), dtype="Int64") for name in ("label", "fold", "suggested")},
            group_id=None,
            suspicion=np.nan,
        ),
        members=members,
        main=main,
        thumbnails=pictures,
        sections=[Section("Agreement", "agreement", write_agreement(answers, votes, agreement, list(voted)))],
        class_only=[one.name for one in answers if one.probabilities is None] + list(voted),
        voters=names,
        reference=reference,
    )


def choose_opposites(names: Sequence[str], submitted: str) -> tuple[str, str]:
    """Choose who is held against whom when the page opens; nobody here has the truth.

    The submitted vote against the own blend; without one, the first teammate against the vote.

    Args:
        names: Of the teammates, and of the own blend where it takes part.
        submitted: Name of the vote.

    Returns:
        Who predicts, and who is the reference.
    """
    return (submitted, OWN_NAME) if OWN_NAME in names else (names[0], submitted)


def name_vote(kind: str, names: Sequence[str]) -> str:
    """Name a vote so that no teammate is called the same."""
    name = f"{kind} vote"
    while name in names:
        name = f"the {name}"
    return name


def spread_answers(answers: Answers, n_classes: int) -> npt.NDArray[np.float32]:
    """Return probabilities, float32 (n_images, n_classes); of classes alone, a 1 among zeros."""
    if answers.probabilities is not None:
        return answers.probabilities
    return np.eye(n_classes, dtype=np.float32)[answers.labels]


def spread_vote(classes_voted: pd.Series, class_names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return a 1 among zeros for the class of each image, float32 (n_images, n_classes)."""
    labels = pd.Index(class_names).get_indexer(pd.Index(classes_voted))
    return np.eye(len(class_names), dtype=np.float32)[labels]


def find_pictures(image_ids: pd.Series, images: pd.DataFrame, survey: Mapping[str, Any]) -> list[bytes]:
    """Return a thumbnail for each image, where the survey knows it: people who have only the tables still compare.

    Args:
        image_ids: In the order in which thumbnails are wanted.
        images: image_id and sha256; it lacks images that could not be read.
        survey: ``folder``, or nothing when no survey was made.
    """
    from podium.survey import Survey

    contents = image_ids.map(images.set_index("image_id")["sha256"])
    is_known = contents.notna().to_numpy()
    pictures = np.full(len(image_ids), b"", dtype=object)
    hint = "so the page shows no pictures; kedro run --pipeline survey makes thumbnails of them"
    if not survey:
        logger.info("no survey was made, %s", hint)
        return pictures.tolist()
    try:
        found = Survey(Path(survey["folder"])).read_thumbnails(contents[is_known].tolist())
    except InputError as error:
        logger.warning("the survey does not fit these images (%s), %s", error.cases[0], hint)
        return pictures.tolist()
    pictures[is_known] = np.array([*shrink_thumbnails(found, choose_size(len(found), None)), b""], dtype=object)[:-1]
    return pictures.tolist()


def write_agreement(
    answers: Sequence[Answers], votes: pd.DataFrame, agreement: pd.DataFrame, voted: Sequence[str]
) -> str:
    """Write the section on who agrees with whom; its numbers of images open these images.

    Args:
        answers: One entry a teammate.
        votes: One row an image.
        agreement: first, second, n_images, agreement, kappa.
        voted: Names of the votes.
    """
    labels = np.stack([one.labels for one in answers])
    pairs = [
        {**row, "n_different": round(row["n_images"] * (1 - row["agreement"]))}
        for row in agreement.sort_values(["agreement", "first", "second"]).to_dict("records")
    ]
    return render_page(
        _TEMPLATE,
        {"percent": lambda share: f"{share:.1%}", "number": lambda value: "–" if np.isnan(value) else f"{value:.3f}"},
        pairs=pairs,
        n_images=len(votes),
        n_contested=int((labels != labels[0]).any(axis=0).sum()),
        teammates=[
            {"name": one.name, "kind": "classes" if one.probabilities is None else "probabilities"} for one in answers
        ],
        votes=voted,
    )
