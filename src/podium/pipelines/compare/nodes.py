"""Check what teammates handed over, compare it, and let it vote."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from podium.errors import InputError
from podium.pipelines.compare.config import OWN_NAME, CompareConfig
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.submission.nodes import check_submission
from podium.pipelines.training.member import digest_present
from podium.probabilities import to_matrix
from podium.teammates.agreement import compare_pairs, list_contested
from podium.teammates.answers import Answers, read_answers
from podium.teammates.tables import to_name
from podium.teammates.votes import KINDS, cast_votes, order_weights

logger = logging.getLogger(__name__)


def check_answers(
    teammate_answers: Path,
    own_probabilities: pd.DataFrame,
    submission_template: pd.DataFrame,
    classes: pd.DataFrame,
    compare: CompareConfig,
) -> list[Answers]:
    """Read what teammates handed over, and check it against the sample submission.

    Args:
        teammate_answers: The folder.
        own_probabilities: The last blend of this project: image_id and one column a class; no rows without one.
        submission_template: image_id, then the organisers' columns.
        classes: label, class_name, target.
        compare: Whether the own blend takes part.

    Returns:
        One entry a teammate, sorted by name, in the template's order of images.

    Raises:
        InputError: A file is wrong, every fault being listed; there is nothing to compare; or there is no test part.
    """
    if submission_template.empty:
        raise InputError("There is nothing to compare:", ["this competition has no test part, so nobody answers it"])
    answers = read_answers(teammate_answers, submission_template, classes)
    if not answers:
        hint = "put <name>.csv or <name>.parquet there, one a teammate; docs/how-to/work-with-teammates.md has the form"
        raise InputError("There is nothing to compare:", [f"{teammate_answers}: holds no answers; {hint}"])
    if compare.include_own:
        answers += _find_own(own_probabilities, submission_template, classes)
    names = [one.name for one in answers]
    if names.count(OWN_NAME) > 1:
        raise InputError(
            f"{teammate_answers}: a teammate's file has a name that is taken:",
            [f"{OWN_NAME}: is what the own ensemble is called; rename the file, or set compare.include_own: false"],
        )
    logger.info("comparing %d answers to %d images: %s", len(names), len(submission_template), ", ".join(sorted(names)))
    return sorted(answers, key=lambda one: one.name)


def _find_own(own: pd.DataFrame, template: pd.DataFrame, classes: pd.DataFrame) -> list[Answers]:
    """Take the own blend for a teammate's answers, if there is one that fits."""
    if own.empty:
        logger.info("there is no ensemble yet, so %s takes no part", OWN_NAME)
        return []
    rows = pd.Index(own["image_id"]).get_indexer(pd.Index(template["image_id"]))
    chances = to_matrix(own)
    if (rows < 0).any() or chances.shape[1] != len(classes):
        logger.warning(
            "the last ensemble has no answer to %d of %d test images, so %s takes no part",
            (rows < 0).sum(), len(rows), OWN_NAME,
        )  # fmt: skip
        return []
    return [Answers(OWN_NAME, chances[rows].argmax(axis=1).astype(np.int64), chances[rows])]


def measure_agreement(answers: list[Answers], classes: pd.DataFrame) -> pd.DataFrame:
    """Compare every two teammates.

    Returns:
        One row a pair: first, second, n_images, agreement (share of images with the same class), kappa.
    """
    agreement = compare_pairs(answers, len(classes))
    for row in agreement.itertuples():
        logger.info("%s and %s agree on %.1f %%, kappa %.3f", row.first, row.second, 100 * row.agreement, row.kappa)
    return agreement


def show_agreement(answers: list[Answers], agreement: pd.DataFrame) -> dict[str, Any]:
    """Draw the agreement of all pairs, as a plot for the browser and as a picture.

    Returns:
        agreement_plot and agreement_picture.
    """
    from podium.pipelines.compare.pictures import draw_agreement, plot_agreement

    names = [one.name for one in answers]
    return {
        "agreement_plot": plot_agreement(agreement, names),
        "agreement_picture": draw_agreement(agreement, names),
    }


def vote(
    answers: list[Answers], submission_template: pd.DataFrame, classes: pd.DataFrame, compare: CompareConfig
) -> pd.DataFrame:
    """Let teammates vote on every image, in each way; see :func:`podium.teammates.votes.cast_votes`.

    Returns:
        One row a line of the template, in its order: image_id, the organisers' id, and the names of the classes that
        each way chose: hard, weighted, soft; the last is ``''`` when nobody handed over probabilities.

    Raises:
        InputError: A weight is for nobody, or nobody can take part in the chosen vote.
    """
    names = [one.name for one in answers]
    weights = order_weights(names, {to_name(name): weight for name, weight in compare.weights.items()})
    votes = cast_votes(answers, weights, len(classes), soft_includes_classes=compare.soft_includes_classes)
    if compare.vote not in votes:
        raise InputError(
            "The chosen vote is not possible:",
            [
                "compare.vote: soft takes probabilities, and nobody who has weight handed any over; choose hard or "
                "weighted, or set compare.soft_includes_classes: true"
            ],
        )
    names_of = classes.set_index("label")["class_name"]
    id_column = next(column for column in submission_template.columns if column != "image_id")
    table = submission_template[["image_id", id_column]].reset_index(drop=True)
    for kind in KINDS:
        table[kind] = names_of.loc[votes[kind]].to_numpy() if kind in votes else ""
    return table


def list_contested_images(
    answers: list[Answers], votes: pd.DataFrame, submission_template: pd.DataFrame, classes: pd.DataFrame
) -> pd.DataFrame:
    """List the images on which teammates differ, the most contested first.

    Returns:
        image_id, the organisers' id, ``vote_<name>`` of each teammate, hard_vote, entropy (in nats) and margin; see
        :func:`podium.teammates.agreement.list_contested`.
    """
    label_of = classes.set_index("class_name")["label"]
    hard_vote = label_of.loc[votes["hard"]].to_numpy(np.int64)
    contested = list_contested(answers, hard_vote, submission_template, classes)
    logger.info("%d of %d images are contested", len(contested), len(submission_template))
    return contested


def show_answers(
    answers: list[Answers],
    votes: pd.DataFrame,
    agreement: pd.DataFrame,
    images: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, Any],
    known_survey: dict[str, Any],
    compare: CompareConfig,
    competition: str,
) -> str:
    """Write the page on which every image is looked at with what each teammate says of it.

    Args:
        answers: One entry a teammate.
        votes: One row an image, in the template's order.
        agreement: One row a pair of teammates.
        images: image_id and sha256.
        classes, attributes: As ingestion wrote them.
        known_survey: Where thumbnails are; empty when no survey was made, and then the page shows ids alone.
        compare: Which vote is submitted.
        competition: Its name.

    Returns:
        One HTML file that needs nothing else.
    """
    from podium.browser import render_gallery
    from podium.pipelines.compare.page import find_pictures, make_gallery

    pictures = find_pictures(votes["image_id"], images, known_survey)
    shown = competition, compare.vote
    return render_gallery(make_gallery(answers, votes, agreement, classes, attributes, pictures, shown))


def answer_by_vote(
    votes: pd.DataFrame, submission_template: pd.DataFrame, classes: pd.DataFrame, compare: CompareConfig
) -> pd.DataFrame:
    """Write the class of the chosen vote on each line of the template, and check it like any submission.

    Returns:
        Exactly the organisers' columns, ids and order.
    """
    columns = [column for column in submission_template.columns if column != "image_id"]
    target_of = classes.set_index("class_name")["target"]
    answered = submission_template.assign(**{columns[-1]: target_of.loc[votes[compare.vote]].to_numpy()})
    logger.info("the %s vote is submitted", compare.vote)
    return check_submission(answered[columns], submission_template, classes)


def share_split(
    images: pd.DataFrame, folds: pd.DataFrame, classes: pd.DataFrame, splitting: SplittingConfig
) -> dict[str, Any]:
    """Write down what a teammate needs to train on the same folds.

    Args:
        images: image_id, subset, label, sha256.
        folds: image_id and fold.
        classes: label and class_name.
        splitting: Which folds are held out.

    Returns:
        shared_folds: image_id, fold, label and class_name of each training image, sorted by image_id;
        shared_split: split_digest, content_digest, held_out_folds, and classes: their names in the order of labels.
    """
    labels = images.set_index("image_id")["label"].loc[folds["image_id"]].to_numpy(np.int64)
    names_of = classes.set_index("label")["class_name"]
    split: dict[str, Any] = {
        **digest_present(images, folds),
        "held_out_folds": splitting.held_out_folds,
        "classes": classes.sort_values("label")["class_name"].tolist(),
    }
    logger.info("split %s of images %s", split["split_digest"], split["content_digest"])
    shared = folds[["image_id", "fold"]].assign(label=labels, class_name=names_of.loc[labels].to_numpy())
    return {"shared_folds": shared, "shared_split": split}
