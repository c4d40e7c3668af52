"""Count, measure, draw and link what the organisers handed over."""

import itertools
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from podium.competitions.config import Competition
from podium.pipelines.explore import counts, sizes
from podium.safe_names import flatten_paths, make_safe_names
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

logger = logging.getLogger(__name__)

N_SHEET_IMAGES = 48
N_SHEET_COLUMNS = 8
SHEET_CELL_PX = 128
N_POLICY_IMAGES = 6
N_TEST_ROWS = 3


def count_classes(images: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """Count training images and groups of each class.

    Args:
        images: subset, label and group_id.
        classes: label, class_name, target and one column an attribute.

    Returns:
        By label: class_name, label, n_images, share, n_groups, and the attributes.
    """
    table = counts.count_classes(_list_train(images), classes)
    largest, smallest = table.loc[table["n_images"].idxmax()], table.loc[table["n_images"].idxmin()]
    logger.info(
        "%d training images of %d classes: from %d ('%s') to %d ('%s'); %d test images",
        table["n_images"].sum(), len(table), smallest["n_images"], smallest["class_name"], largest["n_images"],
        largest["class_name"], (images["subset"] == "test").sum(),
    )  # fmt: skip
    return table


def count_attributes(images: pd.DataFrame, attributes: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count training images and groups of each value of an attribute, and of each two values.

    Args:
        images: subset, group_id and one column an attribute.
        attributes: Their values; none for plain classes.

    Returns:
        attribute, value, n_images, share, n_groups; and first, first_value, second, second_value, n_images,
        share_of_first, n_groups.
    """
    train = _list_train(images)
    return counts.count_attributes(train, attributes), counts.cross_attributes(train, attributes)


def show_class_counts(class_counts: pd.DataFrame, competition: str) -> dict[str, Any]:
    """Draw images and groups of each class, as a plot and as a picture.

    Args:
        class_counts: As :func:`count_classes` returns it.
        competition: Its name.
    """
    from podium.pipelines.explore.pictures import draw_class_counts, plot_class_counts

    title = f"training images of each class: {competition}"
    return {
        "class_counts_plot": plot_class_counts(class_counts, title),
        "class_counts_picture": draw_class_counts(class_counts, title),
    }


def show_attribute_tables(attribute_tables: pd.DataFrame, competition: str) -> dict[str, Any]:
    """Draw the cross table of each two attributes, as a plot and as a picture.

    Args:
        attribute_tables: As :func:`count_attributes` returns it.
        competition: Its name.
    """
    from podium.pipelines.explore.pictures import draw_attribute_tables, plot_attribute_tables

    title = f"training images by two attributes: {competition}"
    return {
        "attribute_tables_plot": plot_attribute_tables(attribute_tables, title),
        "attribute_tables_picture": draw_attribute_tables(attribute_tables, title),
    }


def show_numbers(images: pd.DataFrame, attributes: dict[str, Any], competition: str) -> dict[str, Any]:
    """Draw how often each number behind a banded attribute occurs, with the edges of the bands.

    Args:
        images: subset, one column an attribute, and the raw column of each banded one.
        attributes: Their values, raw columns and edges.
        competition: Its name.
    """
    from podium.pipelines.explore.pictures import draw_numbers, plot_numbers

    train, title = _list_train(images), f"numbers behind the bands: {competition}"
    return {
        "numbers_plot": plot_numbers(train, attributes, title),
        "numbers_picture": draw_numbers(train, attributes, title),
    }


def measure_sizes(images: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Describe sizes and formats of both parts, and propose a size of input.

    Args:
        images: image_id, subset, width_px, height_px and n_bytes.

    Returns:
        Quantiles by subset and property; counts by subset and suffix; the proposal, with its reasons.
    """
    hint = sizes.suggest_input(images)
    logger.info("to begin with, %s, since %s", sizes.word_hint(hint), "; ".join(hint["reasons"]))
    return sizes.measure_sizes(images), sizes.count_formats(images), hint


def show_sizes(images: pd.DataFrame, input_hint: dict[str, Any], competition: str) -> dict[str, Any]:
    """Draw width against height of both parts, as a plot and as a picture.

    Args:
        images: subset, width_px and height_px.
        input_hint: The sizes that are proposed.
        competition: Its name.
    """
    from podium.pipelines.explore.size_pictures import draw_sizes, plot_sizes

    title = f"sizes of the pictures: {competition}"
    return {
        "image_sizes_plot": plot_sizes(images, input_hint, title),
        "image_sizes_picture": draw_sizes(images, input_hint, title),
    }


def draw_class_sheet(images: pd.DataFrame, classes: pd.DataFrame, survey: dict[str, Any], competition: str) -> Any:
    """Draw a few training images of every class on one sheet.

    Args:
        images: image_id, subset, label, group_id, sha256, width_px and height_px.
        classes: label and class_name.
        survey: folder of the survey, which holds thumbnails.
        competition: Its name.

    Returns:
        A matplotlib figure, one row a class: eight images of different groups, fewer beyond 40 classes.
    """
    from podium.pipelines.explore import sheets
    from podium.plots import clip_text
    from podium.survey import Survey

    train = _list_train(images)
    layout = sheets.plan_overview(len(classes))
    shown = classes.head(sheets.MAX_CLASSES)
    chosen = _choose_by_class(train, shown, layout.n_pictures)
    thumbnails = Survey(Path(survey["folder"])).read_thumbnails(pd.concat(chosen)["sha256"].tolist())
    cells = sheets.fit_cells(thumbnails, sheets.find_cell_size(train, sheets.CELL_PX))
    rows = [cells[end - len(part) : end] for part, end in zip(chosen, _add_up(chosen), strict=True)]
    n_images = train["label"].value_counts()
    names = [clip_text(name, sheets.TITLE_COLUMNS) for name in shown["class_name"]]
    titles = [f"{name} · {n_images.get(label, 0)}" for name, label in zip(names, shown["label"], strict=True)]
    rest = f", the first {len(shown)} of {len(classes)}" if len(shown) < len(classes) else ""
    title = f"{competition}: the classes{rest}, and how many training images each has"
    return sheets.draw_overview(rows, titles, layout, title)


def draw_class_sheets(
    images: pd.DataFrame, classes: pd.DataFrame, survey: dict[str, Any], competition: str
) -> dict[str, Callable[[], Any]]:
    """Draw a sheet of training images for each class that has any.

    Args:
        images: image_id, subset, label, group_id, sha256, width_px and height_px.
        classes: label and class_name.
        survey: folder of the survey, which holds thumbnails.
        competition: Its name.

    Returns:
        By a name that is safe for a file: a function that draws the figure, so that one at a time is in memory.
    """
    from podium.pipelines.explore import sheets
    from podium.survey import Survey

    train = _list_train(images)
    n_images = train["label"].value_counts()
    present = classes[classes["label"].isin(n_images.index)]
    chosen = _choose_by_class(train, present, N_SHEET_IMAGES)
    thumbnails = Survey(Path(survey["folder"])).read_thumbnails(pd.concat(chosen)["sha256"].tolist())
    size = sheets.find_cell_size(train, SHEET_CELL_PX)

    def draw(class_name: str, n_of_class: int, pictures: list[bytes]) -> Any:
        title = f"{class_name} ({competition}): {len(pictures)} of {n_of_class} training images"
        return sheets.draw_mosaic(sheets.fit_cells(pictures, size), N_SHEET_COLUMNS, title)

    names = make_safe_names(present["class_name"].tolist())
    return {
        name: partial(draw, row.class_name, n_images[row.label], thumbnails[end - len(part) : end])
        for name, row, part, end in zip(names, present.itertuples(), chosen, _add_up(chosen), strict=True)
    }


def draw_policy_sheet(
    images: pd.DataFrame,
    image_store: dict[str, Any],
    input_spec: dict[str, Any],
    policies: dict[str, list[dict[str, Any]]],
    recipe: Recipe,
) -> Any:
    """Apply every policy to the same training images, and show real test images below.

    Args:
        images: image_id, subset, label, group_id and sha256.
        image_store: folder of the store.
        input_spec: What the recipe's backbone wants to be shown.
        policies: By name, their steps.
        recipe: Names the policy that it trains with, and the seed.

    Returns:
        A matplotlib figure, one row a policy. A policy that cannot be applied at this size has a row that says why.
    """
    from podium.pipelines.explore import sheets
    from podium.pipelines.explore.policies import apply_policies, draw_policies
    from podium.vision.fitting_store import open_store

    store = open_store(Path(image_store["folder"]), InputSpec.from_dict(input_spec))
    train, test = _list_train(images), images[images["subset"] == "test"].sort_values("image_id")
    chosen = sheets.choose_images(train.assign(group_id=train["label"].astype("str")), N_POLICY_IMAGES, 0)
    pixels = store.read_rows(store.rows_of(chosen["sha256"]))
    shown = apply_policies(policies, pixels, recipe.seed)
    varied = [(f"▸ {name}" if name == recipe.policy else name, pictures) for name, pictures in shown.items()]
    drawn = sheets.choose_images(test, N_TEST_ROWS * len(chosen), 1)
    lines = [drawn["sha256"][start : start + len(chosen)] for start in range(0, len(drawn), len(chosen))]
    real = [("real test images", store.read_rows(store.rows_of(line))) for line in lines]
    size = f"{input_spec['height_px']} x {input_spec['width_px']} px"
    title = f"every policy on the same training images, at {size}; ▸ is what '{recipe.name}' takes"
    return draw_policies([part for part in ([("as stored", pixels)], varied, real) if part], title)


def link_classes(images: pd.DataFrame, classes: pd.DataFrame, competition: Competition) -> pd.DataFrame:
    """List a link to every training image, in a folder a class.

    Args:
        images: image_id, subset, path and label.
        classes: label and class_name.
        competition: Its root is where the paths begin.

    Returns:
        Sorted by class and image: folder (the class's name), name (of the file, with the folders that tell it from
        others), path (absolute).
    """
    train = _list_train(images).sort_values(["label", "image_id"])
    folders = train["label"].map(classes.set_index("label")["class_name"])
    names = flatten_paths(train["image_id"].tolist())
    names = [name.removeprefix(f"{folder}__") for name, folder in zip(names, folders, strict=True)]
    root = os.path.abspath(competition.root)
    paths = [os.path.join(root, path) for path in train["path"]]
    return pd.DataFrame({"folder": folders.tolist(), "name": names, "path": paths}, dtype="str")


def _list_train(images: pd.DataFrame) -> pd.DataFrame:
    return images[images["subset"] == "train"].sort_values("image_id")


def _choose_by_class(train: pd.DataFrame, classes: pd.DataFrame, n: int) -> list[pd.DataFrame]:
    """Draw images of each class, with random numbers of its own."""
    from podium.pipelines.explore.sheets import choose_images

    by_label = dict(list(train.groupby("label")))
    return [choose_images(by_label.get(label, train.iloc[:0]), n, int(label)) for label in classes["label"]]


def _add_up(parts: list[pd.DataFrame]) -> list[int]:
    """Return where each part ends, once all are laid end to end."""
    return list(itertools.accumulate(len(part) for part in parts))
