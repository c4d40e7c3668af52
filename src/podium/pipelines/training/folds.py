"""One fold: from tables to arrays, through the training loop, a join or a soup, and back to tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.datasets.finished_folds import FinishedFold
from podium.epochs import tell_epoch
from podium.probabilities import make_table, to_matrix
from podium.tracking import tell_tags
from podium.vision.attributes import join_attributes, spread_over_classes
from podium.vision.distillation import Teacher
from podium.vision.fit import FoldData, MemberPlan, fit_fold
from podium.vision.fitting_store import open_store
from podium.vision.hardware import Hardware
from podium.vision.input_spec import InputSpec
from podium.vision.network import load_network
from podium.vision.predict import Probabilities
from podium.vision.recipe import Recipe
from podium.vision.soups import Ingredient, make_soup, measure

Labels = npt.NDArray[np.int64]
ATTRIBUTES_OF_TABLES = ("name", "recipe", "recipe_digest", "attribute", "split_digest", "content_digest")


@dataclass(frozen=True)
class MemberTables:
    """What the folds of a member are made from.

    Attributes:
        train: image_id, sha256, fold, label, training_label, n_variants; sorted by image_id.
        test: image_id and sha256; sorted by image_id.
        n_classes: Number of classes.
        class_values: By attribute, the number of the value that each class has, int64 (n_classes,).
        member: name, recipe, recipe_digest, attribute, sources, split_digest, content_digest.
        extra: Test images that training takes under pseudo labels, for each fold alone: fold, sha256, label; None where
            there are none.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    n_classes: int
    class_values: dict[str, Labels]
    member: dict[str, Any]
    extra: pd.DataFrame | None = None


def number_values(classes: pd.DataFrame, attributes: dict[str, dict[str, Any]]) -> dict[str, Labels]:
    """Number the value of each attribute that each class has, in the order of the attribute's values."""
    numbers = {name: {value: n for n, value in enumerate(spec["values"])} for name, spec in attributes.items()}
    ordered = classes.sort_values("label")
    return {name: ordered[name].map(number).to_numpy(np.int64) for name, number in numbers.items()}


def make_tables(  # noqa: PLR0913
    images: pd.DataFrame,
    classes: pd.DataFrame,
    attributes: dict[str, dict[str, Any]],
    folds: pd.DataFrame,
    targets: pd.DataFrame,
    variants: pd.DataFrame,
    member: dict[str, Any],
    extra_images: pd.DataFrame | None = None,
) -> MemberTables:
    """Bring the tables of a competition together, one row an image; of ``extra_images``, one an image and fold."""
    train = folds.merge(targets, on="image_id").merge(variants, on="image_id")
    train = train.merge(images[["image_id", "sha256"]], on="image_id").sort_values("image_id")
    test = images[images["subset"] == "test"].sort_values("image_id")
    extra = None
    if extra_images is not None and len(extra_images):
        extra = extra_images.merge(images[["image_id", "sha256"]], on="image_id").sort_values(["fold", "image_id"])
    return MemberTables(train, test, len(classes), number_values(classes, attributes), member, extra)


def make_fold_data(recipe: Recipe, spec: InputSpec, store_folder: str, tables: MemberTables, fold: int) -> FoldData:
    """Find the images of a fold in the store, and what the recipe's network is to tell apart.

    Images under pseudo labels are trained on like others, each drawn ``variants.n_per_image`` times an epoch; they are
    never validated on.

    Raises:
        InputError: The store holds pictures that were prepared in another way.
    """
    store, train = open_store(Path(store_folder), spec), tables.train
    held_out = train["fold"] == fold
    target_of = _number_targets(recipe, tables)
    seen = train.loc[~held_out, ["sha256", "training_label", "n_variants"]]
    if tables.extra is not None:
        extra = tables.extra.loc[tables.extra["fold"] == fold, ["sha256", "label"]]
        extra = extra.rename(columns={"label": "training_label"}).assign(n_variants=recipe.variants.n_per_image)
        seen = pd.concat([seen, extra])
    return FoldData(
        store=store,
        train_rows=store.rows_of(seen["sha256"]),
        training_labels=target_of[seen["training_label"].to_numpy(np.int64)],
        n_variants=seen["n_variants"].to_numpy(np.int64),
        validation_rows=store.rows_of(train.loc[held_out, "sha256"]),
        validation_labels=target_of[train.loc[held_out, "label"].to_numpy(np.int64)],
        test_rows=store.rows_of(tables.test["sha256"]),
        n_classes=int(target_of.max()) + 1,
        class_values=_gather_values(recipe, tables, target_of) if recipe.head.name == "per_attribute" else None,
    )


def load_teachers(sources: Sequence[FinishedFold]) -> list[Teacher]:
    """Load one fold of each of a recipe's teachers."""
    return [Teacher(*load_network(**source.load_weights())) for source in sources]


def fit_and_describe(
    plan: MemberPlan,
    store_folder: str,
    tables: MemberTables,
    fold: int,
    hardware: Hardware,
    checkpoint_dir: Path,
    sources: Sequence[FinishedFold],
) -> dict[str, Any]:
    """Train one fold and say of every result whose it is.

    Args:
        plan, hardware, checkpoint_dir: See :func:`podium.vision.fit.fit_fold`.
        store_folder: Of the image store.
        tables: Of the member.
        fold: The fold to hold out.
        sources: This fold of the recipe's teachers.

    Returns:
        weights (tensors and a header), oof, test_probabilities and history (tables with the digests in ``attrs``).

    Raises:
        InputError: The store holds pictures of another size, or resized in another way.
    """
    data = make_fold_data(plan.recipe, plan.spec, store_folder, tables, fold)
    teachers = load_teachers(sources)
    fitted = fit_fold(plan, data, fold, hardware, checkpoint_dir, lambda row: tell_epoch(fold, row), teachers)
    if fitted.division is not None:
        tell_tags(f"training.fold_{fold}", {"images_at_once": str(fitted.division.micro_batch)})
    oof, test = (_spread(plan.recipe, tables, part) for part in (fitted.oof, fitted.test))
    return {
        "weights": {"tensors": fitted.weights, "header": _make_header(plan, tables, fold, data)},
        **_describe(tables, fold, oof, test, fitted.history),
    }


def average_and_describe(
    plan: MemberPlan,
    store_folder: str,
    tables: MemberTables,
    fold: int,
    hardware: Hardware,
    sources: Sequence[FinishedFold],
) -> dict[str, Any]:
    """Average the weights of one fold of members that share an architecture, and predict with the average.

    Args:
        plan, hardware: See :func:`podium.vision.soups.make_soup`.
        store_folder: Of the image store.
        tables: Of the member.
        fold: The fold to hold out.
        sources: This fold of the members that the recipe averages.

    Returns:
        As :func:`fit_and_describe`. The header also says, under ``soup``, which members were kept, what each scores
        alone and how many batch norms were estimated anew; the history has one row: see :func:`join_and_describe`.

    Raises:
        InputError: The members' networks differ, or the store holds pictures that were prepared in another way.
    """
    data = make_fold_data(plan.recipe, plan.spec, store_folder, tables, fold)
    names = tables.member["sources"]
    ingredients = [Ingredient(name, **source.load_weights()) for name, source in zip(names, sources, strict=True)]
    soup = make_soup(plan, data, fold, hardware, ingredients)
    header = _make_header(plan, tables, fold, data)
    header["soup"] = {
        "how": plan.recipe.soup.how, "kept": soup.kept, "scores": soup.scores, "n_norms_estimated": soup.n_norms,
    }  # fmt: skip
    oof, test = (_spread(plan.recipe, tables, part) for part in (soup.oof, soup.test))
    history = _make_history(measure(data.validation_labels, soup.oof))
    return {
        "weights": {"tensors": soup.weights, "header": header},
        **_describe(tables, fold, oof, test, history),
    }


def join_and_describe(
    recipe: Recipe, tables: MemberTables, fold: int, sources: Sequence[FinishedFold]
) -> dict[str, Any]:
    """Join one fold of members that each learnt one attribute.

    Returns:
        As :func:`fit_and_describe`. There are no tensors, and the history has one row: epoch 0, the scores of the
        joined probabilities, and nothing where only training could say something.
    """
    oof, test = (
        join_attributes([to_matrix(source.load_table(name)) for source in sources])
        for name in ("oof", "test_probabilities")
    )
    labels = tables.train.loc[tables.train["fold"] == fold, "label"].to_numpy(np.int64)
    header = {"member": tables.member, "fold": fold, "recipe": recipe.model_dump(mode="json")}
    return {
        "weights": {"tensors": {}, "header": json.loads(json.dumps(header))},
        **_describe(tables, fold, oof, test, _make_history(measure(labels, oof))),
    }


def _make_history(scores: dict[str, float]) -> pd.DataFrame:
    """Make the history of what was never trained: epoch 0, its scores, and nothing where only training says something.

    Its scores are those of the probabilities as they are, test-time views and all.
    """
    unknown = {"train_loss": np.nan, "lr": np.nan, "images_per_s": np.nan}
    row = {"epoch": 0, **unknown, **scores, "elapsed_s": 0.0}
    columns = ["epoch", "train_loss", *scores, "lr", "images_per_s", "elapsed_s"]
    return pd.DataFrame([row])[columns]


def _make_header(plan: MemberPlan, tables: MemberTables, fold: int, data: FoldData) -> dict[str, Any]:
    """Say what a file of weights holds: enough for :func:`podium.vision.network.load_network`."""
    header = {
        "member": tables.member,
        "fold": fold,
        "recipe": plan.recipe.model_dump(mode="json"),
        "input_spec": plan.spec.to_dict(),
        "n_classes": data.n_classes,
        "class_values": None if data.class_values is None else data.class_values.tolist(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(header))
    return plain


def _spread(recipe: Recipe, tables: MemberTables, probabilities: Probabilities) -> Probabilities:
    """Let a model of one attribute speak of all classes."""
    if recipe.attribute is None:
        return probabilities
    return spread_over_classes(probabilities, _number_targets(recipe, tables))


def _number_targets(recipe: Recipe, tables: MemberTables) -> Labels:
    """Number what the network tells apart: the competition's own classes, or the values of one attribute."""
    return np.arange(tables.n_classes) if recipe.attribute is None else tables.class_values[recipe.attribute]


def _gather_values(recipe: Recipe, tables: MemberTables, target_of: Labels) -> Labels:
    """Give the values of every attribute by class; what is not made of attributes is one itself."""
    if recipe.attribute is not None or not tables.class_values:
        return np.arange(target_of.max() + 1)[:, None]
    return np.stack(list(tables.class_values.values()), axis=1)


def _describe(
    tables: MemberTables, fold: int, oof: Probabilities, test: Probabilities, history: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Make the tables of a fold, each with the member's digests."""
    held_out = tables.train["fold"] == fold
    described = {
        "oof": make_table(tables.train.loc[held_out, "image_id"], fold, oof),
        "test_probabilities": make_table(tables.test["image_id"], fold, test),
        "history": history.assign(fold=fold)[["fold", *history.columns]],
    }
    for table in described.values():
        table.attrs.update({key: tables.member[key] for key in ATTRIBUTES_OF_TABLES})
    return described
