"""One vector a picture, so that only pictures that may be copies are laid upon each other.

VLAD (Jégou, Douze, Schmid and Pérez, 2010, "Aggregating local descriptors into a compact image representation"): what
the descriptors of a picture differ in from the nearest of some typical ones, summed up for each of these; each sum
brought to length 1 (Arandjelović and Zisserman, 2013, "All about VLAD"), and all of them reduced to their main
directions. What is typical is learned from the set itself, with a seed, so nothing has to be fetched.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from podium.survey.keypoints import N_BINS, Keypoints

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
N_EXACT = 30_000
"""Pictures of which each is compared with every other; among more, with those of the nearest cells alone."""

_N_WORDS = 64
_N_DIRECTIONS = 256
_N_LEARNED_FROM = 1_000
_N_ROUNDS = 15
_DESCRIPTORS_OF_EACH = 16
_AT_ONCE, _EMBEDDED_AT_ONCE = 512, 64
_CELL = 2_000
_N_CELLS_SEARCHED = 8


def embed(pictures: Sequence[Keypoints], pool: Executor) -> tuple[Vectors, Vectors]:
    """Turn the keypoints of each picture into a vector, and those of its mirror image.

    Returns:
        Two of float32 (n, at most 256), with rows of length 1, or 0 for a picture without keypoints.
    """
    n = len(pictures)
    sample = np.sort(np.random.default_rng(0).choice(n, min(n, _N_LEARNED_FROM), replace=False)).tolist()
    learned_from = [pictures[number].descriptors for number in sample]
    words = _learn_words(np.concatenate([descriptors[:_DESCRIPTORS_OF_EACH] for descriptors in learned_from]))
    if not len(words):
        return np.zeros((n, 1), np.float32), np.zeros((n, 1), np.float32)
    directions = _find_directions(np.stack([_aggregate(descriptors, words) for descriptors in learned_from]))

    def embed_part(start: int) -> tuple[Vectors, Vectors]:
        part = pictures[start : start + _EMBEDDED_AT_ONCE]
        plain = [_aggregate(picture.descriptors, words) for picture in part]
        mirrored = [_aggregate(picture.mirror().descriptors, words) for picture in part]
        return _normalise(np.stack(plain) @ directions), _normalise(np.stack(mirrored) @ directions)

    plain, mirrored = zip(*pool.map(embed_part, range(0, n, _EMBEDDED_AT_ONCE)), strict=True)
    return np.concatenate(plain), np.concatenate(mirrored)


def find_neighbours(queries: Vectors, vectors: Vectors, n_nearest: int) -> Iterator[tuple[Rows, Rows]]:
    """Find the pictures that are nearest to each picture, itself left out; pictures without keypoints have none.

    Args:
        queries: float32 (n, d), the pictures as they are, or mirrored.
        vectors: float32 (n, d), the pictures as they are.
        n_nearest: How many of each.

    Yields:
        A block of pictures at a time, two int64 (n_pairs,): the picture, and one of those nearest to it.
    """
    known = np.flatnonzero(vectors.any(axis=1))
    for asked, among in _list_blocks(queries[known], vectors[known]):
        rows, others = known[asked], known[among]
        n_kept = min(n_nearest, len(others) - 1)
        if n_kept < 1:
            continue
        cosines = queries[rows] @ vectors[others].T
        cosines[rows[:, None] == others[None]] = -np.inf
        nearest = np.argpartition(-cosines, n_kept - 1, axis=1)[:, :n_kept]
        yield np.repeat(rows, n_kept), others[nearest].ravel()


def _list_blocks(queries: Vectors, vectors: Vectors) -> Iterator[tuple[Rows, Rows]]:
    """Yield which rows to ask for at once, and among which to look."""
    n = len(vectors)
    if n <= N_EXACT:
        for start in range(0, n, _AT_ONCE):
            yield np.arange(start, min(start + _AT_ONCE, n)), np.arange(n)
        return
    centres = vectors[np.random.default_rng(0).choice(n, n // _CELL, replace=False)]
    near = np.argsort(-(centres @ centres.T), axis=1, kind="stable")[:, :_N_CELLS_SEARCHED]
    cells, asked = (np.concatenate([(some @ centres.T).argmax(axis=1) for some in _cut(table)])
                    for table in (vectors, queries))  # fmt: skip
    for cell in range(len(centres)):
        rows, among = np.flatnonzero(asked == cell), np.flatnonzero(np.isin(cells, near[cell]))
        for start in range(0, len(rows), _AT_ONCE):
            yield rows[start : start + _AT_ONCE], among


def _cut(table: Vectors) -> Iterator[Vectors]:
    return (table[start : start + _AT_ONCE] for start in range(0, len(table), _AT_ONCE))


def _learn_words(descriptors: Vectors) -> Vectors:
    """Find typical descriptors by k-means (Lloyd, 1982), float32 (n_words, 128); all of them where there are few."""
    if len(descriptors) <= _N_WORDS:
        return descriptors
    words = descriptors[np.sort(np.random.default_rng(0).choice(len(descriptors), _N_WORDS, replace=False))]
    for _ in range(_N_ROUNDS):
        chosen = _choose_words(descriptors, words)
        counts = chosen.sum(axis=0)[:, None]
        words = np.where(counts > 0, chosen.T @ descriptors / np.maximum(counts, 1), words)
    return np.asarray(words, dtype=np.float32)


def _choose_words(descriptors: Vectors, words: Vectors) -> Vectors:
    """Tell which word is the nearest of each descriptor, float32 (n, n_words): 1 there, else 0."""
    nearest = (descriptors @ words.T - 0.5 * (words * words).sum(axis=1)).argmax(axis=1)
    return np.asarray(nearest[:, None] == np.arange(len(words)), dtype=np.float32)


def _aggregate(descriptors: Vectors, words: Vectors) -> Vectors:
    """Sum up what descriptors differ in from the nearest word, float32 (n_words * 128,)."""
    chosen = _choose_words(descriptors, words)
    sums = chosen.T @ descriptors - chosen.sum(axis=0)[:, None] * words
    return _normalise(np.asarray(sums, dtype=np.float32).reshape(len(words), N_BINS)).ravel()


def _find_directions(vectors: Vectors) -> Vectors:
    """Find the main directions of vectors (n, d), half of their unequal variance taken off, float32 (d, at most 256).

    From the products of all pairs, as there are fewer vectors than numbers in each.
    """
    centred = vectors - vectors.mean(axis=0)
    squares, turns = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    order = np.argsort(-squares, kind="stable")[:_N_DIRECTIONS]
    order = order[squares[order] > 1e-8 * max(float(squares.max()), 1e-12)]
    sizes = np.sqrt(np.maximum(squares[order], 1e-12))
    axes = (centred.T @ turns[:, order]) / sizes
    return np.asarray(axes / np.sqrt(sizes), dtype=np.float32)


def _normalise(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), dtype=np.float32)
