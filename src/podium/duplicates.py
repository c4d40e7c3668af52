"""Copies of one image: the same bytes, or the same picture saved again."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MIN_SIDE_PX = 64
"""Smaller pictures hold too little for hashes to tell copies from look-alikes; they are compared by bytes alone."""

_BLOCK = 2048


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
    hashes, hash_of_image = np.unique(images["perceptual_hash"].to_numpy(str)[detailed], return_inverse=True)
    groups = pd.factorize(images["group_id"])[0]
    files = pd.factorize(images["sha256"])[0]
    # Nodes of the graph: images, then groups, files and hashes; an edge says that two things belong together.
    n = len(images)
    starts = np.cumsum([0, n, groups.max(initial=-1) + 1, files.max(initial=-1) + 1])
    image = np.arange(n)
    near = np.array(list(_find_near_pairs(_unpack(hashes), max_bits)), dtype=np.int64).reshape(-1, 2) + starts[3]
    left = np.concatenate([image, image, detailed, near[:, 0]])
    right = np.concatenate([groups + starts[1], files + starts[2], hash_of_image + starts[3], near[:, 1]])
    size = int(starts[3]) + len(hashes)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    sets = connected_components(graph, directed=False)[1][:n]
    return pd.factorize(sets)[0].astype(np.int64)


def _unpack(hashes: npt.NDArray[np.str_]) -> npt.NDArray[np.uint64]:
    """Turn hex strings into uint64 words, (n, n_words)."""
    if not len(hashes):
        return np.empty((0, 4), dtype=np.uint64)
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint64).reshape(len(hashes), -1)


def _find_near_pairs(words: npt.NDArray[np.uint64], max_bits: int) -> Iterator[tuple[int, int]]:
    """Yield every pair of rows that differ in at most ``max_bits`` bits, comparing block with block."""
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK]
        for other in range(start, len(words), _BLOCK):
            rest = words[other : other + _BLOCK]
            distance = np.zeros((len(block), len(rest)), dtype=np.uint16)
            for word in range(words.shape[1]):
                distance += np.bitwise_count(block[:, word, None] ^ rest[None, :, word])
            for i, j in zip(*np.nonzero(distance <= max_bits), strict=True):
                if start + i < other + j:
                    yield int(start + i), int(other + j)
