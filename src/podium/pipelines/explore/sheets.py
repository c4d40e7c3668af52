"""Sheets of pictures: which images stand on them, and how they are laid out."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import simplejpeg
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from podium.plots import fill_grid, find_fonts, measure_text

Cells = npt.NDArray[np.uint8]

SEED = 20
"""Of the draw of images; every class has random numbers of its own, so that another class changes none of them."""

DPI = 110
"""At which the catalog saves: sheets are laid out so that a pixel of a picture becomes about one of the file."""

TITLE_COLUMNS = 30
LETTER_IN = 0.075
"""Of 8 points, on average; a Korean one is twice as wide."""

GROUND = 214
"""Grey between and behind pictures: scanned pages are white, photos often dark."""


class Layout(NamedTuple):
    """How an overview of many classes fits on one sheet.

    Attributes:
        n_blocks: Columns of classes, side by side.
        n_rows: Classes a block, at most.
        n_pictures: Pictures a class.
    """

    n_blocks: int
    n_rows: int
    n_pictures: int


MAX_ROWS = 40
MAX_CLASSES = 240
CELL_PX = 88


def plan_overview(n_classes: int) -> Layout:
    """Choose a layout: up to 40 classes below one another with eight pictures each, more in blocks with fewer.

    Args:
        n_classes: Of these, :data:`MAX_CLASSES` are shown at most.
    """
    n_blocks = max(1, math.ceil(min(n_classes, MAX_CLASSES) / MAX_ROWS))
    n_rows = math.ceil(min(n_classes, MAX_CLASSES) / n_blocks)
    return Layout(n_blocks, n_rows, {1: 8, 2: 6, 3: 5, 4: 4}.get(n_blocks, 3))


def choose_images(rows: pd.DataFrame, n: int, key: int) -> pd.DataFrame:
    """Draw images at random, of as many groups as there are: a second one of a group only when all have one.

    Args:
        rows: image_id and group_id (null where each image stands for itself), sorted by image_id.
        n: How many at most.
        key: Of the random numbers, beside :data:`SEED`.
    """
    order = np.random.default_rng([SEED, key]).permutation(len(rows))
    drawn = rows.iloc[order]
    times = drawn.groupby(drawn["group_id"].fillna(drawn["image_id"])).cumcount().to_numpy()
    return drawn.iloc[np.argsort(times, kind="stable")[:n]]


def fit_cells(thumbnails: Sequence[bytes], size_px: tuple[int, int]) -> Cells:
    """Bring thumbnails into cells of one size, in the middle of a grey ground; their aspect ratio is kept.

    Args:
        thumbnails: JPEG files.
        size_px: Height and width of a cell.

    Returns:
        uint8, (n, height, width, 3).
    """
    cells = np.full((len(thumbnails), *size_px, 3), GROUND, np.uint8)
    for cell, thumbnail in zip(cells, thumbnails, strict=True):
        picture = simplejpeg.decode_jpeg(thumbnail)
        scale = min(size_px[0] / picture.shape[0], size_px[1] / picture.shape[1])
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        resized = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3))
        top, left = (size_px[0] - height) // 2, (size_px[1] - width) // 2
        cell[top : top + height, left : left + width] = resized
    return cells


def find_cell_size(images: pd.DataFrame, side_px: int) -> tuple[int, int]:
    """Choose height and width of cells after the median aspect ratio, so that most pictures fill theirs.

    Args:
        images: width_px and height_px.
        side_px: Of a square with as many pixels.
    """
    ratio = float(np.clip((images["width_px"] / images["height_px"]).median(), 0.5, 2.0))
    return round(side_px / math.sqrt(ratio)), round(side_px * math.sqrt(ratio))


def draw_overview(cells: Sequence[Cells], titles: Sequence[str], layout: Layout, title: str) -> Figure:
    """Draw a row of pictures for each class, in blocks side by side.

    Args:
        cells: Of each class, uint8 (n, height, width, 3), n being at most ``layout.n_pictures``.
        titles: Of the classes.
        layout: From :func:`plan_overview`.
        title: Of the figure.
    """
    height, width = cells[0].shape[1:3]
    gap = max(1, width // 16)
    titles_in = LETTER_IN * (3 + max(map(measure_text, titles)))
    block_in = titles_in + layout.n_pictures * (width + gap) / DPI
    figure = Figure(figsize=(layout.n_blocks * block_in + 0.2, layout.n_rows * (height + gap) / DPI + 0.7))
    sheet_height_in = layout.n_rows * (height + gap) / DPI
    for block in range(layout.n_blocks):
        part = slice(block * layout.n_rows, (block + 1) * layout.n_rows)
        rows = np.full((len(cells[part]), layout.n_pictures, height, width, 3), GROUND, np.uint8)
        for row, pictures in zip(rows, cells[part], strict=True):
            row[: len(pictures)] = pictures
        # Placed by hand, since laying out as many rows as there are classes takes longer than drawing them.
        height_in = len(rows) * (height + gap) / DPI
        left_in = block * block_in + titles_in
        top_in = 0.1 + sheet_height_in - height_in
        axis = add_axis(figure, (left_in, top_in, block_in - titles_in, height_in))
        fill_grid(axis, rows, titles[part], [], GROUND)
    add_title(figure, title)
    return figure


def draw_mosaic(cells: Cells, n_columns: int, title: str) -> Figure:
    """Draw pictures of one kind, line by line.

    Args:
        cells: uint8, (n, height, width, 3).
        n_columns: Pictures a line.
        title: Of the figure.
    """
    height, width = cells.shape[1:3]
    gap, n_rows = max(1, width // 16), max(1, math.ceil(len(cells) / n_columns))
    grid = np.full((n_rows * n_columns, height, width, 3), GROUND, np.uint8)
    grid[: len(cells)] = cells
    size_in = (n_columns * (width + gap) / DPI, n_rows * (height + gap) / DPI)
    figure = Figure(figsize=(size_in[0] + 0.2, size_in[1] + 0.6))
    fill_grid(add_axis(figure, (0.1, 0.1, *size_in)), grid.reshape(n_rows, n_columns, height, width, 3), [], [], GROUND)
    add_title(figure, title)
    return figure


def add_axis(figure: Figure, rectangle_in: tuple[float, float, float, float]) -> Axes:
    """Add axes at left, bottom, width and height in inches."""
    width, height = figure.get_size_inches()
    left, bottom, wide, high = rectangle_in
    return figure.add_axes((left / width, bottom / height, wide / width, high / height))


def add_title(figure: Figure, title: str) -> None:
    """Put a title above axes that were placed by :func:`add_axis`; they leave half an inch for it."""
    height = figure.get_size_inches()[1]
    figure.suptitle(title, fontsize=10, family=find_fonts(), y=1 - 0.12 / height, va="top")
