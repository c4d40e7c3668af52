"""A sheet of copies, to judge them in a glance."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from podium.plots import find_fonts

N_MOST = 40
_N_COLUMNS = 4
_SIDE_PX = 160
_NAME_LETTERS = 30


def choose_pairs(copies: pd.DataFrame) -> pd.DataFrame:
    """Choose what to look at: each pair once, the least similar first, those of the same bytes last.

    Args:
        copies: image_id, closest_id, kind, similarity, n_bits, change.

    Returns:
        At most :data:`N_MOST` rows of ``copies``.
    """
    ends = pd.Series([tuple(sorted(pair)) for pair in zip(copies["image_id"], copies["closest_id"], strict=True)])
    once = copies.reset_index(drop=True)[~ends.duplicated().to_numpy(bool)]
    doubt = once.assign(is_equal=once["kind"] == "bytes")
    return doubt.sort_values(["is_equal", "similarity", "image_id"]).head(N_MOST).reset_index(drop=True)


def draw_pairs(pairs: pd.DataFrame, thumbnails: Sequence[tuple[bytes, bytes]], n_images: int) -> Figure:
    """Draw each pair side by side, with what it was found by above and the ids below.

    Args:
        pairs: image_id, closest_id, kind, similarity, n_bits, change; one row a pair.
        thumbnails: JPEG of both images of each pair.
        n_images: That have copies, for the title.
    """
    n_rows = max(-(-len(pairs) // _N_COLUMNS), 1)
    figure = Figure(figsize=(3.4 * _N_COLUMNS, 2.35 * n_rows + 0.6), layout="constrained")
    axes, fonts = figure.subplots(n_rows, _N_COLUMNS, squeeze=False).ravel(), find_fonts()
    for axis in axes:
        axis.set_axis_off()
    for axis, row, (first, second) in zip(axes, pairs.itertuples(), thumbnails, strict=False):
        axis.imshow(np.concatenate([_fit(first), _fit(second)], axis=1))
        axis.set_title(_describe(row.kind, row.similarity, row.n_bits, row.change), fontsize=8, family=fonts)
        names = f"{_shorten(row.image_id)}\n{_shorten(row.closest_id)}"
        axis.text(0.5, -0.02, names, transform=axis.transAxes, ha="center", va="top", fontsize=6, family=fonts)
    shown = f"{n_images} images with copies; {len(pairs)} pairs, the least similar first" if n_images else "no copies"
    figure.suptitle(shown, fontsize=10, family=fonts)
    return figure


def _describe(kind: str, similarity: float, n_bits: int | None, change: str) -> str:
    if kind == "bytes":
        return "the same bytes"
    bits = "" if pd.isna(n_bits) else f", {n_bits} bits"
    return f"{kind.replace('_', ' ')}: {similarity:.2f}{bits}, {change}"


def _fit(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """Put a thumbnail on a gray square, uint8 (_SIDE_PX, _SIDE_PX, 3)."""
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    return np.asarray(ImageOps.pad(image, (_SIDE_PX, _SIDE_PX), color=(200, 200, 200)))


def _shorten(image_id: str) -> str:
    """Keep the end of a long id, which tells more than its beginning."""
    return image_id if len(image_id) <= _NAME_LETTERS else f"…{image_id[1 - _NAME_LETTERS :]}"
