"""Pairs of contents that show the same picture: near hashes, and what keypoints say, both proven by pixels."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.copies.alignment import align
from podium.copies.comparison import GLANCE_PX, MOSTLY_DRAWN, Comparison, compare, glance
from podium.copies.ink import compare_ink, is_page
from podium.copies.near_hashes import join_near
from podium.copies.overlay import shrink
from podium.copies.vocabulary import count_words, find_neighbours, learn_vocabulary
from podium.survey.keypoints import Keypoints, unpack_keypoints
from podium.threads import limit_opencv_threads

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Gray = npt.NDArray[np.uint8]
ReadKeypoints = Callable[[Sequence[str]], list[bytes]]

MIN_HASH_SIDE_PX = 64
"""Smaller pictures hold too little for hashes to tell copies from look-alikes."""

_N_NEAREST = 10
_MOST_NEAR_HASHES = 20
_READ_AT_ONCE, _PAIRS_AT_ONCE = 64, 256
_LEAST_AT_A_GLANCE = 0.8
_LEAST_AGREEING_ON_INK = 10
_CUT_BELOW = 0.85
_LARGE_PX = 128
_LEAST_TURN_DEGREES = 4.0

COLUMNS = {"first": "str", "second": "str", "kind": "str", "n_bits": "Int64", "similarity": "float64", "change": "str"}

NO_PAIRS = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})
"""What a search that finds nothing returns."""


@dataclass(frozen=True)
class Limits:
    """What counts as a copy.

    Attributes:
        max_bits: Largest distance of perceptual hashes at which two pictures are compared as they are.
        min_similarity: See :class:`podium.copies.comparison.Comparison`.
        min_page_similarity: The same of pictures that are more than half empty, such as pages, as two of one form share
            most of what is on them.
        min_small_similarity: The same of pictures of less than 128 px, which hold little.
        min_ink: See :func:`podium.copies.ink.compare_ink`, of pictures of 128 px and more.
        min_share: Of the smaller picture that the two have to share.
        min_side_px: Pictures with a shorter side are compared by bytes alone.
    """

    max_bits: int
    min_similarity: float
    min_share: float
    min_side_px: int
    min_page_similarity: float
    min_small_similarity: float
    min_ink: float

    def hold(self, found: Comparison) -> bool:
        """Tell whether two pictures are alike enough to be copies."""
        if found.side_px < _LARGE_PX:
            least = self.min_small_similarity
        else:
            least = self.min_similarity if found.drawn > MOSTLY_DRAWN else self.min_page_similarity
        return found.similarity >= least and found.share >= self.min_share

    def let_compare_ink(self, found: Comparison) -> bool:
        """Tell whether two pictures hold and share enough for what is written on them to be compared."""
        return found.side_px >= _LARGE_PX and found.share >= self.min_share


class Pair(NamedTuple):
    """Two contents that may be copies.

    Attributes:
        left, right: Rows of the table of contents, the lesser first.
        n_bits: In which their perceptual hashes differ, where that is why they are looked at; such are compared as they
            are.
        is_mirrored: The second is to be mirrored.
    """

    left: int
    right: int
    n_bits: int | None = None
    is_mirrored: bool = False


class Overlay(NamedTuple):
    """How the second picture of a pair is laid upon the first.

    Attributes:
        matrix: float64 (2, 3), from places on the second to places on the first, in shares of their long sides.
        look_alike: At a glance.
        may_be_written_on: Whether to compare their ink: one of them at least is a page, and many keypoints agree.
    """

    matrix: Floats
    look_alike: bool
    may_be_written_on: bool


class Picture(NamedTuple):
    """What is held of each picture during a search, about 30 KB.

    Attributes:
        keypoints: Without the gray picture.
        small: The gray picture for a glance.
    """

    keypoints: Keypoints
    small: Gray

    @classmethod
    def unpack(cls, data: bytes) -> "Picture":
        """Read what :func:`podium.survey.keypoints.describe_keypoints` wrote."""
        keypoints = unpack_keypoints(data)
        return cls(replace(keypoints, jpeg=b""), shrink(keypoints.read_gray(), GLANCE_PX))


def search_pairs(
    contents: pd.DataFrame, read_keypoints: ReadKeypoints, limits: Limits, *, n_jobs: int = 1
) -> pd.DataFrame:
    """Find all pairs of contents that show the same picture.

    Args:
        contents: sha256 (each once, sorted), width_px, height_px, perceptual_hash, and is_new (bool): pairs of two that
            are not new are not looked at.
        read_keypoints: Of contents by sha256; see :func:`podium.survey.keypoints.describe_keypoints`. Asked from
            several threads.
        limits: What counts as a copy.
        n_jobs: Threads; their number changes nothing else.

    Returns:
        first and second (sha256, the lesser first), kind ("look_alike" where hashes are near, else "edited"), n_bits
        (Int64, of look-alikes), similarity (float64), change (what was done to one of them); sorted.
    """
    if not contents["is_new"].any():
        return NO_PAIRS.copy()
    names = contents["sha256"].tolist()
    with limit_opencv_threads(), ThreadPoolExecutor(n_jobs) as pool:
        pairs, pictures = _list_candidates(contents, read_keypoints, limits, pool)

        def prove(block: list[Pair]) -> list[tuple[object, ...]]:
            return _prove(block, pictures, lambda numbers: read_keypoints([names[i] for i in numbers]), limits)

        blocks = [pairs[start : start + _PAIRS_AT_ONCE] for start in range(0, len(pairs), _PAIRS_AT_ONCE)]
        rows = [row for proven in pool.map(prove, blocks) for row in proven]
    found = pd.DataFrame(rows, columns=["left", "right", *list(COLUMNS)[2:]])
    ends = np.sort(found[["left", "right"]].to_numpy(np.int64), axis=1)
    table = found.assign(first=[names[i] for i in ends[:, 0]], second=[names[i] for i in ends[:, 1]])
    table = table.sort_values(["first", "second", "kind", "similarity"], ascending=[True, True, False, False])
    return table.drop_duplicates(["first", "second"])[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def find_near_hashes(contents: pd.DataFrame, max_bits: int) -> pd.DataFrame:
    """List pairs of contents whose perceptual hashes differ in few bits.

    Of very many that are all alike, such as nearly empty pages, each is paired with its nearest alone.

    Args:
        contents: width_px, height_px, perceptual_hash (hex).
        max_bits: Largest Hamming distance.

    Returns:
        left and right (int64, rows), n_bits (int64).
    """
    large = np.flatnonzero(contents[["width_px", "height_px"]].min(axis=1) >= MIN_HASH_SIDE_PX)
    hash_of_row, hashes = pd.factorize(contents["perceptual_hash"].iloc[large])
    if not len(hashes):
        return pd.DataFrame({name: np.array([], np.int64) for name in ("left", "right", "n_bits")})
    words = np.frombuffer(bytes.fromhex("".join(hashes)), dtype=np.uint64).reshape(len(hashes), -1)
    sets, words = join_near(words, max_bits)[hash_of_row], words[hash_of_row]
    order = np.argsort(sets, kind="stable")
    starts = np.flatnonzero(np.diff(sets[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    parts = [np.empty((3, 0), np.int64)]
    for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
        parts.append(_pair_set(order[start : start + length], words, max_bits))
    left, right, n_bits = np.concatenate(parts, axis=1)
    return pd.DataFrame({"left": large[left], "right": large[right], "n_bits": n_bits})


def _pair_set(rows: Rows, words: npt.NDArray[np.uint64], max_bits: int) -> npt.NDArray[np.int64]:
    """Pair each row of a set with those near to it, the nearest first, int64 (3, n): left, right, number of bits."""
    pairs = []
    for place, row in enumerate(rows[:-1].tolist()):
        behind = rows[place + 1 :]
        n_bits = np.bitwise_count(words[behind] ^ words[row]).sum(axis=1).astype(np.int64)
        nearest = np.argsort(n_bits, kind="stable")[:_MOST_NEAR_HASHES]
        nearest = nearest[n_bits[nearest] <= max_bits]
        pairs.append(np.stack([np.full(len(nearest), row), behind[nearest], n_bits[nearest]]))
    return np.concatenate(pairs, axis=1)


def _list_candidates(
    contents: pd.DataFrame, read_keypoints: ReadKeypoints, limits: Limits, pool: Executor
) -> tuple[list[Pair], dict[int, Picture]]:
    """List the pairs to look at, those of near hashes first, and the pictures of which they are."""
    is_new = contents["is_new"].to_numpy(bool)
    sides = contents[["width_px", "height_px"]].min(axis=1).to_numpy()
    near = find_near_hashes(contents, limits.max_bits)
    near = near[is_new[near["left"]] | is_new[near["right"]]]
    detailed = np.flatnonzero(sides >= limits.min_side_px)
    held = np.union1d(detailed, near[["left", "right"]].to_numpy().ravel()).tolist()
    names = contents["sha256"].tolist()

    def hold(start: int) -> list[Picture]:
        return [
            Picture.unpack(data) for data in read_keypoints([names[i] for i in held[start : start + _READ_AT_ONCE]])
        ]

    parts = pool.map(hold, range(0, len(held), _READ_AT_ONCE))
    pictures = dict(zip(held, (picture for part in parts for picture in part), strict=True))
    pairs = [Pair(*row) for row in near[["left", "right", "n_bits"]].to_numpy().tolist()]
    detailed = np.array([i for i in detailed.tolist() if len(pictures[i].keypoints)], dtype=np.int64)
    if len(detailed) > 1:
        keypoints = [pictures[i].keypoints for i in detailed.tolist()]
        plain, mirrored = count_words(learn_vocabulary(keypoints), keypoints, pool)
        for is_mirrored, queries in ((False, plain), (True, mirrored)):
            blocks = [detailed[np.stack(block)] for block in find_neighbours(queries, plain, _N_NEAREST)]
            ends = np.sort(np.concatenate([np.empty((2, 0), np.int64), *blocks], axis=1), axis=0)
            ends = np.unique(ends[:, is_new[ends].any(axis=0)], axis=1)
            pairs += [Pair(left, right, None, is_mirrored) for left, right in ends.T.tolist()]
    return pairs, pictures


def _prove(
    pairs: Sequence[Pair], pictures: Mapping[int, Picture], read: Callable[[Sequence[int]], list[bytes]], limits: Limits
) -> list[tuple[object, ...]]:
    """Lay the pictures of each pair upon each other, and compare closely those for which it is worth while."""
    laid = [(pair, overlay) for pair in pairs if (overlay := _lay(pair, pictures)) is not None]
    laid = [(pair, overlay) for pair, overlay in laid if overlay.look_alike or overlay.may_be_written_on]
    needed = sorted({end for pair, _ in laid for end in (pair.left, pair.right)})
    grays = {end: unpack_keypoints(data).read_gray() for end, data in zip(needed, read(needed), strict=True)}
    proven: list[tuple[object, ...]] = []
    for pair, overlay in laid:
        first, second = grays[pair.left], _turn_over(grays[pair.right], pair)
        found = compare(first, second, overlay.matrix)
        is_copy, is_written_on = overlay.look_alike and limits.hold(found), False
        if not is_copy and overlay.may_be_written_on and limits.let_compare_ink(found):
            found = replace(found, similarity=compare_ink(first, second, overlay.matrix))
            is_copy = is_written_on = found.similarity >= limits.min_ink
        if is_copy:
            kind = "edited" if pair.n_bits is None else "look_alike"
            change = _name_change(overlay.matrix, found, pair.is_mirrored, is_written_on)
            change = change if pair.n_bits is None else "saved anew"
            proven.append((pair.left, pair.right, kind, pair.n_bits, found.similarity, change))
    return proven


def _lay(pair: Pair, pictures: Mapping[int, Picture]) -> Overlay | None:
    """Say how the second picture of a pair is laid upon the first; None where it cannot be.

    Those of near hashes are stretched to one shape, others aligned by their keypoints.
    """
    first, second = pictures[pair.left], pictures[pair.right]
    smalls = (first.small, _turn_over(second.small, pair))
    if pair.n_bits is not None:
        shares = [(one.keypoints.width, one.keypoints.height) for one in (first, second)]
        matrix = np.array([[shares[0][0] / shares[1][0], 0, 0], [0, shares[0][1] / shares[1][1], 0]])
        return Overlay(matrix, glance(*smalls, matrix) >= _LEAST_AT_A_GLANCE, may_be_written_on=False)
    alignment = align(first.keypoints, second.keypoints.mirror() if pair.is_mirrored else second.keypoints)
    if alignment is None:
        return None
    is_sure = alignment.n_agreeing >= _LEAST_AGREEING_ON_INK
    look_alike = glance(*smalls, alignment.matrix) >= _LEAST_AT_A_GLANCE
    return Overlay(alignment.matrix, look_alike, may_be_written_on=is_sure and any(map(is_page, smalls)))


def _turn_over(gray: Gray, pair: Pair) -> Gray:
    return np.ascontiguousarray(gray[:, ::-1]) if pair.is_mirrored else gray


def _name_change(matrix: Floats, found: Comparison, is_mirrored: bool, is_written_on: bool) -> str:
    """Say what was done to one of the two: "mirrored", "turned 90°", "cut", "written on"; several, or none of them."""
    turn = round(float(np.degrees(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))))
    is_cut = min(found.share, found.share_of_larger) < _CUT_BELOW
    changes = ["mirrored"] * is_mirrored
    changes += [f"turned {abs(turn)}°"] * (abs(turn) >= _LEAST_TURN_DEGREES) + ["cut"] * is_cut
    changes += ["written on"] * is_written_on
    return ", ".join(changes) or "saved anew"
