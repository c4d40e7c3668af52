"""Sets of hashes that differ in few bits, exactly, without comparing every pair.

If two hashes differ in at most r bits and their bits are cut into r + 1 chunks, one chunk at least is the same in both,
so it is enough to compare hashes that share a chunk. Chunks of so few bits are shared by chance far too often, though.
With more chunks than that, several are the same: cut into r + (t - 1) g + 1 chunks that are put into g groups, and some
group has t of them, for if each had t - 1 at most, r + 1 chunks would differ. So hashes are compared that share some t
chunks of a group: a pass for each such choice sorts by those chunks and compares within runs of equal ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

_WORD_BITS = 64
_PAIRS_AT_ONCE = 1 << 20
_SAMPLE = 2048
_MAX_PASSES = 2000
_S_PER_PASS, _S_PER_ROW, _S_PER_PAIR = 1e-4, 6e-8, 3e-8
"""Rough costs, to choose between few passes with many pairs and many passes with few; results do not depend on them."""


@dataclass(frozen=True)
class Plan:
    """Which chunks to sort by.

    Attributes:
        groups: Of chunks, each a list of bits.
        n_shared: Chunks of a group that near hashes share; 0 compares all pairs.
    """

    groups: Sequence[Sequence[npt.NDArray[np.intp]]]
    n_shared: int

    @property
    def n_passes(self) -> int:
        """How often everything is sorted."""
        return sum(comb(len(group), self.n_shared) for group in self.groups)


def join_near(words: Words, max_bits: int) -> Integers:
    """Number the sets of hashes that are joined by chains of pairs which differ in at most ``max_bits`` bits.

    A pass over n hashes takes n log n; up to about 20 of 256 bits, the number of passes grows with log n. Far more bits
    leave nothing but comparing all pairs, and so do hashes that are nearly all alike without being near. Memory grows
    with n alone.

    Args:
        words: uint64, (n, n_words), each row a hash, all different.
        max_bits: Largest Hamming distance between neighbours.

    Returns:
        int64, (n,): one number a set, any but the same for all of the set.
    """
    columns = np.ascontiguousarray(words.T)
    sets = np.arange(len(words))
    plan = choose_plan(columns, max_bits)
    for keys in _list_keys(columns, plan):
        rows, runs = _find_runs(keys)
        sets = _join_runs(columns, max_bits, sets, rows, runs)
    return sets


def choose_plan(columns: Words, max_bits: int) -> Plan:
    """Choose the plan that should take the least time, from how often a sample of the hashes shares its keys.

    Args:
        columns: uint64, (n_words, n).
        max_bits: Largest Hamming distance between neighbours.

    Returns:
        The plan; all of them find the same sets.
    """
    n_words, n = columns.shape
    n_bits = n_words * _WORD_BITS
    sample = columns[:, np.random.default_rng(0).choice(n, min(n, _SAMPLE), replace=False)]
    # Bits that say as much are dealt to different chunks, so that all chunks say about as much.
    shares = np.array([_read_bit(sample, bit).mean() for bit in range(n_bits)])
    order = np.argsort(np.abs(shares - 0.5), kind="stable")
    best, least_s = Plan([[]], 0), _S_PER_PAIR * n * n / 2
    for plan in _list_plans(order, max_bits):
        cost_s = plan.n_passes * (_S_PER_PASS + _S_PER_ROW * n)
        keys = _list_keys(sample, plan)
        while cost_s < least_s and (key := next(keys, None)) is not None:
            cost_s += _S_PER_PAIR * n * n / 2 * _share_pairs(key)
        if cost_s < least_s:
            best, least_s = plan, cost_s
    return best


def _list_plans(order: Integers, max_bits: int) -> Iterator[Plan]:
    """Yield plans of more and more passes for each number of shared chunks."""
    for n_shared in range(1, 5):
        most = 1 if n_shared == 1 else max(max_bits // 2, 1)  # of single chunks, all are sorted by anyway
        for n_groups in range(most, 0, -1):
            n_chunks = max_bits + (n_shared - 1) * n_groups + 1
            if n_chunks > len(order) or n_chunks // n_groups < n_shared:
                continue
            chunks = [order[k::n_chunks] for k in range(n_chunks)]
            plan = Plan([chunks[k::n_groups] for k in range(n_groups)], n_shared)
            if plan.n_passes <= _MAX_PASSES:
                yield plan


def _list_keys(columns: Words, plan: Plan) -> Iterator[Words]:
    """Yield the keys of each pass, uint64 (n,): the shared chunks above, the row below.

    As many bits of the chunks are taken as have room above the row; fewer only bring more pairs to compare.
    """
    n = columns.shape[1]
    rows = np.arange(n, dtype=np.uint64)
    row_bits = max(n - 1, 1).bit_length()
    for group in plan.groups:
        width = (_WORD_BITS - row_bits) // max(plan.n_shared, 1)
        chunks = [_gather_bits(columns, bits[:width]) for bits in group]
        for shared in combinations(range(len(group)), plan.n_shared):
            keys = np.zeros(n, dtype=np.uint64)
            for chunk in shared:
                keys <<= np.uint64(min(len(group[chunk]), width))
                keys |= chunks[chunk]
            keys <<= np.uint64(row_bits)
            keys |= rows
            yield keys


def _gather_bits(columns: Words, bits: npt.NDArray[np.intp]) -> Words:
    """Put the given bits of each hash, at most 64, side by side, uint64 (n,)."""
    value = np.zeros(columns.shape[1], dtype=np.uint64)
    for bit in bits.tolist():
        value <<= np.uint64(1)
        value |= _read_bit(columns, bit)
    return value


def _read_bit(columns: Words, bit: int) -> Words:
    """Return one bit of each hash, 0 or 1, uint64 (n,)."""
    return columns[bit // _WORD_BITS] >> np.uint64(bit % _WORD_BITS) & np.uint64(1)


def _share_pairs(keys: Words) -> float:
    """Return the share of pairs of rows that a pass would compare."""
    _, runs = _find_runs(keys)
    lengths = np.bincount(runs)
    return float((lengths * (lengths - 1)).sum() / max(len(keys) * (len(keys) - 1), 1))


def _find_runs(keys: Words) -> tuple[Integers, Integers]:
    """Sort keys, and return the rows that share theirs with others, and the number of the run of each, int64 (k,)."""
    row_bits = np.uint64(max(len(keys) - 1, 1).bit_length())
    keys = np.sort(keys)
    shared = keys >> row_bits
    is_same = np.concatenate([[False], shared[1:] == shared[:-1], [False]])
    in_run = is_same[:-1] | is_same[1:]
    rows = (keys[in_run] & ((np.uint64(1) << row_bits) - np.uint64(1))).astype(np.int64)
    return rows, np.cumsum(~is_same[:-1][in_run]) - 1


def _join_runs(columns: Words, max_bits: int, sets: Integers, rows: Integers, runs: Integers) -> Integers:
    """Join what is near within each run; only rows that are not in one set yet are compared.

    Args:
        columns: uint64, (n_words, n).
        max_bits: Largest Hamming distance between neighbours.
        sets: int64 (n,), so far.
        rows: int64 (k,).
        runs: int64 (k,), the run of each of these rows, ascending.

    Returns:
        int64 (n,): the sets, with more of them joined.
    """
    while len(rows):
        rows, runs, n_later, first = _line_up(sets, rows, runs)
        ends = np.cumsum(n_later)
        for start, stop in _cut(ends):
            counts = n_later[start:stop]
            left = np.repeat(rows[start:stop], counts)
            shifts = first[start:stop] - np.cumsum(counts) + counts
            right = rows[np.arange(len(left)) + np.repeat(shifts, counts)]
            left, right = _keep_near(columns, max_bits, left, right)
            if len(left):
                sets = _join(sets, left, right)
                rows, runs = rows[stop:], runs[stop:]  # those before have been compared with all in their run
                break
        else:
            break
    return sets


def _line_up(sets: Integers, rows: Integers, runs: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """Sort each run by sets, so that a row need only be compared with those behind its own set.

    Returns:
        The rows and runs that have something to be compared with, and of each row, with how many, beginning where.
    """
    set_bits = np.int64(max(len(sets) - 1, 1).bit_length())
    places = runs << set_bits | sets[rows]
    order = np.argsort(places, kind="stable")  # quick on what is nearly sorted, as most sets have one row
    places, rows, runs = places[order], rows[order], runs[order]
    first = _find_ends(places)
    return rows, runs, _find_ends(runs) - first, first


def _find_ends(values: Integers) -> Integers:
    """Return where the run of equal values ends that each value is in, int64 (k,)."""
    ends = np.concatenate([np.flatnonzero(values[1:] != values[:-1]) + 1, [len(values)]])
    return np.repeat(ends, np.diff(ends, prepend=0))


def _cut(ends: Integers) -> Iterator[tuple[int, int]]:
    """Cut rows into parts of about :data:`_PAIRS_AT_ONCE` pairs; ``ends`` is the running number of pairs, (k,)."""
    start = 0
    while start < len(ends) and (done := int(ends[start - 1]) if start else 0) < ends[-1]:
        stop = max(int(np.searchsorted(ends, done + _PAIRS_AT_ONCE, side="right")), start + 1)
        yield start, stop
        start = stop


def _keep_near(columns: Words, max_bits: int, left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """Keep the pairs of rows that differ in at most ``max_bits`` bits."""
    distance = np.zeros(len(left), dtype=np.uint16)
    for column in columns:
        distance += np.bitwise_count(column[left] ^ column[right])
        near = distance <= max_bits
        left, right, distance = left[near], right[near], distance[near]
    return left, right


def _join(sets: Integers, left: Integers, right: Integers) -> Integers:
    """Join the sets of pairs of rows; a joined set is called after the least of its parts."""
    names, ends = np.unique(np.stack([sets[left], sets[right]]), return_inverse=True)
    graph = coo_array((np.ones(len(left), dtype=np.int8), tuple(ends)), shape=(len(names), len(names)))
    _, parts = connected_components(graph, directed=False)
    renamed = np.arange(len(sets))
    renamed[names] = names[np.unique(parts, return_index=True)[1]][parts]
    return renamed[sets]
