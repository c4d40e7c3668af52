"""What chance does to the board scores of the ledger's submissions."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.datasets.past_submissions import PastSubmission, PastSubmissions
from podium.ensembling.board import (
    BoardCriterion,
    count_public,
    make_even_confusion,
    simulate_board,
    spread_between_parts,
)
from podium.ensembling.criteria import Floats, Labels
from podium.pipelines.ledger.config import LedgerConfig
from podium.probabilities import to_matrix

logger = logging.getLogger(__name__)

N_SDS = 2.0  # what lies within so many standard deviations is called noise


@dataclass(frozen=True)
class BoardDraws:
    """How far scores lie apart by chance; rows are those of the ledger.

    Attributes:
        public_sds: Standard deviation of each public score, float64 (n,).
        part_sds: Of public minus private score of each, float64 (n,).
        gain_sds: Of the public minus the private difference of each two, float64 (n, n); nan where their answers are
            not known, or nothing is known of the labels.
        differing: Share of the test images that each two answer differently, float64 (n, n); nan where not known.
    """

    public_sds: Floats
    part_sds: Floats
    gain_sds: Floats
    differing: Floats

    def find_noise(self, row: int, other: int) -> float:
        """Return what a difference of public scores has to pass to mean something.

        Where the answers of either are not known, the larger spread of one submission alone stands for it.
        """
        sd = self.gain_sds[row, other]
        return N_SDS * float(sd if np.isfinite(sd) else max(self.part_sds[row], self.part_sds[other]))

    def is_paired(self, row: int, other: int) -> bool:
        """Tell whether the noise of two rests on the images that they answer differently."""
        return bool(np.isfinite(self.gain_sds[row, other]))


def draw_scores(
    answers: Sequence[Labels | None],
    chances: npt.NDArray[np.floating] | None,
    public_scores: npt.NDArray[np.floating],
    shape: tuple[int, int],
    criterion: BoardCriterion,
    public_share: float,
    settings: LedgerConfig,
) -> BoardDraws:
    """Draw boards.

    Args:
        answers: Of each row of the ledger, int64 (n_images,); None where they are not known.
        chances: Of each true label, float (n_images, n_classes); None when nothing is known of them.
        public_scores: Of each row: stand for what a submission with unknown answers is worth.
        shape: n_images and n_classes.
        criterion: Of the board.
        public_share: Share of the test images that the board shows in public.
        settings: The draws.
    """
    n_rows, (n_images, n_classes) = len(answers), shape
    known = [row for row, answer in enumerate(answers) if answer is not None]
    stacked: Labels = np.array([answer for answer in answers if answer is not None], dtype=np.int64)
    draws = BoardDraws(*(np.full(size, np.nan) for size in (n_rows, n_rows, (n_rows, n_rows), (n_rows, n_rows))))
    for row, answer in zip(known, stacked, strict=True):
        draws.differing[row, known] = (stacked != answer).mean(axis=1)
    if chances is not None and known:
        public, private = simulate_board(chances, stacked, public_share, criterion, settings.n_draws, settings.seed)
        gaps = public - private
        draws.public_sds[known], draws.part_sds[known] = public.std(axis=0), gaps.std(axis=0)
        for row, gap in zip(known, gaps.T, strict=True):
            draws.gain_sds[row, known] = (gap[:, None] - gaps).std(axis=0)
    n_public = count_public(n_images, public_share)
    for row in np.flatnonzero(np.isnan(draws.part_sds)).tolist():
        confusion = make_even_confusion(n_classes, float(public_scores[row]))
        sd = spread_between_parts(confusion, n_public, n_images - n_public, criterion, settings.n_draws, settings.seed)
        # The variance of a mean falls with the number of images, and the two parts' variances add up to the spread's.
        draws.public_sds[row], draws.part_sds[row] = sd * np.sqrt((n_images - n_public) / n_images), sd
    return draws


def find_sources(rows: pd.DataFrame, past: PastSubmissions) -> list[PastSubmission | None]:
    """Find the submission of each row, or None where its file was deleted."""
    return [past.versions.get(version) for version in rows["submission"]]


def find_origin(submission: PastSubmission, past: PastSubmissions) -> PastSubmission:
    """Return the submission itself, or, if it has no scores, an older one with the same bytes that has.

    An old blend that is answered again makes a new version of the submission, and of nothing else.
    """
    if "scores" in submission.companions:
        return submission
    digest = submission.digest_file()
    scored = (other for other in past.versions.values() if "scores" in other.companions)
    return next((other for other in scored if other.digest_file() == digest), submission)


def read_answers(
    submission: PastSubmission | None, submission_template: pd.DataFrame, classes: pd.DataFrame
) -> Labels | None:
    """Return the label on each line of the template, int64 (n_images,); None when the file is gone or does not fit."""
    if submission is None:
        return None
    columns = [column for column in submission_template.columns if column != "image_id"]
    answers = submission.load_answers()
    label_of = dict(zip(classes["target"].astype(str), classes["label"], strict=True))
    fits = list(answers.columns) == columns and np.array_equal(
        answers[columns[0]].to_numpy(), submission_template[columns[0]].astype(str).to_numpy()
    )
    if not fits or not answers[columns[-1]].isin(label_of).all():
        logger.warning("%s: made for other test images or classes, so it is not compared", submission.version)
        return None
    return answers[columns[-1]].map(label_of).to_numpy(np.int64)


def estimate_chances(
    submissions: Sequence[PastSubmission], submission_template: pd.DataFrame, n_classes: int
) -> Floats | None:
    """Average what the submissions' ensembles believe of each test image.

    An image of which nothing is known may be any class.

    Returns:
        float64 (n_images, n_classes), in the order of the template; None when no ensemble fits.
    """
    parts = []
    for submission in submissions:
        table = submission.load_probabilities()
        if table is None or table.empty or not set(table["image_id"]) <= set(submission_template["image_id"]):
            continue
        matrix = to_matrix(table).astype(np.float64)
        if matrix.shape[1] == n_classes:
            by_image = pd.DataFrame(matrix, index=table["image_id"].to_numpy())
            parts.append(by_image.reindex(submission_template["image_id"]).fillna(1 / n_classes).to_numpy())
    return np.mean(parts, axis=0) if parts else None


def find_accuracies(submissions: Sequence[PastSubmission | None], public_scores: npt.NDArray[np.floating]) -> Floats:
    """Return the accuracy out of fold of each submission, float64 (n,); its public score where that is not known."""
    accuracies = np.array(public_scores, dtype=np.float64)
    for row, submission in enumerate(submissions):
        scores = None if submission is None else submission.load_scores()
        if scores is not None:
            accuracies[row] = float(scores["accuracy"])
    return accuracies
