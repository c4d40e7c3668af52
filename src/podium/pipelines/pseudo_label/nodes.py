"""Choose confident test predictions as labels, fold by fold, and measure what training on them brought."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from podium.errors import InputError, raise_if_any
from podium.pipelines.evaluation.scoring import align_labels
from podium.pipelines.pseudo_label.config import PseudoLabelConfig
from podium.pipelines.pseudo_label.gains import compare_members, pair_members
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.copies import find_copied_folds
from podium.pipelines.training.member import digest_present
from podium.probabilities import make_table, to_matrix

logger = logging.getLogger(__name__)

Partitions = dict[str, Callable[[], pd.DataFrame]]


def blend_each_fold(
    ensemble_weights: pd.DataFrame,
    oof: Partitions,
    test_probabilities: Partitions,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    splitting: SplittingConfig,
) -> dict[str, pd.DataFrame]:
    """Blend the members by their weights in the ensemble, but the models of each held-out fold apart.

    The models of a fold never saw its held-out images, and neither does what is labelled by them alone.

    Args:
        ensemble_weights: member and weight.
        oof, test_probabilities: Tables of all members, by ``<member>/fold_<k>``.
        images: image_id, subset, label, sha256.
        folds: The present split.
        splitting: Which folds are held out.

    Returns:
        fold_oof and fold_test_probabilities: image_id, fold, one column a class; the latter has every test image once a
        fold. Sorted by fold and image_id.

    Raises:
        InputError: There is no test part, no member has a model a fold, or a member was made for another split or other
            images.
    """
    if not (images["subset"] == "test").any():
        raise InputError("There is nothing to label:", ["this competition has no test part"])
    partitions = [f"fold_{fold}" for fold in splitting.held_out_folds]
    weighed = ensemble_weights[ensemble_weights["weight"] > 0].sort_values("member")
    has_models = [all(f"{m}/{fold}" in oof and f"{m}/{fold}" in test_probabilities for fold in partitions)
                  for m in weighed["member"]]  # fmt: skip
    for member in weighed.loc[np.invert(has_models), "member"]:
        logger.info("%s takes no part in pseudo labels: it has no model of its own for each fold", member)
    weighed = weighed[has_models]
    if weighed.empty:
        raise InputError(
            "There is no member to label the test part:",
            ["ensemble_weights: names none with a model a fold; kedro run --pipeline ensemble weighs what is there"],
        )
    _require_present(weighed["member"].tolist(), oof, partitions, images, folds)
    members = dict(zip(weighed["member"], weighed["weight"] / weighed["weight"].sum(), strict=True))
    return {
        "fold_oof": _blend(members, oof, splitting.held_out_folds),
        "fold_test_probabilities": _blend(members, test_probabilities, splitting.held_out_folds),
    }


def _require_present(
    members: list[str], oof: Partitions, partitions: list[str], images: pd.DataFrame, folds: pd.DataFrame
) -> None:
    present = digest_present(images, folds)
    cases = []
    for member in members:
        attrs = oof[f"{member}/{partitions[0]}"]().attrs
        cases += [f"{member}: {key} {attrs.get(key)}, not {value}" for key, value in present.items()
                  if attrs.get(key) != value]  # fmt: skip
    raise_if_any(
        "The ensemble was weighed for another split, other images or other labels; kedro run --pipeline ensemble "
        "weighs anew:",
        cases,
    )


def _blend(members: dict[str, float], tables: Partitions, held_out_folds: list[int]) -> pd.DataFrame:
    """Average the tables of each fold by weight."""
    blended = []
    for fold in held_out_folds:
        total = np.zeros((), np.float64)
        for member, weight in members.items():
            table = tables[f"{member}/fold_{fold}"]().sort_values("image_id")
            total = total + weight * to_matrix(table).astype(np.float64)
        blended.append(make_table(table["image_id"], fold, total.astype(np.float32)))
    return pd.concat(blended, ignore_index=True)


def choose_pseudo_labels(
    fold_test_probabilities: pd.DataFrame,
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    copies: pd.DataFrame,
    pseudo_label: PseudoLabelConfig,
) -> pd.DataFrame:
    """Take the most certain test images of each class as training images, for each fold apart.

    Args:
        fold_test_probabilities: image_id, fold and one column a class.
        images: image_id, subset, label, group_id, sha256.
        folds: The present split.
        targets: image_id and label (true) of the training images.
        copies: image_id and copy_set.
        pseudo_label: Least probability, and how many a class may take.

    Returns:
        image_id, fold (whose model is to be trained on it), label, probability (float32), sorted by fold and image_id;
        split_digest and content_digest in its attributes. A test image that shows the same as a training image of a
        fold is not among that fold's.
    """
    offered = list_offered(fold_test_probabilities, pseudo_label.threshold)
    copied = find_copied_folds(images, folds, copies)
    free = offered.merge(copied, on=["image_id", "fold"], how="left", indicator=True)
    free = free[free.pop("_merge") == "left_only"]
    free = free.sort_values(["fold", "label", "probability", "image_id"], ascending=[True, True, False, True])
    rank = free.groupby(["fold", "label"]).cumcount()
    counts = count_training_images(folds, targets, sorted(set(fold_test_probabilities["fold"])))
    n_most = np.ceil(pseudo_label.max_share_per_class * free.merge(counts, how="left")["n_train"].fillna(0) - 1e-9)
    kept = free[rank.to_numpy() < n_most.to_numpy()].sort_values(["fold", "image_id"], ignore_index=True)
    for fold, rows in fold_test_probabilities.groupby("fold"):
        n_kept, n_offered = (int((table["fold"] == fold).sum()) for table in (kept, offered))
        logger.info("fold %d: %d of %d test images are certain enough, %d are kept", fold, n_offered, len(rows), n_kept)
    if kept.empty:
        most = to_matrix(fold_test_probabilities).max(initial=0.0)
        logger.warning("no pseudo label was kept; the largest probability is %.3f, pseudo_label.threshold is %.3f",
                       most, pseudo_label.threshold)  # fmt: skip
    kept.attrs.update(digest_present(images, folds))
    return kept


def list_offered(probabilities: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """List predictions that are certain enough: image_id, fold, label (int64), probability (float32)."""
    chances = to_matrix(probabilities)
    table = probabilities[["image_id", "fold"]].assign(
        label=chances.argmax(axis=1).astype(np.int64), probability=chances.max(axis=1)
    )
    return table[table["probability"] >= threshold].reset_index(drop=True)


def count_training_images(folds: pd.DataFrame, targets: pd.DataFrame, held_out_folds: list[int]) -> pd.DataFrame:
    """Count the images of each class that the model of each fold is trained on: fold, label, n_train."""
    labelled = folds[["image_id", "fold"]].merge(targets[["image_id", "label"]], on="image_id")
    parts = [
        labelled[labelled["fold"] != fold].groupby("label").size().rename("n_train").reset_index().assign(fold=fold)
        for fold in held_out_folds
    ]
    return pd.concat(parts)[["fold", "label", "n_train"]].astype("int64")


def tabulate_pseudo_labels(
    pseudo_labels: pd.DataFrame,
    fold_test_probabilities: pd.DataFrame,
    fold_oof: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    pseudo_label: PseudoLabelConfig,
) -> pd.DataFrame:
    """Say of each class how many test images it gains, and how many wrong ones to expect among them.

    Predictions out of fold are made by the same models on images whose class is known, so what is wrong among those
    that are as certain is what to expect of the test part, as far as it resembles the training part.

    Returns:
        label, class_name, then for one fold, on average: n_train, n_offered, n_kept, share (n_kept / n_train); purity,
        the share of right ones among the out-of-fold predictions of this class that reach the threshold (empty where
        there is none), n_judged of them, and n_wrong_expected (n_kept * (1 - purity)).
    """
    held_out = sorted(set(fold_test_probabilities["fold"]))
    judged = list_offered(fold_oof, pseudo_label.threshold)
    is_right = pd.Series(align_labels(judged, targets) == judged["label"].to_numpy())
    labels = classes["label"]

    def count(table: pd.DataFrame) -> pd.Series:
        return table["label"].value_counts().reindex(labels, fill_value=0)

    n_train = count_training_images(folds, targets, held_out).groupby("label")["n_train"].sum()
    table = pd.DataFrame(
        {
            "n_train": n_train.reindex(labels, fill_value=0) / len(held_out),
            "n_offered": count(list_offered(fold_test_probabilities, pseudo_label.threshold)) / len(held_out),
            "n_kept": count(pseudo_labels) / len(held_out),
        }
    )
    table["share"] = table["n_kept"] / table["n_train"]
    table["purity"] = is_right.groupby(judged["label"]).mean().reindex(labels)
    table["n_judged"] = count(judged)
    table["n_wrong_expected"] = table["n_kept"] * (1 - table["purity"])
    return classes[["label", "class_name"]].merge(table.rename_axis("label").reset_index(), on="label")


def measure_pseudo_label_gain(
    oof: Partitions,
    history: Partitions,
    recipes: dict[str, Any],
    images: pd.DataFrame,
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    classes: pd.DataFrame,
    splitting: SplittingConfig,
) -> pd.DataFrame:
    """Compare every member that was trained on pseudo labels with the same recipe's member without them.

    Args:
        oof, history: Tables of all members, by ``<member>/fold_<k>``.
        recipes: All recipes; those with ``pseudo_labels`` are looked for.
        images: image_id, subset, label, sha256, group_id.
        folds: The present split.
        targets: image_id and label (true).
        classes: For the number of classes.
        splitting: Which folds are held out.

    Returns:
        member, without (the member that it is compared with), fold (``all`` first, then each), n_images, macro_f1,
        macro_f1_without, gain, gain_sd; no rows where there is nothing to compare. See
        :func:`podium.pipelines.pseudo_label.gains.compare_members`.
    """
    held_out = splitting.held_out_folds
    present = digest_present(images, folds)
    attrs = {
        member: history[f"{member}/fold_{held_out[0]}"]().attrs
        for member in sorted({partition.rsplit("/", 1)[0] for partition in oof})
        if all(f"{member}/fold_{fold}" in oof and f"{member}/fold_{fold}" in history for fold in held_out)
    }
    fitting = {m: a for m, a in attrs.items() if all(a.get(key) == value for key, value in present.items())}
    groups = images.set_index("image_id")["group_id"]
    tables = []
    for member, without in pair_members(recipes, fitting):
        ours, theirs = (pd.concat([oof[f"{m}/fold_{fold}"]() for fold in held_out]) for m in (member, without))
        table = compare_members(ours, theirs, targets, groups, len(classes))
        tables.append(table.assign(member=member, without=without))
        total = table.iloc[0]
        logger.info("pseudo labels: %s has macro F1 %.4f, %s %.4f; a gain of %+.4f with a standard deviation of %.4f",
                    member, total["macro_f1"], without, total["macro_f1_without"], total["gain"],
                    total["gain_sd"])  # fmt: skip
    columns = ["member", "without", "fold", "n_images", "macro_f1", "macro_f1_without", "gain", "gain_sd"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
