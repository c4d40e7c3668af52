"""Train against test: which properties differ, whether the two can be told apart, and which images look like test."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from podium.pipelines.shift.config import ShiftConfig
from podium.pipelines.shift.properties import APPEARANCE, gather_properties

logger = logging.getLogger(__name__)

_SHEET_ROWS, _SHEET_COLUMNS = 2, 8
_TOLD_PROPERTIES = 3


def compare_subsets(
    images: pd.DataFrame, survey: dict[str, Any], copies: pd.DataFrame, competition_name: str, shift: ShiftConfig
) -> dict[str, Any]:
    """Compare properties of training and test images, one image a group.

    Images of a group (a person, a scan, copies) resemble each other, so each group counts once, with one image drawn at
    random. Nobody says who is on test images; where they have groups too, p-values are smaller than they should be.

    Args:
        images: image_id, subset, group_id, sha256, width_px, height_px, n_bytes.
        survey: folder of the survey.
        copies: image_id and copy_set.
        competition_name: For titles.
        shift: seed of the draw.

    Returns:
        subset_differences: a row a property, the largest effect first; none without a test part;
        subset_differences_plot and subset_differences_picture: the distributions, in the same order.
    """
    from podium.copies.sets import join_groups
    from podium.pipelines.shift.differences import compare_properties, draw_one_a_group
    from podium.pipelines.shift.pictures import draw_distributions, plot_distributions

    images = images.sort_values("image_id", ignore_index=True)
    is_test = (images["subset"] == "test").to_numpy()
    values, groups = gather_properties(images, survey), join_groups(images, copies)
    values, is_test_group = draw_one_a_group(values, is_test, groups, shift.seed)
    differences = compare_properties(values, is_test_group)
    title = f"{competition_name}: training against test images"
    return {
        "subset_differences": differences,
        "subset_differences_plot": plot_distributions(values, is_test_group, differences, title),
        "subset_differences_picture": draw_distributions(values, is_test_group, differences, title),
    }


def validate_adversarially(
    images: pd.DataFrame,
    survey: dict[str, Any],
    copies: pd.DataFrame,
    classes: pd.DataFrame,
    competition_name: str,
    shift: ShiftConfig,
) -> dict[str, Any]:
    """Train a classifier to tell test from training images, and judge it on images of folds that it did not see.

    An AUC near 0.5 says that the parts look alike, so that scores out of fold are a fair forecast. Near 1 they differ,
    by the properties at the top of the table; training images with a high probability look most like test. What only
    files tell (pixels, bytes) is judged apart, as a model hardly sees it.

    Args:
        images: image_id, subset, label, group_id, sha256, width_px, height_px, n_bytes.
        survey: folder of the survey.
        copies: image_id and copy_set.
        classes: label and class_name.
        competition_name: For titles.
        shift: Folds, draws, level and seed.

    Returns:
        adversarial_scores: auc with its interval, auc_with_files, counts; null where there is nothing to tell apart;
        adversarial_properties: a row a property that a model sees, with the auc of a classifier that knows it alone,
        the largest first;
        images_like_test: image_id, class_name, p_test of every training image, most like test first;
        adversarial_plot, adversarial_picture: the ROC curve and the properties.
    """
    from podium.copies.sets import join_groups
    from podium.pipelines.shift import adversarial
    from podium.pipelines.shift.pictures import draw_verdict, plot_verdict

    images = images.sort_values("image_id", ignore_index=True)
    values, groups = gather_properties(images, survey), join_groups(images, copies)
    is_test = (images["subset"] == "test").to_numpy()
    n_folds = adversarial.count_folds(is_test, groups, shift.n_folds)
    counts = {"n_train": int((~is_test).sum()), "n_test": int(is_test.sum()), "n_groups": len(np.unique(groups))}
    scores: dict[str, Any] = dict.fromkeys(("auc", "auc_low", "auc_high", "auc_with_files")) | {"level": shift.level}
    p_test, properties = np.full(len(images), np.nan), _tabulate_properties([], [])
    if n_folds >= 2:
        seen = values[list(APPEARANCE)].to_numpy()
        p_test = adversarial.tell_apart(seen, is_test, groups, n_folds, shift.seed)
        with_files = adversarial.tell_apart(values.to_numpy(), is_test, groups, n_folds, shift.seed)
        low, high = adversarial.draw_interval(p_test, is_test, groups, shift.n_draws, shift.level, shift.seed)
        scores |= {
            "auc": adversarial.measure_auc(p_test, is_test),
            "auc_low": low,
            "auc_high": high,
            "auc_with_files": adversarial.measure_auc(with_files, is_test),
        }
        properties = _judge_properties(seen, is_test, groups, n_folds, shift.seed)
    _tell_verdict(scores, properties)
    title = f"{competition_name}: can test images be told from training images?"
    drawing = (p_test, is_test, scores, properties, title)
    return {
        "adversarial_scores": scores | counts | {"n_folds": n_folds},
        "adversarial_properties": properties,
        "images_like_test": _rank_images(images, p_test, classes),
        "adversarial_plot": plot_verdict(*drawing),
        "adversarial_picture": draw_verdict(*drawing),
    }


def _judge_properties(
    seen: np.ndarray, is_test: np.ndarray, groups: np.ndarray, n_folds: int, seed: int
) -> pd.DataFrame:
    """Judge a classifier of each property by itself: it finds differences that no median shows, as of turned pages."""
    from podium.pipelines.shift.adversarial import measure_auc, tell_apart

    aucs = [measure_auc(tell_apart(column[:, None], is_test, groups, n_folds, seed), is_test) for column in seen.T]
    return _tabulate_properties(list(APPEARANCE), aucs)


def _tabulate_properties(names: list[str], aucs: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"property": names, "auc": aucs}).astype({"property": "str", "auc": "float64"})
    return table.sort_values("auc", ascending=False, kind="stable", ignore_index=True)


def _rank_images(images: pd.DataFrame, p_test: np.ndarray, classes: pd.DataFrame) -> pd.DataFrame:
    """List the training images, most like test first; none where nothing was told apart."""
    table = images[["image_id", "label"]].assign(p_test=p_test)[(images["subset"] == "train") & ~np.isnan(p_test)]
    names = classes.set_index("label")["class_name"]
    table = table.assign(class_name=table["label"].map(names).astype("str"))
    table = table.sort_values(["p_test", "image_id"], ascending=[False, True], ignore_index=True)
    return table[["image_id", "class_name", "p_test"]]


def _tell_verdict(scores: dict[str, Any], properties: pd.DataFrame) -> None:
    if scores["auc"] is None:
        logger.info("train and test are not compared: there is no test part, or hardly any")
        return
    found = f"AUC {scores['auc']:.2f} ({scores['auc_low']:.2f} to {scores['auc_high']:.2f})"
    if scores["auc_low"] <= 0.5:
        logger.info("training and test images cannot be told apart by their looks: %s", found)
        return
    names = ", ".join(name.replace("_", " ") for name in properties["property"][:_TOLD_PROPERTIES])
    logger.warning("test images can be told from training images: %s, most of all by %s", found, names)


def draw_test_like(
    images: pd.DataFrame,
    survey: dict[str, Any],
    images_like_test: pd.DataFrame,
    adversarial_scores: dict[str, Any],
    competition_name: str,
    shift: ShiftConfig,
) -> Any:
    """Show the training images that look most like test, real test images drawn at random, and the least like test.

    Args:
        images: image_id, subset, sha256.
        survey: folder of the survey.
        images_like_test: image_id and p_test, most like test first.
        adversarial_scores: auc and auc_low, which say whether that order means anything.
        competition_name: For the title.
        shift: seed of the draw.

    Returns:
        A figure; one that says so where there is no test part.
    """
    from podium.pipelines.shift.pictures import draw_rows
    from podium.survey import Survey

    n = _SHEET_ROWS * _SHEET_COLUMNS
    ranked = images_like_test["image_id"].tolist()
    n_most = min(n, -(-len(ranked) // 2))  # an image is not both most and least like test
    test = images.loc[images["subset"] == "test", "image_id"].sort_values().to_numpy()
    drawn = np.random.default_rng(shift.seed).permutation(test)[:n].tolist() if ranked else []
    least = ranked[n_most:][::-1][:n]
    blocks = {"most like test": ranked[:n_most], "test": drawn, "least like test": least}
    p_test = images_like_test.set_index("image_id")["p_test"]
    rows = [
        (_title_row(name, p_test.reindex(block[start : start + _SHEET_COLUMNS])), block[start : start + _SHEET_COLUMNS])
        for name, block in blocks.items()
        for start in range(0, len(block), _SHEET_COLUMNS)
    ]
    sha256 = images.set_index("image_id")["sha256"]
    shown = sha256[[image_id for _, row in rows for image_id in row]]
    thumbnails = dict(zip(shown.index, Survey(survey["folder"]).read_thumbnails(shown.tolist()), strict=True))
    title = f"{competition_name}: training images that look most and least like test{_word_doubt(adversarial_scores)}"
    return draw_rows([(name, [thumbnails[image_id] for image_id in row]) for name, row in rows], title)


def _word_doubt(scores: dict[str, Any]) -> str:
    if scores["auc"] is None or scores["auc_low"] > 0.5:
        return ""
    return f"\n(AUC {scores['auc']:.2f}: train and test look alike, so this order is chance)"


def _title_row(name: str, p_test: pd.Series) -> str:
    """Name a row of the sheet, with the probabilities of its first and last image where there are some."""
    return name if p_test.isna().any() else f"{name}\np {p_test.iloc[0]:.2f} to {p_test.iloc[-1]:.2f}"
