"""Rank the members, choose and judge an ensemble of them on out-of-fold predictions, and blend it."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.digests import digest_probabilities, digest_values
from podium.ensembling.board import count_public
from podium.ensembling.criteria import BOUNDS, Criterion, Probabilities, name_criterion, score
from podium.ensembling.decisions import Decision
from podium.ensembling.judging import Judged, judge
from podium.ensembling.resampling import bootstrap_scores, make_interval
from podium.ensembling.selection import blend
from podium.errors import InputError
from podium.pipelines.ensemble.choosing import (
    WITH_OFFSETS,
    fit_decision,
    list_methods,
    list_weighings,
    name_used,
)
from podium.pipelines.ensemble.config import EnsembleConfig
from podium.pipelines.ensemble.members import (
    Members,
    Partitions,
    describe_images,
    find_members,
    list_test_ids,
    make_members,
    name_handed_over,
    require_members,
)
from podium.pipelines.evaluation.scoring import align_labels, score_probabilities
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_present
from podium.probabilities import make_table, to_matrix
from podium.teammates.members import Expected, read_members

logger = logging.getLogger(__name__)

Attributes = dict[str, dict[str, Any]]
Labels = npt.NDArray[np.int64]


def gather_members(
    oof: Partitions,
    test_probabilities: Partitions,
    history: Partitions,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    copies: pd.DataFrame,
    classes: pd.DataFrame,
    submission_template: pd.DataFrame,
    teammate_members: Path,
    splitting: SplittingConfig,
    ensemble: EnsembleConfig,
) -> Members:
    """Bring together every complete member of the present split and images, those of teammates too.

    Args:
        oof, test_probabilities, history: Tables of all members, by ``<member>/fold_<k>``; a member is complete when
            each held-out fold has all three.
        images: Of the present competition: image_id, subset, label, group_id, sha256.
        folds: The present split.
        targets: image_id and label (true).
        copies: image_id and copy_set; copies of a picture go right or wrong together.
        classes, submission_template: What a teammate's tables may name classes and images by.
        teammate_members: Folder of what teammates handed over; it may be missing.
        splitting: Which folds are held out.
        ensemble: Which members to leave out.

    Raises:
        InputError: A teammate's member does not fit; all that is wrong with any is listed.
        InputError: No member fits, and each that does not is listed with what it lacks; or there are too many for the
            configured method.
    """
    present, held_out = digest_present(images, folds), splitting.held_out_folds
    described, test_ids = describe_images(images, folds, targets, copies, splitting), list_test_ids(images)
    found, misfits = find_members(oof, test_probabilities, history, present, held_out)
    expected = Expected(
        described, test_ids, submission_template, classes, present["split_digest"], present["content_digest"]
    )
    handed_over = {name_handed_over(member.name): member for member in read_members(teammate_members, expected)}
    names = require_members([*found, *handed_over], misfits, ensemble.leave_out)
    if ensemble.method == "best_subset" and len(names) > ensemble.subset_max_members:
        case = (
            f"ensemble.method: best_subset tries every subset of {len(names)} members, ensemble.subset_max_members is "
        )
        raise InputError("There are too many members:", [f"{case}{ensemble.subset_max_members}; take greedy"])
    return make_members(
        {name: table for name, table in found.items() if name in names},
        [member for name, member in handed_over.items() if name in names],
        test_probabilities, described, test_ids, present,
    )  # fmt: skip


def rank_members(
    members: Members,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: Attributes,
    ensemble: EnsembleConfig,
) -> pd.DataFrame:
    """Score every member anew from its stored predictions, by any criterion; nothing is trained.

    Returns:
        rank, member, criterion, score, low, high (the bootstrap interval over groups), macro_f1, accuracy, log_loss,
        macro_f1_<attribute> of each, n_images; best first. A log loss as ``score`` is negated, so that more is better.
    """
    labels, groups = members.labels, members.groups
    draws = bootstrap_scores(members.oof, labels, groups, ensemble.criterion, ensemble.n_draws, ensemble.seed)
    rows = []
    for name, probabilities, drawn in zip(members.names, members.oof, draws, strict=True):
        table = make_table(members.images["image_id"], 0, probabilities).assign(fold=members.images["fold"].to_numpy())
        scores = score_probabilities(table, targets, classes, attributes)
        reached = score(probabilities, labels, ensemble.criterion)
        interval = make_interval(reached, drawn, ensemble.level, BOUNDS[ensemble.criterion])
        rows.append(
            {
                "member": name,
                "criterion": ensemble.criterion,
                "score": interval.score,
                "low": interval.low,
                "high": interval.high,
                **{key: scores[key] for key in ("macro_f1", "accuracy", "log_loss")},
                **{f"macro_f1_{key}": part["macro_f1"] for key, part in scores["attributes"].items()},
                "n_images": scores["n_images"],
            }
        )
    table = pd.DataFrame(rows).sort_values(["score", "member"], ascending=[False, True], ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def judge_methods(members: Members, ensemble: EnsembleConfig) -> dict[str, Any]:
    """Judge every way of making one answer of the members where it was not chosen, and say which is used.

    The configured method is, unless its gain over the best single member is not certain enough; then that one is. Class
    offsets are judged by their gain over the same method without them.

    Returns:
        method_scores: method, score (chosen and scored on the same images), nested_score (scored on groups that the
        choice did not see), low, high (its bootstrap interval), gain (nested, over the best single member), gain_low,
        gain_high, certainty (share of draws with a gain above 0); best nested score first.

        ensemble_choice: method, class_offsets (whether they are used), certainty of the configured method,
        offsets_certainty (where offsets were tried), reason.

        ensemble_nested_oof: image_id, fold, one column a class: what is used, each image by weights, temperature and
        offsets that did not see it. Which method is used was decided on all images, which flatters a little.

    Raises:
        InputError: All images are of one group, so that nothing can be judged.
    """
    methods = list_methods(members.names, members.oof.size, ensemble)
    groups = members.groups
    if groups.max() == 0 and len(members.names) > 1:
        case = (
            "all held-out images are of one group (a person, a scan, copies); ensemble.leave_out can leave one member"
        )
        raise InputError("An ensemble cannot be judged:", [case])
    judged = judge(methods, members.oof, members.labels, groups, ensemble.resampling)
    rows = []
    for name, one in judged.items():
        gain, certainty = one.compare(judged["best_single"], ensemble.level)
        nested = one.nested_score
        row = {"method": name, "score": one.score, "nested_score": nested.score, "low": nested.low, "high": nested.high}
        rows.append({**row, "gain": gain.score, "gain_low": gain.low, "gain_high": gain.high, "certainty": certainty})
    table = pd.DataFrame(rows).sort_values(["nested_score", "method"], ascending=[False, True], ignore_index=True)
    choice = _make_choice(judged, len(members.names), ensemble)
    used = name_used(choice)
    logger.info("ensemble: %s; %s", used, choice["reason"])
    return {
        "method_scores": table,
        "ensemble_choice": choice,
        "ensemble_nested_oof": _make_oof(members, judged[used].nested),
    }


def weigh_members(
    members: Members, member_ranking: pd.DataFrame, ensemble_choice: dict[str, Any], ensemble: EnsembleConfig
) -> pd.DataFrame:
    """Weigh the members by the method that is used.

    Returns:
        member, weight (float64, summing to 1), then the columns of the ranking; heaviest first. Members without weight
        are left out.
    """
    weigh = list_weighings(members.names, ensemble)[ensemble_choice["method"]]
    table = pd.DataFrame({"member": members.names, "weight": weigh(members.oof, members.labels)})
    table = table[table["weight"] > 0].merge(member_ranking.drop(columns=["rank", "criterion"]), on="member")
    logger.info("the ensemble has %d of %d member(s)", len(table), len(members.names))
    return table.sort_values(["weight", "member"], ascending=[False, True], ignore_index=True)


def blend_members(
    members: Members,
    ensemble_weights: pd.DataFrame,
    ensemble_choice: dict[str, Any],
    ensemble_nested_oof: pd.DataFrame,
    ensemble: EnsembleConfig,
) -> dict[str, Any]:
    """Average the members' probabilities by weight, then apply temperature and class offsets.

    Args:
        members: What they say.
        ensemble_weights: member and weight.
        ensemble_choice: Whether class offsets are used.
        ensemble_nested_oof: Named by a digest, since it keeps no versions: whoever reads it later has to know its run.
        ensemble: How the decision is fitted.

    Returns:
        decision: temperature, offsets (nats, one a class; none where they are not used), and the log loss before and
        after the temperature.

        ensemble_oof and ensemble_probabilities: image_id, fold (-1 on the test part), one column a class, sorted by
        image_id; the latter has no rows without a test part.

        ensemble_digests: split_digest and content_digest, of the split and the images that all members were made for,
        weights_digest and nested_oof_digest.
    """
    weights = dict(zip(ensemble_weights["member"], ensemble_weights["weight"], strict=True))
    of_member = np.array([weights.get(name, 0.0) for name in members.names])
    blended = blend(members.oof, of_member)
    decision = fit_decision(blended, members.labels, ensemble, ensemble_choice["class_offsets"])
    test = np.zeros((len(members.test_ids), members.oof.shape[2]))
    for name, weight in weights.items():
        test += weight * members.load_test[name]()
    calibrated = Decision(decision.temperature)
    return {
        "decision": {
            "temperature": decision.temperature,
            "offsets": list(decision.offsets),
            "log_loss_before": -score(blended, members.labels, "log_loss"),
            "log_loss_after": -score(calibrated.apply(blended), members.labels, "log_loss"),
        },
        "ensemble_oof": _make_oof(members, decision.apply(blended)),
        "ensemble_probabilities": make_table(members.test_ids, -1, decision.apply(test).astype(np.float32)),
        "ensemble_digests": {
            "split_digest": members.split_digest,
            "content_digest": members.content_digest,
            "weights_digest": digest_values({name: round(weight, 9) for name, weight in weights.items()}),
            "nested_oof_digest": digest_probabilities(ensemble_nested_oof),
        },
    }


def score_ensemble(
    ensemble_oof: pd.DataFrame,
    ensemble_nested_oof: pd.DataFrame,
    ensemble_probabilities: pd.DataFrame,
    members: Members,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: Attributes,
    public_share: float,
    ensemble: EnsembleConfig,
) -> dict[str, Any]:
    """Score the blend on true labels, out of fold, beside what guessing would score and what to expect of the board.

    Args:
        ensemble_oof: What is handed in, on images that it was chosen by.
        ensemble_nested_oof: Each image by a choice that did not see it: what can be expected.
        ensemble_probabilities: Of the test part, for its size.
        members: For the groups that images are of.
        targets, classes, attributes: What is true.
        public_share: Share of the test part that the board shows in public; the rest is the private part.
        ensemble: Criterion and draws.

    Returns:
        macro_f1, accuracy, n_images, log_loss, the same by attribute and by fold; chance_macro_f1: the expected macro
        F1 of guessing each class equally often; nested: the same scores of choices that did not see the images;
        expected_private: criterion, score, low, high, sd, level, n_images: the score to expect on the private part, its
        interval made for a part of that size (without a test part, as many images as are scored here); and attributes:
        the same of each, by the same criterion.
    """
    scores = score_probabilities(ensemble_oof, targets, classes, attributes)
    labels = align_labels(ensemble_oof, targets)
    scores["chance_macro_f1"] = expect_chance_f1(pd.Series(labels), len(classes))
    scores["nested"] = score_probabilities(ensemble_nested_oof, targets, classes, attributes)
    groups, n_test = members.groups, len(ensemble_probabilities)
    n_private = n_test - count_public(n_test, public_share) if n_test > 1 else len(labels)
    nested = to_matrix(ensemble_nested_oof)
    expected = _expect(nested, labels, groups, n_private, ensemble.criterion, ensemble)
    of_attributes = {}
    for name, spec in attributes.items():
        values = classes.sort_values("label")[name].map({v: n for n, v in enumerate(spec["values"])}).to_numpy(np.int64)
        value_of = np.eye(len(spec["values"]), dtype=np.float32)[values]
        # An attribute's class is that of the most probable composite class, as in the scores by attribute.
        said = nested @ value_of if ensemble.criterion == "log_loss" else value_of[nested.argmax(axis=1)]
        of_attributes[name] = _expect(said, values[labels], groups, n_private, ensemble.criterion, ensemble)
    scores["expected_private"] = {**expected, "attributes": of_attributes}
    logger.info(
        "ensemble: macro F1 %.4f out of fold, chance is %.4f; %s to expect on %d private images: %.4f (%.4f to %.4f)",
        scores["macro_f1"], scores["chance_macro_f1"], name_criterion(expected["criterion"]), n_private,
        *(expected[key] for key in ("score", "low", "high")),
    )  # fmt: skip
    return scores


def expect_chance_f1(labels: pd.Series, n_classes: int) -> float:
    """Return the macro F1 of guessing every class equally often, from expected counts.

    A class of share s is hit in s/n of all images, guessed in 1/n and there in s of them, so its F1 is
    2(s/n) / (1/n + s); the mean runs over all classes that can be guessed.
    """
    share = labels.value_counts(normalize=True).reindex(range(n_classes), fill_value=0.0)
    return float((2 * share / n_classes / (1 / n_classes + share)).mean())


def _make_choice(judged: dict[str, Judged], n_members: int, ensemble: EnsembleConfig) -> dict[str, Any]:
    """Say which method is used, whether with class offsets, and why."""
    asked, least = ensemble.method, ensemble.min_certainty
    gain, certainty = judged[asked].compare(judged["best_single"], ensemble.level)
    choice: dict[str, Any] = {"method": asked, "class_offsets": False, "certainty": certainty}
    told = (
        f"{gain.score:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) on the best single member, certainty {certainty:.2f}"
    )
    if asked != "best_single" and certainty < least:
        reason = "there is one member" if n_members == 1 else f"{asked} gains {told}: below {least}, so not real"
        choice |= {"method": "best_single", "reason": reason}
    else:
        choice["reason"] = "asked for" if asked == "best_single" else f"it gains {told}"
    if ensemble.class_offsets != "never":
        used = choice["method"]
        over, choice["offsets_certainty"] = judged[WITH_OFFSETS.format(used)].compare(judged[used], ensemble.level)
        choice["class_offsets"] = ensemble.class_offsets == "always" or choice["offsets_certainty"] >= least
        told = f"{over.score:+.4f} ({over.low:+.4f} to {over.high:+.4f}), certainty {choice['offsets_certainty']:.2f}"
        choice["reason"] += f"; class offsets {'are' if choice['class_offsets'] else 'would be'} worth {told}"
    return choice


def _make_oof(members: Members, probabilities: npt.NDArray[np.floating]) -> pd.DataFrame:
    table = make_table(members.images["image_id"], 0, probabilities.astype(np.float32))
    return table.assign(fold=members.images["fold"].to_numpy())


def _expect(
    probabilities: Probabilities,
    labels: Labels,
    groups: Labels,
    n_private: int,
    criterion: Criterion,
    ensemble: EnsembleConfig,
) -> dict[str, Any]:
    """Expect a score on so many new images."""
    draws = bootstrap_scores(
        probabilities[None], labels, groups, criterion, ensemble.n_draws, ensemble.seed, n_drawn_images=n_private
    )
    interval = make_interval(score(probabilities, labels, criterion), draws[0], ensemble.level, BOUNDS[criterion])
    return {"criterion": criterion, **asdict(interval), "level": ensemble.level, "n_images": n_private}
