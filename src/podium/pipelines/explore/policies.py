"""Every policy on the same pictures, above real test pictures."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from podium.errors import InputError
from podium.pipelines.explore.sheets import DPI, GROUND, LETTER_IN, add_axis, add_title
from podium.plots import fill_grid, measure_text
from podium.vision.augmentation import augment_batch, build_policy, resolve_policy

Pixels = npt.NDArray[np.uint8]

SMALLEST_PX, LARGEST_PX = 96, 208
"""Sides between which a picture stands on the sheet, whatever the size of the input."""

MAX_SHEET_PX = 4200
LETTERS_AN_INCH = 15


def apply_policies(
    policies: Mapping[str, Sequence[Mapping[str, Any]]], pixels: Pixels, seed: int
) -> dict[str, Pixels | str]:
    """Augment the same pictures by every policy.

    Args:
        policies: By name, their steps as configured.
        pixels: uint8, (n, height, width, 3).
        seed: The same for every policy.

    Returns:
        By name: the augmented pictures, or why the policy cannot be applied at this size.
    """
    height, width = pixels.shape[1:3]
    shown: dict[str, Pixels | str] = {}
    for name, steps in policies.items():
        try:
            shown[name] = augment_batch(build_policy(resolve_policy(name, steps, (height, width))), pixels, seed)
        except InputError as error:
            shown[name] = "; ".join(case.removeprefix(f"policies.{name}.") for case in error.cases)
    return shown


def draw_policies(sections: Sequence[Sequence[tuple[str, Pixels | str]]], title: str) -> Figure:
    """Draw a row for each policy: its pictures, or why there are none.

    Args:
        sections: Of rows, with a line between one section and the next: their titles, and uint8 (n, height, width, 3)
            or a text. The first row has the most pictures.
        title: Of the figure.
    """
    rows = [row for section in sections for row in section]
    first = rows[0][1]
    assert not isinstance(first, str)
    n_columns, height, width = first.shape[:3]
    size = _choose_cell(height, width, len(rows))
    grid = np.full((len(rows), n_columns, *size, 3), GROUND, np.uint8)
    for line, (_, pictures) in zip(grid, rows, strict=True):
        if not isinstance(pictures, str):
            line[: len(pictures)] = [_scale(picture, size) for picture in pictures]
    gap = max(1, size[1] // 16)
    titles_in = LETTER_IN * (3 + max(measure_text(name) for name, _ in rows))
    sheet_in = n_columns * (size[1] + gap) / DPI, len(rows) * (size[0] + gap) / DPI
    figure = Figure(figsize=(titles_in + sheet_in[0] + 0.1, sheet_in[1] + 0.6))
    axis = add_axis(figure, (titles_in, 0.1, *sheet_in))
    fill_grid(axis, grid, [name for name, _ in rows], [], GROUND)
    for place, (_, reason) in enumerate(rows):
        if isinstance(reason, str):
            words = textwrap.shorten(f"cannot be applied to pictures of {height} x {width} px: {reason}", 400)
            lines = textwrap.fill(words, int(sheet_in[0] * LETTERS_AN_INCH))
            axis.text(gap, (place + 0.5) * (size[0] + gap) - gap / 2, lines, fontsize=8, va="center")
    for end in itertools.accumulate(len(section) for section in sections[:-1]):
        axis.axhline(end * (size[0] + gap) - gap / 2, color="black", linewidth=1.2)
    add_title(figure, title)
    return figure


def _choose_cell(height: int, width: int, n_rows: int) -> tuple[int, int]:
    """Choose height and width of a picture on the sheet, with the aspect ratio of the input."""
    scale = float(np.clip(max(height, width), SMALLEST_PX, LARGEST_PX)) / max(height, width)
    scale = min(scale, MAX_SHEET_PX / n_rows / height)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _scale(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Small pictures keep their pixels' edges, so that noise is seen as it is."""
    way = Image.Resampling.BOX if size[0] <= picture.shape[0] else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize((size[1], size[0]), way))
