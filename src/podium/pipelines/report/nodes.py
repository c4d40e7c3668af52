"""Gather what was trained, score it, find what to look at, and write the page."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from podium.browser import Section, choose_size, shrink_thumbnails
from podium.class_parts import WHOLE, list_parts
from podium.competitions.config import Competition
from podium.datasets.last_ensemble import LastEnsemble
from podium.datasets.trained_members import TrainedMembers
from podium.errors import InputError
from podium.label_errors import find_label_errors
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.ensemble.members import (
    describe_images,
    find_members,
    list_test_ids,
    make_members,
)
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.leaks.config import LeaksConfig
from podium.pipelines.leaks.nodes import digest_proven
from podium.pipelines.report.config import ReportConfig
from podium.pipelines.report.configurations import (
    Configuration,
    describe_configuration,
    list_defaults,
    list_differing,
)
from podium.pipelines.report.explaining import BATCH_SIZE, HeatMaps, explain_or_say_why_not
from podium.pipelines.report.members import ENSEMBLE, Reported, lay_out
from podium.pipelines.report.page import (
    Shown,
    count_facts,
    describe_labels,
    describe_missing,
    describe_proof,
    make_gallery,
)
from podium.pipelines.report.scoring import (
    CHOSEN_HERE,
    NESTED,
    OUT_OF_FOLD,
    Candidate,
    draw_groups,
    score_candidates,
    score_values,
)
from podium.pipelines.report.sections import VOTE, Findings, write_sections
from podium.pipelines.report.shown_images import (
    choose_images,
    find_original,
    list_images,
    name_folders,
    spread_over_images,
)
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.training.member import digest_present
from podium.safe_names import flatten_paths
from podium.teammates.agreement import measure_entropy, measure_margin
from podium.teammates.members import Expected, read_members

logger = logging.getLogger(__name__)

Attributes = dict[str, dict[str, Any]]


def require_training(trained_members: TrainedMembers, teammate_members: Path) -> TrainedMembers:
    """Pass on what was trained, before anything else is read or made.

    Raises:
        InputError: Nothing was trained or handed over.
    """
    if not trained_members.oof and not (teammate_members.is_dir() and any(teammate_members.iterdir())):
        raise InputError(
            "There is nothing to report:",
            ["no member was trained or handed over for this competition; kedro run --pipeline train trains one"],
        )
    return trained_members


def gather_reported(
    trained: TrainedMembers,
    last_ensemble: LastEnsemble | None,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    copies: pd.DataFrame,
    classes: pd.DataFrame,
    submission_template: pd.DataFrame,
    teammate_members: Path,
    splitting: SplittingConfig,
    ensemble: EnsembleConfig,
) -> Reported:
    """Bring together every complete member of the present split, whether or not the ensemble leaves it out.

    Args:
        trained: Members of ours.
        last_ensemble: If there is one.
        images, folds, targets, classes, submission_template: Of the present competition and split.
        copies: image_id and copy_set; copies of a picture go right or wrong together.
        teammate_members: Folder of what teammates handed over; it may be missing.
        splitting: Which folds are held out.
        ensemble: What members are ordered by.

    Raises:
        InputError: A teammate's member does not fit, or no member does; each is listed with what it lacks.
    """
    present, held_out = digest_present(images, folds), splitting.held_out_folds
    described, test_ids = describe_images(images, folds, targets, copies, splitting), list_test_ids(images)
    found, misfits = find_members(trained.oof, trained.test_probabilities, trained.history, present, held_out)
    expected = Expected(
        described, test_ids, submission_template, classes, present["split_digest"], present["content_digest"]
    )
    handed_over = read_members(teammate_members, expected)
    if not found and not handed_over:
        raise InputError("There is no member to report on; train one first:", misfits)
    members = make_members(found, handed_over, trained.test_probabilities, described, test_ids, present)
    reported = lay_out(members, trained, last_ensemble, misfits, ensemble.criterion)
    logger.info("the report has %d member(s); %s speaks first", len(reported.order), reported.main)
    return reported


def score_reported(
    reported: Reported, classes: pd.DataFrame, attributes: Attributes, ensemble: EnsembleConfig
) -> dict[str, pd.DataFrame]:
    """Score members and ensemble, as a whole and class by class, with intervals from draws of whole groups.

    Returns:
        report_scores: member, kind (``out of fold``, of an ensemble ``nested`` and ``chosen on these images``),
        attribute (``''``: the class itself), macro_f1, accuracy, log_loss, each with ``_low`` and ``_high``, n_images;
        behind, behind_low, behind_high: see :func:`~podium.pipelines.report.scoring.score_candidates`;
        classes first, best first by the criterion, the flattered score of the ensemble last.

        report_class_scores: member, kind, attribute, label (position of the value), value, n_images, precision, recall,
        f1, each with ``_low`` and ``_high``; empty where nothing was there to find.
    """
    kinds = {name: NESTED if name == ENSEMBLE else OUT_OF_FOLD for name in reported.speakers}
    candidates = [Candidate(name, kind, reported.get_oof(name)) for name, kind in kinds.items()]
    flattered = [Candidate(ENSEMBLE, CHOSEN_HERE, reported.ensemble.handed_in)] if reported.ensemble else []
    labels, groups = reported.labels, reported.members.groups
    draws = draw_groups(groups, ensemble.n_draws, ensemble.seed)
    parts = list_parts(classes, attributes)
    rows = [
        row
        for part in parts
        for row in score_candidates([*candidates, *flattered], part, labels, groups, draws, ensemble)
    ]
    order = {part.attribute: number for number, part in enumerate(parts)}
    sign = 1 if ensemble.criterion == "log_loss" else -1
    rows.sort(
        key=lambda row: (
            order[row["attribute"]], row["kind"] == CHOSEN_HERE, sign * row[ensemble.criterion], row["member"]
        )
    )  # fmt: skip
    by_class = [
        row
        for candidate in candidates
        for part in parts
        for row in score_values(candidate, part, labels, groups, draws, ensemble.level)
    ]
    return {"report_scores": pd.DataFrame(rows), "report_class_scores": pd.DataFrame(by_class)}


def suspect_labels(reported: Reported, classes: pd.DataFrame) -> pd.DataFrame:
    """List the training images that are confidently of another class than their label says.

    Returns:
        rank (from 1), image_id, fold, class_name, suggested_class, suspicion (0 to 1); most suspicious first.
    """
    names = classes.sort_values("label")["class_name"].to_numpy()
    labels, said = reported.labels, reported.get_oof(reported.main)
    found = find_label_errors(labels, np.clip(said, 0.0, 1.0))  # sums of floats may pass 1 by a last digit
    table = reported.members.images[["image_id", "fold"]].assign(
        class_name=names[labels], suggested_class=names[found.suggested], suspicion=found.suspicion
    )
    table = table[found.is_suspect].sort_values(["suspicion", "image_id"], ascending=[False, True], ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    logger.info("%d of %d training labels are suspected", len(table), len(labels))
    return table


def list_contested_test_images(reported: Reported, classes: pd.DataFrame) -> pd.DataFrame:
    """List the test images to which not all members give the same class, the most contested first.

    Returns:
        rank (from 1), image_id, answer (class of the main speaker), entropy (of the votes, nats), margin (mean lead of
        the most probable class), ``vote_<member>`` (class) of each member.
    """
    names = classes.sort_values("label")["class_name"].to_numpy()
    tables = [reported.get_test(name) for name in reported.order]
    votes = np.stack([table.argmax(axis=1) for table in tables]).astype(np.int64)
    contested = (votes != votes[0]).any(axis=0)
    answers = reported.get_test(reported.main)[contested].argmax(axis=1)
    table = pd.DataFrame(
        {
            "image_id": reported.members.test_ids[contested].to_numpy(),
            "answer": names[answers],
            "entropy": measure_entropy(votes[:, contested], len(names)),
            "margin": measure_margin([table[contested] for table in tables]),
            **{f"{VOTE}{name}": names[vote[contested]] for name, vote in zip(reported.order, votes, strict=True)},
        }
    )
    table = table.sort_values(["entropy", "margin", "image_id"], ascending=[False, True, True], ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def compare_configurations(reported: Reported, recipes: dict[str, Any]) -> dict[str, Any]:
    """Hold the recipes of all members of ours against the defaults and against each other.

    Args:
        reported: Members, and what their weights say of them.
        recipes: As they are configured now: what members are based on.

    Returns:
        configuration_differences: leaf, default, and a column for each member, as text; leaves that differ between
        members or from the default.

        configurations: The same and more, for the page; best member first.
    """
    configurations = [
        describe_configuration(name, header["recipe"], recipes)
        for name in reported.order
        if (header := reported.headers.get(name)) is not None
    ]
    defaults = list_defaults()
    leaves = list_differing(configurations)
    table = pd.DataFrame({"leaf": leaves, "default": [defaults.get(leaf, "") for leaf in leaves]}, dtype="str")
    for one in configurations:
        table[one.member] = [one.leaves.get(leaf, "") for leaf in leaves]
    logger.info("%d of %d recipe leaves differ between members or from the defaults", len(leaves), len(defaults))
    return {"configuration_differences": table, "configurations": configurations}


def draw_heat_maps(
    reported: Reported,
    trained: TrainedMembers,
    images: pd.DataFrame,
    report: ReportConfig,
    ingestion: IngestionConfig,
    training: TrainingConfig,
) -> HeatMaps:
    """Show what speaks for the predicted class of the training images with the largest loss.

    Each image is explained by the model that was not trained on it, of the best member of ours that can be asked. The
    page goes on without where there is none.

    Args:
        reported: Who says what.
        trained: Where weights are.
        images: image_id, sha256, width_px, height_px.
        report: How many.
        ingestion: Where image stores lie.
        training: On which device.
    """

    def compute(weights: dict[str, Any], pixels: Any, targets: Any) -> Any:
        import torch

        from podium.pipelines.training.hardware import choose_hardware
        from podium.vision.heat_maps import compute_heat_maps

        device = torch.device("cuda" if choose_hardware(training).accelerator == "gpu" else "cpu")
        return compute_heat_maps(weights, pixels, targets, device, BATCH_SIZE)

    drawn = explain_or_say_why_not(reported, trained, images, report.n_heat_maps, ingestion.store_dir, compute)
    for note in drawn.notes:
        logger.warning(note)
    return drawn


def link_predictions(
    reported: Reported, images: pd.DataFrame, classes: pd.DataFrame, competition: Competition
) -> dict[str, Any]:
    """Sort the training images into folders ``<true>_as_<predicted>``, right ones too.

    Returns:
        by_prediction: folder, name (of the link; the image_id on one level) and path (of the organisers' file,
        absolute); missing_originals: image_id of those whose file is no longer there, sorted.
    """
    names = classes.sort_values("label")["class_name"].to_numpy()
    predicted = reported.get_oof(reported.main).argmax(axis=1)
    table = reported.members.images[["image_id"]].assign(
        folder=name_folders(reported.labels, predicted, names.tolist()),
        name=flatten_paths(reported.members.images["image_id"].tolist()),
    )
    table = table.merge(images[["image_id", "path"]], on="image_id", how="left")
    root = Path(competition.root).absolute()
    table["path"] = [str(root / path) for path in table["path"]]
    is_there = np.array([Path(path).is_file() for path in table["path"]], dtype=bool)
    missing = sorted(table.loc[~is_there, "image_id"])
    if missing:
        logger.warning("%d organisers' files are gone, so nothing links to them: %s", len(missing), missing[0])
    links = table.loc[is_there, ["folder", "name", "path"]]
    return {
        "by_prediction": links.sort_values(["folder", "name", "path"], ignore_index=True),
        "missing_originals": missing,
    }


def choose_shown_images(
    reported: Reported,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    label_suspects: pd.DataFrame,
    survey: dict[str, Any],
    competition: Competition,
    report: ReportConfig,
) -> Shown:
    """Choose the images that the page shows, with their thumbnails and the way to the organisers' files.

    Args:
        reported: What is said of them.
        images, folds: All of the competition.
        label_suspects: image_id of suspected labels.
        survey: Its folder has the thumbnails.
        competition: Its root is where paths begin.
        report: How many images, and how large.
    """
    from podium.survey import Survey

    table = list_images(images, folds)
    said = spread_over_images(reported, reported.main, table["image_id"])
    chosen = choose_images(table, said, set(label_suspects["image_id"]), report.max_images)
    table = table[chosen].reset_index(drop=True)
    thumbnails = Survey(Path(survey["folder"])).read_thumbnails(table["sha256"].tolist())
    root = Path(competition.root).absolute()
    table["original"] = [find_original(report.page_dir, root, path) for path in table["path"]]
    side_px = choose_size(len(table), report.thumbnail_px)
    return Shown(table.drop(columns=["path", "sha256"]), shrink_thumbnails(thumbnails, side_px), len(images))


def lay_out_sections(
    reported: Reported,
    report_scores: pd.DataFrame,
    report_class_scores: pd.DataFrame,
    label_suspects: pd.DataFrame,
    contested_test_images: pd.DataFrame,
    configurations: list[Configuration],
    heat_maps: HeatMaps,
    shown_images: Shown,
    missing_originals: list[str],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: Attributes,
    label_version: dict[str, Any],
    leak_proof: dict[str, Any],
    competition: str,
    ensemble: EnsembleConfig,
    leaks: LeaksConfig,
) -> list[Section]:
    """Write what is read before images are looked at: scores, confusions, suspects, curves, reliability, configuration.

    Args:
        reported: Members and ensemble.
        report_scores, report_class_scores, label_suspects, contested_test_images, configurations, heat_maps,
            shown_images, missing_originals: Of the other nodes.
        images, folds, classes, attributes: Of the competition.
        label_version: Whose labels these are; empty where an older ingestion did not say.
        leak_proof: Of the split; empty as long as nobody proved anything.
        competition: Its name.
        ensemble: The criterion, and the level of intervals.
        leaks: What counts as a copy; a proof by other settings is none.
    """
    findings = Findings(
        reported=reported,
        parts=list_parts(classes, attributes),
        scores=report_scores.fillna({"attribute": WHOLE}),
        class_scores=report_class_scores.fillna({"attribute": WHOLE}),
        suspects=label_suspects,
        contested=contested_test_images.astype({"rank": "int64", "entropy": "float64", "margin": "float64"}),
        configurations=configurations,
        level=ensemble.level,
        criterion=ensemble.criterion,
    )
    n_shown, n_classes = len(shown_images.images), len(classes)
    facts = {
        "competition": competition,
        **count_facts(reported, images, n_shown, n_classes),
        "leaks": describe_proof(leak_proof, digest_proven(images, folds, leaks)),
        **({"labels": describe_labels(label_version)} if label_version else {}),
    }
    notes = describe_missing(missing_originals)
    return write_sections(findings, facts, heat_maps.keep(shown_images.images["image_id"]), notes)


def write_report(
    reported: Reported,
    shown_images: Shown,
    report_sections: list[Section],
    label_suspects: pd.DataFrame,
    heat_maps: HeatMaps,
    classes: pd.DataFrame,
    attributes: Attributes,
    competition: str,
) -> str:
    """Write one HTML page that needs no other file.

    Args:
        reported, shown_images, report_sections, label_suspects, heat_maps: Of the other nodes.
        classes, attributes: Of the competition.
        competition: Its name.
    """
    from podium.browser import render_gallery

    parts = list_parts(classes, attributes)
    gallery = make_gallery(competition, reported, shown_images, parts, label_suspects, heat_maps, report_sections)
    page = render_gallery(gallery)
    n_images, megabytes = len(gallery.images), len(page.encode()) / 1e6
    logger.info("the report shows %d images on %.1f MB", n_images, megabytes)
    return page
