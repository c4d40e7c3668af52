"""Find a learning rate and a batch size, and say what to write; no recipe is changed."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from podium.datasets.finished_folds import FinishedFold
from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.config import TrainingConfig
from podium.pipelines.tuning.config import TuningConfig
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)

_HARDLY_FASTER = 0.9


def gather_trial(
    recipe: Recipe,
    policy: list[dict[str, Any]],
    input_spec: dict[str, Any],
    starting_weights: dict[str, Any],
    sources: list[str],
    images: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
    image_store: dict[str, Any],
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    finished_folds: dict[str, FinishedFold],
    splitting: SplittingConfig,
) -> Any:
    """Put together what the first fold of the recipe would be trained on.

    Args:
        recipe: What to train.
        policy: Resolved augmentation.
        input_spec: Input of the backbone.
        starting_weights: path of the file, or None.
        sources: Finished members that teach the recipe.
        images: image_id, subset, sha256.
        classes: One row a class.
        attributes: Values of each attribute, in order.
        image_store: folder of the store.
        folds: image_id and fold.
        targets: image_id, label (true) and training_label.
        variants: image_id and n_variants.
        finished_folds: Each fold that was trained before, by ``<member>/fold_<k>``.
        splitting: Which folds are held out.

    Returns:
        A :class:`podium.vision.finders.Trial`; its name would bring torch along.

    Raises:
        InputError: The recipe joins others and trains nothing itself, or the store was made for another one.
    """
    from podium.pipelines.training.folds import load_teachers, make_fold_data, make_tables
    from podium.vision.finders import Trial
    from podium.vision.fit import MemberPlan

    if not recipe.trains:
        raise InputError(
            "There is nothing to tune:",
            [
                f"recipe: '{recipe.name}' trains nothing itself; "
                f"tune what it {'joins' if recipe.join else 'averages'}: {', '.join(recipe.sources)}"
            ],
        )
    fold = splitting.held_out_folds[0]
    weights = starting_weights["path"]
    plan = MemberPlan(recipe, InputSpec.from_dict(input_spec), policy, None if weights is None else Path(weights))
    tables = make_tables(images, classes, attributes, folds, targets, variants, member={})
    data = make_fold_data(recipe, plan.spec, image_store["folder"], tables, fold)
    return Trial(plan, data, load_teachers([finished_folds[f"{source}/fold_{fold}"] for source in sources]))


def trace_lr(trial: Any, training: TrainingConfig, tuning: TuningConfig) -> pd.DataFrame:
    """Raise the learning rate from step to step; see :func:`podium.vision.finders.trace_lr`.

    Returns:
        One row a step: step, lr, loss.
    """
    from podium.pipelines.training.hardware import choose_hardware
    from podium.vision import finders

    return finders.trace_lr(trial, choose_hardware(training), tuning.min_lr, tuning.max_lr, tuning.n_steps)


def try_batch_sizes(trial: Any, training: TrainingConfig, tuning: TuningConfig) -> pd.DataFrame:
    """Double the batch size until memory runs out; see :func:`podium.vision.finders.try_batch_sizes`.

    Returns:
        One row a size: batch_size, outcome, images_per_s, peak_memory_gib.
    """
    from podium.pipelines.training.hardware import choose_hardware
    from podium.vision import finders

    return finders.try_batch_sizes(trial, choose_hardware(training), tuning.max_batch_size)


def suggest_settings(recipe: Recipe, lr_curve: pd.DataFrame, batch_sizes: pd.DataFrame) -> dict[str, Any]:
    """Say what to write into the recipe, and why.

    The recipe stays as it is: what it trains has to follow from its text alone, on any machine.

    Returns:
        tuning: recipe; steepest_lr and tenth_of_lowest_lr, the two readings of the range test (or null), and
        present_lr; largest_batch_size (or null), saturating_batch_size (the smallest that reaches 90 % of the most
        images a second) and present_batch_size;
        lr_curve_picture: loss over learning rate, with both readings.
    """
    from podium.plots import draw_lr_curve
    from podium.vision.finders import suggest_lr

    suggestion = suggest_lr(lr_curve)
    fitting = batch_sizes[batch_sizes["outcome"] == "fits"]
    fast = fitting[fitting["images_per_s"] >= _HARDLY_FASTER * fitting["images_per_s"].max()]
    tuning = {
        "recipe": recipe.name,
        "steepest_lr": suggestion.steepest,
        "tenth_of_lowest_lr": suggestion.tenth_of_lowest,
        "present_lr": recipe.optimizer.lr,
        "largest_batch_size": None if fitting.empty else int(fitting["batch_size"].max()),
        "saturating_batch_size": None if fast.empty else int(fast["batch_size"].min()),
        "present_batch_size": recipe.batch_size,
    }
    for line in _word_suggestions(tuning, list(batch_sizes["outcome"])):
        logger.info(line)
    readings = {"steepest descent": suggestion.steepest, "a tenth of the lowest": suggestion.tenth_of_lowest}
    marks = {"present": recipe.optimizer.lr, **{name: lr for name, lr in readings.items() if lr is not None}}
    return {"tuning": tuning, "lr_curve_picture": draw_lr_curve(lr_curve, marks, f"range test of {recipe.name}")}


def _word_suggestions(tuning: dict[str, Any], outcomes: list[str]) -> list[str]:
    key = f"recipes.{tuning['recipe']}"
    if tuning["steepest_lr"] is None:
        lr = f"no learning rate stands out for {key}: the loss never fell by much; lr_curve_picture shows it"
    else:
        lr = (
            f"set {key}.optimizer.lr: {tuning['steepest_lr']:.1e}, where the loss fell fastest (more careful: a tenth "
            f"of where it was lowest, {tuning['tenth_of_lowest_lr']:.1e}; it is {tuning['present_lr']:.1e})"
        )
    if tuning["largest_batch_size"] is None:
        return [lr, f"no batch size fits, not even the smallest that was tried; choose a smaller {key}.input.size_px"]
    ends = {"fits": "the largest that was tried", "not tried": "twice that might not fit"}
    end = ends.get(outcomes[-1], "twice that does not fit")
    return [
        lr,
        f"{key}.batch_size: {tuning['largest_batch_size']} fits ({end}); from {tuning['saturating_batch_size']} on it "
        f"is hardly faster; it is {tuning['present_batch_size']}. Another batch size wants another learning rate",
    ]
