"""Note scores from the board, hold gains against what chance does, and propose the final two submissions."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from podium.datasets.past_submissions import PastSubmission, PastSubmissions
from podium.ensembling.board import match_confidence
from podium.errors import InputError, raise_if_any
from podium.pipelines.ledger.config import LedgerConfig
from podium.pipelines.ledger.draws import (
    N_SDS,
    BoardDraws,
    draw_scores,
    estimate_chances,
    find_accuracies,
    find_origin,
    find_sources,
    read_answers,
)
from podium.pipelines.ledger.pair import choose_pair
from podium.pipelines.ledger.rows import (
    check_score,
    check_version,
    choose_criterion,
    describe_members,
    expect_score,
    make_rows,
    read_rows,
)

logger = logging.getLogger(__name__)


def note_score(
    past_submissions: PastSubmissions,
    public_score: float | None,
    submission: str | None,
    score_note: str,
    replace_score: bool,
) -> pd.DataFrame:
    """Tie a score from the board to a submission; without one, the ledger stays as it is.

    Args:
        past_submissions: Every version of the submission, and where the ledger lies.
        public_score: From the board, 0 to 1; None notes nothing.
        submission: Version that it belongs to; None means the newest.
        score_note: Free text; an empty one keeps the text that is there.
        replace_score: Whether another score of the same submission may be replaced.

    Returns:
        The ledger, in the order in which scores were noted. A score that is noted already changes nothing.

    Raises:
        InputError: The ledger's file is wrong, or a submission's file is no longer what was noted; there is no such
            version; the score is none that the criterion can give, or another one is noted already.
    """
    rows = read_rows(past_submissions.ledger)
    _require_same_files(rows, past_submissions)
    if public_score is None:
        logger.info("no score to note: --params public_score=0.9547 does so")
        return rows
    versions = sorted(past_submissions.versions)
    if not versions:
        raise InputError("There is no submission to tie a score to:", ["none was written; kedro run makes one"])
    version = versions[-1] if submission is None else submission
    score = float(public_score)
    raise_if_any("This score cannot be noted:", check_version(version, versions))
    row = _make_row(past_submissions.versions[version], past_submissions, rows, score, score_note)
    known = rows[rows["submission"] == version]
    cases = check_score(score, row["criterion"])
    if len(known) and known["public_score"].iloc[0] != score and not replace_score:
        cases.append(
            f"public_score: {score:g}, but {known['public_score'].iloc[0]:g} is noted for {version}; "
            "add replace_score=true if that was wrong, or name the other submission with submission=VERSION"
        )
    raise_if_any("This score cannot be noted:", cases)
    if known.empty:
        logger.info("noted: %s scored %g on the board", version, score)
        return make_rows([*rows.to_dict("records"), row])
    return _replace_row(rows, row)


def draw_boards(
    ledger: pd.DataFrame,
    past_submissions: PastSubmissions,
    submission_template: pd.DataFrame,
    classes: pd.DataFrame,
    public_share: float,
    settings: LedgerConfig,
) -> BoardDraws:
    """Draw what chance does to the ledger's scores.

    True labels are drawn from what the submissions' ensembles believe, made as sure as they were right out of fold, and
    the public part at random; all submissions are scored on the same draws. Where neither answers nor beliefs are
    there, a submission of the same score that is right equally often in each class stands for them.

    Args:
        ledger: submission, public_score and criterion of each row.
        past_submissions: For answers, probabilities and scores.
        submission_template: image_id, then the organisers' columns; one row a test image.
        classes: label and target, the organisers' value for it.
        public_share: Share of the test images that the board shows in public.
        settings: The draws.

    Raises:
        InputError: The competition has fewer than two test images, so no board could have scored anything.
    """
    n_images, n_classes = len(submission_template), len(classes)
    if len(ledger) and n_images < 2:
        raise InputError(
            "There are scores, but no board:", [f"the competition has {n_images} test images, not 2 or more"]
        )
    sources = find_sources(ledger, past_submissions)
    origins = [None if source is None else find_origin(source, past_submissions) for source in sources]
    answers = [read_answers(source, submission_template, classes) for source in sources]
    public = ledger["public_score"].to_numpy(np.float64)
    ensembles = {origin.version: origin for origin in origins if origin is not None}
    chances = estimate_chances([ensembles[version] for version in sorted(ensembles)], submission_template, n_classes)
    known = [row for row, answer in enumerate(answers) if answer is not None]
    if chances is not None and known:
        stacked = np.stack([answer for answer in answers if answer is not None])
        chances = match_confidence(chances, stacked, find_accuracies(origins, public)[known])
    shape, criterion = (n_images, n_classes), choose_criterion(ledger, None)
    return draw_scores(answers, chances, public, shape, criterion, public_share, settings)


def judge_gains(ledger: pd.DataFrame, board_draws: BoardDraws) -> pd.DataFrame:
    """Hold each score against the best one that was noted before it.

    Returns:
        submission, public_score, best_before (a version, empty for the first), gain (over it, null for the first),
        noise (two standard deviations), is_within_noise, noise_from: what the noise rests on.
    """
    records: list[dict[str, Any]] = []
    public = ledger["public_score"].to_numpy(np.float64)
    for row, (version, score) in enumerate(zip(ledger["submission"], public, strict=True)):
        record = {"submission": version, "public_score": score, "best_before": "", "gain": np.nan, "noise": np.nan}
        record |= {"is_within_noise": False, "noise_from": ""}
        if row:
            best = int(np.argmax(public[:row]))
            gain, noise = float(score - public[best]), board_draws.find_noise(row, best)
            record |= {"best_before": ledger["submission"].iloc[best], "gain": gain, "noise": noise}
            record["is_within_noise"] = abs(gain) <= noise
            record["noise_from"] = "both submissions" if board_draws.is_paired(row, best) else "one submission"
        records.append(record)
    names = ["submission", "public_score", "best_before", "gain", "noise", "is_within_noise", "noise_from"]
    table = pd.DataFrame(records, columns=names).astype({"is_within_noise": "bool"})
    if warning := describe_gain(table, len(table) - 1):
        logger.warning("%s", warning)
    return table


def describe_gain(board_gains: pd.DataFrame, row: int) -> str:
    """Warn of a gain that chance alone would give; an empty text where there is none, or it means something."""
    if row < 1:
        return ""
    gain = board_gains.iloc[row]
    if not (gain["gain"] > 0 and gain["is_within_noise"]):
        return ""
    before = gain["public_score"] - gain["gain"]
    return (
        f"{gain['public_score']:.4f} after {before:.4f}: a gain of {gain['gain']:.4f} is within the noise of "
        f"{gain['noise']:.4f} (two standard deviations)"
    )


def propose_pair(ledger: pd.DataFrame, board_draws: BoardDraws, final_pair: bool) -> dict[str, Any]:
    """Propose the final two submissions and say why.

    Args:
        ledger: One row a submission and score.
        board_draws: Noise, and the shares of images that are answered differently.
        final_pair: Whether the run tells of it too.

    Returns:
        See :func:`podium.pipelines.ledger.pair.choose_pair`.
    """
    pair = choose_pair(ledger, board_draws)
    for reason in pair["reasons"] if final_pair else []:
        logger.info("%s", reason)
    return pair


def show_ledger(
    ledger: pd.DataFrame,
    board_draws: BoardDraws,
    board_gains: pd.DataFrame,
    proposed_pair: dict[str, Any],
    competition: str,
) -> str:
    """Lay the ledger out as one HTML page that needs no other file: scores, noise, and the final pair."""
    from podium.pipelines.ledger.page import render_ledger

    warnings = [describe_gain(board_gains, row) for row in range(len(board_gains))]
    return render_ledger(ledger, board_draws, board_gains, warnings, proposed_pair, competition, N_SDS)


def _make_row(
    submission: PastSubmission, past: PastSubmissions, rows: pd.DataFrame, public_score: float, note: str
) -> dict[str, Any]:
    """Put together what belongs to a submission."""
    origin = find_origin(submission, past)
    scores = origin.load_scores()
    criterion = choose_criterion(rows, scores)
    expected = expect_score(scores, criterion)
    if np.isnan(expected["expected"]):
        logger.warning("%s: no expected score is known; its ensemble_scores are gone", submission.version)
    elif np.isnan(expected["expected_low"]):
        logger.info("%s: its expected score has no interval", submission.version)
    return {
        "submission": submission.version,
        "public_score": public_score,
        "criterion": criterion,
        "sha256": submission.digest_file(),
        **expected,
        **describe_members(origin.load_weights()),
        "note": note,
    }


def _replace_row(rows: pd.DataFrame, row: dict[str, Any]) -> pd.DataFrame:
    """Change the score of a row that is there, and its note if there is a new one; the rest was known before."""
    place = rows["submission"] == row["submission"]
    before = float(rows.loc[place, "public_score"].iloc[0])
    if before == row["public_score"]:
        logger.info("%s is noted with %g already", row["submission"], before)
    else:
        logger.info("%s: %g takes the place of %g", row["submission"], row["public_score"], before)
    changed = rows.copy()
    changed.loc[place, "public_score"] = row["public_score"]
    if row["note"]:
        changed.loc[place, "note"] = row["note"]
    return changed


def _require_same_files(rows: pd.DataFrame, past: PastSubmissions) -> None:
    """Refuse submissions that are no longer what was noted; a file that was deleted is none of these."""
    cases = []
    for version, noted in zip(rows["submission"], rows["sha256"], strict=True):
        submission = past.versions.get(version)
        found = noted if submission is None else submission.digest_file()
        if found != noted:
            cases.append(
                f"{version}: SHA-256 {found}, but {noted} is noted; bring back the file that was sent in, or remove "
                f"its row from {past.ledger}"
            )
    raise_if_any("Submissions were changed after their scores were noted:", cases)
