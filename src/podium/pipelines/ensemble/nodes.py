"""Find the members that fit, weigh them by their scores out of fold, and blend their probabilities."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.evaluation.scoring import align_labels, score_probabilities
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_content
from podium.probabilities import make_table, to_matrix

logger = logging.getLogger(__name__)

Partitions = dict[str, Callable[[], pd.DataFrame]]
Attributes = dict[str, dict[str, Any]]


def weigh_members(
    oof: Partitions,
    test_probabilities: Partitions,
    history: Partitions,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: Attributes,
    splitting: SplittingConfig,
) -> pd.DataFrame:
    """Weigh each complete member of the present split and images by its macro F1 out of fold.

    Args:
        oof, test_probabilities, history: Tables of all members, by ``<member>/fold_<k>``; a member is complete when
            each held-out fold has all three.
        images: Of the present competition: image_id, subset, label, sha256.
        folds: The present split.
        targets: image_id and label (true).
        classes, attributes: For the scores.
        splitting: Which folds are held out.

    Returns:
        member, weight (float64, summing to 1), macro_f1, accuracy, n_images; best first.

    Raises:
        InputError: No member fits; each that does not is listed with what it lacks.
    """
    present = {"split_digest": digest_table(folds[["image_id", "fold"]]), "content_digest": digest_content(images)}
    rows, misfits = [], []
    for member in sorted({partition.rsplit("/", 1)[0] for partition in oof}):
        partitions = [f"{member}/fold_{fold}" for fold in splitting.held_out_folds]
        missing = [name for name in partitions if not (name in oof and name in test_probabilities and name in history)]
        if missing:
            misfits.append(f"{member}: not finished, {', '.join(missing)} missing")
            continue
        predictions = pd.concat([oof[name]() for name in partitions])
        attribute = predictions.attrs.get("attribute")
        if attribute is not None:
            misfits.append(f"{member}: knows the attribute '{attribute}' alone; a recipe that joins it takes part")
            continue
        other = [
            f"{key} {predictions.attrs.get(key)}, not {value}"
            for key, value in present.items()
            if predictions.attrs.get(key) != value
        ]
        if other:
            misfits.append(f"{member}: made for another split or other images ({'; '.join(other)})")
            continue
        scores = score_probabilities(predictions.reset_index(drop=True), targets, classes, attributes)
        rows.append({"member": member, **{key: scores[key] for key in ("macro_f1", "accuracy", "n_images")}})
    for misfit in misfits:
        logger.info("left out of the ensemble: %s", misfit)
    if not rows:
        raise InputError("There is no member to make an ensemble of; train one first:", misfits or ["none was trained"])
    table = pd.DataFrame(rows).sort_values(["macro_f1", "member"], ascending=[False, True]).reset_index(drop=True)
    # A member that never finds anything weighs nothing; if none does, all weigh the same.
    total = table["macro_f1"].sum()
    weight = table["macro_f1"] / total if total > 0 else 1.0 / len(table)
    table.insert(1, "weight", weight)
    logger.info("the ensemble has %d member(s)", len(table))
    return table


def blend_probabilities(
    ensemble_weights: pd.DataFrame, oof: Partitions, test_probabilities: Partitions, splitting: SplittingConfig
) -> dict[str, pd.DataFrame]:
    """Average the members' probabilities by weight.

    A member's test probabilities are the mean over its folds' models.

    Args:
        ensemble_weights: member and weight.
        oof, test_probabilities: Tables of all members, by ``<member>/fold_<k>``.
        splitting: Which folds are held out.

    Returns:
        ensemble_oof and ensemble_probabilities: image_id, fold (-1 on the test part), one column a class, sorted by
        image_id; the latter has no rows without a test part.
    """
    folds = [f"fold_{fold}" for fold in splitting.held_out_folds]
    oof_sum, test_sum = np.zeros((), np.float32), np.zeros((), np.float32)  # memory holds one table at a time
    for row in ensemble_weights.itertuples():
        held_out = pd.concat([oof[f"{row.member}/{fold}"]() for fold in folds]).sort_values("image_id")
        test_of_member = np.zeros((), np.float32)
        for fold in folds:
            test = test_probabilities[f"{row.member}/{fold}"]().sort_values("image_id")
            test_of_member = test_of_member + to_matrix(test)
        oof_sum = oof_sum + row.weight * to_matrix(held_out)
        test_sum = test_sum + row.weight * (test_of_member / len(folds))
    # All members that fit cover the same images, so ids and folds of the last stand for all.
    blended = make_table(held_out["image_id"], 0, oof_sum)
    return {
        "ensemble_oof": blended.assign(fold=held_out["fold"].to_numpy()),
        "ensemble_probabilities": make_table(test["image_id"], -1, test_sum),
    }


def score_ensemble(
    ensemble_oof: pd.DataFrame, targets: pd.DataFrame, classes: pd.DataFrame, attributes: Attributes
) -> dict[str, Any]:
    """Score the blend on true labels, out of fold, beside what guessing would score.

    Returns:
        macro_f1, accuracy, n_images, log_loss, the same by attribute and by fold, and chance_macro_f1: the expected
        macro F1 of guessing each class equally often, as measured on these labels.
    """
    scores = score_probabilities(ensemble_oof, targets, classes, attributes)
    scores["chance_macro_f1"] = expect_chance_f1(pd.Series(align_labels(ensemble_oof, targets)), len(classes))
    logger.info("ensemble: macro F1 %.4f out of fold, chance is %.4f", scores["macro_f1"], scores["chance_macro_f1"])
    return scores


def expect_chance_f1(labels: pd.Series, n_classes: int) -> float:
    """Return the macro F1 of guessing every class equally often, from expected counts.

    A class of share s is hit in s/n of all images, guessed in 1/n and there in s of them, so its F1 is
    2(s/n) / (1/n + s); the mean runs over all classes that can be guessed.
    """
    share = labels.value_counts(normalize=True).reindex(range(n_classes), fill_value=0.0)
    return float((2 * share / n_classes / (1 / n_classes + share)).mean())
