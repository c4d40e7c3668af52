"""Copies of one image: the same bytes, or the same picture saved again."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from podium.near_hashes import join_near

MIN_SIDE_PX = 64
"""Smaller pictures hold too little for hashes to tell copies from look-alikes; they are compared by bytes alone."""


def join_groups(images: pd.DataFrame, max_bits: int) -> npt.NDArray[np.int64]:
    """Number the sets of images that must stay on one side of a split.

    Two images belong together when they share a group, or a sha256, or when both measure :data:`MIN_SIDE_PX` or more a
    side and their perceptual hashes differ in at most ``max_bits`` bits; so do images that are joined by a chain of
    such pairs.

    Args:
        images: group_id, sha256, width_px, height_px and perceptual_hash (hex), one row an image.
        max_bits: Largest Hamming distance between copies.

    Returns:
        int64, (n_images,): the number of each image's set, counted from 0 in order of first appearance.
    """
    detailed = np.flatnonzero(images[["width_px", "height_px"]].min(axis=1) >= MIN_SIDE_PX)
    hash_of_image, hashes = pd.factorize(images["perceptual_hash"].iloc[detailed])
    resembling = join_near(_unpack(hashes), max_bits)[hash_of_image] if len(hashes) else hash_of_image
    groups = pd.factorize(images["group_id"])[0]
    files = pd.factorize(images["sha256"])[0]
    # Nodes of the graph: images, then groups, files and sets of hashes; an edge says that two things belong together.
    n = len(images)
    starts = np.cumsum([0, n, groups.max(initial=-1) + 1, files.max(initial=-1) + 1])
    image = np.arange(n)
    left = np.concatenate([image, image, detailed])
    right = np.concatenate([groups + starts[1], files + starts[2], resembling + starts[3]])
    size = int(starts[3]) + len(hashes)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    sets = connected_components(graph, directed=False)[1][:n]
    return pd.factorize(sets)[0].astype(np.int64)


def _unpack(hashes: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Turn hex strings of one length into uint64 words, (n, n_words)."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint64).reshape(len(hashes), -1)
