"""The data of the page: columns as base64, so that a browser turns them into typed arrays without reading numbers."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.browser.gallery import TEST, Gallery, Probabilities
from podium.digests import digest_table, digest_values
from podium.ensembling.criteria import log_losses

N_TOP_CLASSES = 10
"""Classes a member and image whose probabilities are kept."""

FULL_CHANCE = 65535
"""Probabilities are kept in steps of 1/65535: off by at most 0.0000077."""

LARGEST_HEAT_PX = 64
THUMBNAILS_A_CHUNK = 32

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def pack_gallery(gallery: Gallery) -> dict[str, Any]:
    """Return all but the pictures as what JSON can hold.

    Numbers a row are typed arrays, little-endian, as base64; what a row lacks is -1, or NaN where numbers are real.
    """
    images = gallery.images
    labels = _to_labels(images["label"])
    groups, group_names = pd.factorize(images["group_id"].astype("str").where(images["group_id"].notna()))
    names = list(gallery.members)
    voters = [name for name in names if gallery.voters is None or name in gallery.voters]
    return {
        "title": gallery.title,
        "competition": gallery.competition,
        "key": name_marks(gallery),
        "classNames": list(map(str, gallery.class_names)),
        "attributes": [
            {"name": name, "values": list(attribute.values), "ofClass": [int(value) for value in attribute.of_class]}
            for name, attribute in gallery.attributes.items()
        ],
        "nKnown": len(images) if gallery.n_images_known is None else gallery.n_images_known,
        "ids": images["image_id"].astype("str").tolist(),
        "isTest": encode(images["subset"].eq(TEST), "u1"),
        "label": encode(labels, "<i2"),
        "fold": encode(_to_labels(images["fold"]), "<i2"),
        "group": encode(groups, "<i4"),
        "groupNames": group_names.tolist(),
        "original": images["original"].fillna("").astype("str").tolist(),
        "suspicion": encode(images["suspicion"], "<f4"),
        "suggested": encode(_to_labels(images["suggested"]), "<i2"),
        "disagreement": encode(measure_disagreement([gallery.members[name] for name in voters]), "<f4"),
        "members": [
            pack_member(name, gallery.members[name], labels, is_class_only=name in gallery.class_only) for name in names
        ],
        "voters": [names.index(name) for name in voters],
        "main": names.index(gallery.main),
        "reference": names.index(gallery.reference) if gallery.reference else -1,
        "nTop": min(N_TOP_CLASSES, len(gallery.class_names)),
        "heatMaps": pack_heat_maps(gallery.heat_maps),
        "heatMapTitle": gallery.heat_map_title,
        "heatColours": encode(list_heat_colours(), "u1") if gallery.heat_maps else "",
    }


def pack_member(name: str, chances: Probabilities, labels: Labels, *, is_class_only: bool) -> dict[str, Any]:
    """Return what one member says: its classes and, of probabilities, the losses, margins and likeliest classes.

    Args:
        name: Of the member.
        chances: float32 (n_images, n_classes); rows of NaN where it says nothing.
        labels: int64 (n_images,), -1 where unknown.
        is_class_only: Whether it gave classes alone.
    """
    predicted = find_predicted(chances)
    packed: dict[str, Any] = {"name": name, "classOnly": is_class_only, "predicted": encode(predicted, "<i2")}
    if is_class_only:
        return packed
    top = np.argsort(-chances, axis=1, kind="stable")[:, :N_TOP_CLASSES]  # NaN sorts last, and equals by label
    known = chances.astype(np.float64)
    return packed | {
        "loss": encode(measure_losses(known, labels), "<f4"),
        "margin": encode(measure_margins(known), "<f4"),
        "topClasses": encode(top, "<i2"),
        "topChances": encode(quantise(np.take_along_axis(known, top, axis=1)), "<u2"),
    }


def find_predicted(chances: Probabilities) -> Labels:
    """Return the likeliest class of each image, the lowest label among equals; -1 where the member says nothing."""
    says_nothing = find_silent(chances)
    return np.where(says_nothing, -1, np.where(says_nothing[:, None], 0, chances).argmax(axis=1)).astype(np.int64)


def find_silent(chances: Probabilities) -> npt.NDArray[np.bool_]:
    """Return the images of which a member says nothing, bool (n_images,)."""
    return np.asarray(np.isnan(chances).any(axis=1))


def measure_losses(chances: Floats, labels: Labels) -> Floats:
    """Return the log loss of each image in nats, float64 (n_images,); NaN where the class or the answer is unknown."""
    at_most_one = np.minimum(chances, 1.0)  # sums of floats may pass 1 by a last digit
    return np.where(labels < 0, np.nan, log_losses(at_most_one, np.maximum(labels, 0)))


def measure_margins(chances: Floats) -> Floats:
    """Return how far the likeliest class is ahead of the next, float64 (n_images,); NaN where nothing is said."""
    if chances.shape[1] < 2:
        return np.where(np.isnan(chances[:, 0]), np.nan, 1.0)
    best = np.partition(chances, -2, axis=1)[:, -2:]
    return best[:, 1] - best[:, 0]


def measure_disagreement(members: Sequence[Probabilities]) -> Floats:
    """Return how far members differ on each image, in bits: the Jensen-Shannon divergence of their probabilities.

    It is the entropy of their mean less the mean of their entropies (Lin, "Divergence measures based on the Shannon
    entropy", IEEE Transactions on Information Theory 37, 1991): 0 where all say the same, at most log2 of their number.
    Members that are unsure in the same way do not differ.

    Args:
        members: Each float32 (n_images, n_classes); rows of NaN do not count.

    Returns:
        float64 (n_images,); NaN where fewer than two members say anything.
    """
    if len(members) < 2:
        return np.full(len(members[0]) if members else 0, np.nan)
    n_speaking = np.zeros(len(members[0]))
    total, entropies = np.zeros(members[0].shape), np.zeros(len(members[0]))
    for chances in members:  # one after another: all at once would take as much memory again
        speaks = ~find_silent(chances)
        said = np.where(speaks[:, None], chances, 0).astype(np.float64)
        n_speaking += speaks
        total += said
        entropies += measure_entropy(said)
    at_least_one = np.maximum(n_speaking, 1)
    between = measure_entropy(total / at_least_one[:, None]) - entropies / at_least_one
    return np.where(n_speaking >= 2, np.maximum(between, 0), np.nan)


def measure_entropy(chances: Floats) -> Floats:
    """Return the entropy of each row in bits, float64 (n,)."""
    logs = np.log2(chances, out=np.zeros_like(chances), where=chances > 0)
    return -(chances * logs).sum(axis=1)


def quantise(chances: Floats) -> npt.NDArray[np.int64]:
    """Turn probabilities into whole steps of 1/65535; 0 where they are NaN."""
    return np.rint(np.nan_to_num(chances) * FULL_CHANCE).astype(np.int64)


def name_marks(gallery: Gallery) -> str:
    """Name what marks are of, so that those of other images or of another label version are not taken for these.

    The choice of images does not count where the gallery says what they were chosen from.
    """
    if gallery.content:
        return digest_values([gallery.content, *map(str, gallery.class_names)])
    return digest_content(gallery.images, gallery.class_names)


def digest_content(images: pd.DataFrame, class_names: Sequence[str]) -> str:
    """Digest which image is of which class."""
    labels = _to_labels(images["label"])
    named = np.array(["", *map(str, class_names)], dtype=object)[labels + 1]
    return digest_table(pd.DataFrame({"image_id": images["image_id"], "class_name": named}))


def pack_heat_maps(heat_maps: Mapping[int, npt.NDArray[np.uint8]]) -> list[dict[str, Any]]:
    """Return row, height, width and bytes of each heat map, by row; large ones are shrunk, since they are smooth."""
    packed = []
    for row in sorted(heat_maps):
        heat = shrink_heat_map(heat_maps[row])
        height, width = heat.shape
        packed.append({"row": int(row), "height": height, "width": width, "heat": encode(heat, "u1")})
    return packed


def shrink_heat_map(heat: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Average a heat map down to ``LARGEST_HEAT_PX`` at its longer side; a smaller one stays as it is."""
    from PIL import Image

    scale = LARGEST_HEAT_PX / max(heat.shape)
    if scale >= 1:
        return np.asarray(heat, np.uint8)
    size = max(1, round(heat.shape[1] * scale)), max(1, round(heat.shape[0] * scale))
    return np.asarray(Image.fromarray(np.asarray(heat, np.uint8)).resize(size, Image.Resampling.BOX))


def list_heat_colours() -> npt.NDArray[np.uint8]:
    """Return matplotlib's perceptually uniform colours from dark to light, uint8 (256, 3)."""
    from matplotlib import colormaps

    return np.asarray(colormaps["inferno"](np.arange(256), bytes=True))[:, :3]


def encode_thumbnails(thumbnails: Sequence[bytes]) -> tuple[list[str], str]:
    """Encode each picture by itself, and join some at a time, so that one is decoded without its neighbours.

    Returns:
        The chunks, and the lengths of all pictures in characters as base64 of uint32.
    """
    texts = [base64.b64encode(picture).decode("ascii") for picture in thumbnails]
    step = THUMBNAILS_A_CHUNK
    chunks = ["".join(texts[first : first + step]) for first in range(0, len(texts), step)]
    return chunks, encode([len(text) for text in texts], "<u4")


def encode(values: npt.ArrayLike, dtype: str) -> str:
    """Return numbers as base64 of a typed array.

    Raises:
        ValueError: A whole number does not fit into the type.
    """
    array = np.asarray(values)
    if np.dtype(dtype).kind in "iu" and array.size:
        bounds = np.iinfo(dtype)
        if array.min() < bounds.min or array.max() > bounds.max:
            raise ValueError(f"{array.min()} to {array.max()} do not fit into {dtype}")
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")


def _to_labels(column: pd.Series) -> Labels:
    return column.astype("Int64").fillna(-1).to_numpy(np.int64)
