"""Pairs of contents that show the same picture: near hashes, and what keypoints say, both proven by pixels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.copies.alignment import align
from podium.copies.comparison import MOSTLY_DRAWN, Comparison, compare
from podium.copies.embedding import embed, find_neighbours
from podium.copies.near_hashes import join_near
from podium.survey.keypoints import Keypoints, unpack_keypoints

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MIN_HASH_SIDE_PX = 64
"""Smaller pictures hold too little for hashes to tell copies from look-alikes."""

_N_NEAREST = 10
_MOST_NEAR_HASHES = 20
_ROWS_AT_ONCE = 128
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
        min_page_similarity: The same of pictures that hold little: those that are more than half empty, such as pages,
            as two of one form share most of what is on them, and those of less than 128 px.
        min_share: Of the smaller picture that the two have to share.
        min_side_px: Pictures with a shorter side are compared by bytes alone.
    """

    max_bits: int
    min_similarity: float
    min_share: float
    min_side_px: int
    min_page_similarity: float = 0.9

    def hold(self, found: Comparison) -> bool:
        """Tell whether two pictures are alike enough to be copies."""
        holds_much = found.drawn > MOSTLY_DRAWN and found.side_px >= _LARGE_PX
        least = self.min_similarity if holds_much else self.min_page_similarity
        return found.similarity >= least and found.share >= self.min_share


def search_pairs(
    contents: pd.DataFrame, read_keypoints: Callable[[Sequence[str]], list[bytes]], limits: Limits
) -> pd.DataFrame:
    """Find all pairs of contents that show the same picture.

    Args:
        contents: sha256 (each once, sorted), width_px, height_px, perceptual_hash.
        read_keypoints: Of contents by sha256; see :func:`podium.survey.keypoints.describe_keypoints`.
        limits: What counts as a copy.

    Returns:
        first and second (sha256, the lesser first), kind ("look_alike" where hashes are near, else "edited"), n_bits
        (Int64, of look-alikes), similarity (float64), change (what was done to one of them); sorted.
    """

    def load(numbers: Sequence[int]) -> list[Keypoints]:
        return [unpack_keypoints(data) for data in read_keypoints([names[number] for number in numbers])]

    names = contents["sha256"].tolist()
    detailed = np.flatnonzero(contents[["width_px", "height_px"]].min(axis=1) >= limits.min_side_px)
    near = find_near_hashes(contents, limits.max_bits)
    rows = [_describe_look_alike(*pair, limits) for pair in _load_pairs(near, load)]
    rows += [_describe_edited(*pair, limits) for pair in _list_candidates(detailed, load)]
    found = pd.DataFrame([row for row in rows if row is not None], columns=["left", "right", *list(COLUMNS)[2:]])
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
    sets = join_near(words, max_bits)[hash_of_row]
    order = np.argsort(sets, kind="stable")
    starts = np.flatnonzero(np.diff(sets[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    parts = [np.empty((3, 0), np.int64)]
    for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
        parts.append(_pair_set(order[start : start + length], words[hash_of_row], max_bits))
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


def _load_pairs(
    near: pd.DataFrame, load: Callable[[Sequence[int]], list[Keypoints]]
) -> Iterator[tuple[int, int, int, Keypoints, Keypoints]]:
    for start in range(0, len(near), _ROWS_AT_ONCE):
        part = near.iloc[start : start + _ROWS_AT_ONCE]
        known = _load_once(part[["left", "right"]].to_numpy().ravel(), load)
        for left, right, n_bits in part[["left", "right", "n_bits"]].to_numpy().tolist():
            yield left, right, n_bits, known[left], known[right]


def _list_candidates(
    detailed: Rows, load: Callable[[Sequence[int]], list[Keypoints]]
) -> Iterator[tuple[int, int, bool, Keypoints, Keypoints]]:
    """Yield the pairs that are near by their vectors: two contents, and whether the second is mirrored."""
    if len(detailed) < 2:
        return
    plain, mirrored = embed(lambda numbers: load(detailed[list(numbers)].tolist()), len(detailed))
    for is_mirrored, queries in ((False, plain), (True, mirrored)):
        seen: set[tuple[int, int]] = set()
        for rows, others in find_neighbours(queries, plain, _N_NEAREST):
            pairs = {(min(pair), max(pair)) for pair in zip(rows.tolist(), others.tolist(), strict=True)} - seen
            seen |= pairs
            ordered = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
            for start in range(0, len(ordered), 8 * _ROWS_AT_ONCE):
                part = detailed[ordered[start : start + 8 * _ROWS_AT_ONCE]]
                known = _load_once(part.ravel(), load)
                for left, right in part.tolist():
                    yield left, right, is_mirrored, known[left], known[right]


def _load_once(rows: Rows, load: Callable[[Sequence[int]], list[Keypoints]]) -> dict[int, Keypoints]:
    needed = np.unique(rows).tolist()
    return dict(zip(needed, load(needed), strict=True))


def _describe_look_alike(
    left: int, right: int, n_bits: int, first: Keypoints, second: Keypoints, limits: Limits
) -> tuple[object, ...] | None:
    """Compare two pictures of near hashes as they are, one stretched to the other's shape."""
    matrix = np.array([[first.width / second.width, 0, 0], [0, first.height / second.height, 0]])
    found = compare(first.read_gray(), second.read_gray(), matrix)
    return (left, right, "look_alike", n_bits, found.similarity, "saved anew") if limits.hold(found) else None


def _describe_edited(
    left: int, right: int, is_mirrored: bool, first: Keypoints, second: Keypoints, limits: Limits
) -> tuple[object, ...] | None:
    """Lay one picture upon the other by their keypoints, and compare them."""
    alignment = align(first, second.mirror() if is_mirrored else second)
    if alignment is None:
        return None
    gray = second.read_gray()
    gray = np.ascontiguousarray(gray[:, ::-1]) if is_mirrored else gray
    found = compare(first.read_gray(), gray, alignment.matrix)
    if not limits.hold(found):
        return None
    return left, right, "edited", None, found.similarity, _name_change(alignment.matrix, found, is_mirrored)


def _name_change(matrix: Floats, found: Comparison, is_mirrored: bool) -> str:
    """Say what was done to one of the two: "mirrored", "turned 90°", "cut"; several, or none of them."""
    turn = round(float(np.degrees(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))))
    is_cut = min(found.share, found.share_of_larger) < _CUT_BELOW
    changes = ["mirrored"] * is_mirrored
    changes += [f"turned {abs(turn)}°"] * (abs(turn) >= _LEAST_TURN_DEGREES) + ["cut"] * is_cut
    return ", ".join(changes) or "saved anew"
