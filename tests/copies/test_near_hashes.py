"""Sets of near hashes, against every pair compared by hand, whatever the plan and whatever the hashes look like."""

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from podium.copies import near_hashes
from podium.copies.near_hashes import Plan, choose_plan, join_near

Bits = np.ndarray
N_BITS = 256


def draw_random(n: int, rng: np.random.Generator) -> Bits:
    return rng.random((n, N_BITS)) < 0.5


def draw_nearly_empty(n: int, rng: np.random.Generator) -> Bits:
    """As of pages: a twentieth of the bits is set, so that chunks are shared far more often than by chance."""
    return rng.random((n, N_BITS)) < 0.05


def draw_alike(n: int, rng: np.random.Generator) -> Bits:
    """As of one scene taken again and again: the same but for a bit here and there."""
    return (rng.random(N_BITS) < 0.5) ^ (rng.random((n, N_BITS)) < 0.01)


def draw_in_stripes(n: int, rng: np.random.Generator) -> Bits:
    """Neighbouring bits are the same, eight at a time."""
    return np.repeat(rng.random((n, N_BITS // 8)) < 0.5, 8, axis=1)


KINDS = [draw_random, draw_nearly_empty, draw_alike, draw_in_stripes]


def draw_words(kind: Callable[[int, np.random.Generator], Bits], n: int, seed: int = 0) -> np.ndarray:
    """Hashes of a kind, a third of them another with up to 24 bits changed; packed."""
    rng = np.random.default_rng(seed)
    bits = kind(n, rng)
    for row in np.flatnonzero(rng.random(n) < 1 / 3):
        bits[row] = bits[rng.integers(n)]
        bits[row, rng.choice(N_BITS, rng.integers(25), replace=False)] ^= True
    return pack(bits)


def pack(bits: Bits) -> np.ndarray:
    """All different hashes, as uint64 (n, 4)."""
    return np.ascontiguousarray(np.packbits(np.unique(bits, axis=0), axis=1)).view(np.uint64)


def join_by_brute_force(words: np.ndarray, max_bits: int) -> list[int]:
    """Merge the sets of every near pair."""
    numbers = [int.from_bytes(row.tobytes(), "little") for row in words]
    sets = list(range(len(numbers)))
    for i, j in itertools.combinations(range(len(numbers)), 2):
        if (numbers[i] ^ numbers[j]).bit_count() <= max_bits and sets[i] != sets[j]:
            sets = [sets[i] if one == sets[j] else one for one in sets]
    return sets


def number(sets: object) -> list[int]:
    """Number sets by first appearance."""
    return pd.factorize(np.asarray(sets))[0].tolist()


def list_plans(max_bits: int) -> list[Plan]:
    return [Plan([[]], 0), *near_hashes._list_plans(np.random.default_rng(1).permutation(N_BITS), max_bits)]


def count_compared(words: np.ndarray, max_bits: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Count the pairs whose bits are compared."""
    compared = []
    keep_near = near_hashes._keep_near
    monkeypatch.setattr(
        near_hashes, "_keep_near", lambda *arguments: (compared.append(len(arguments[-1])), keep_near(*arguments))[1]
    )
    join_near(words, max_bits)
    return sum(compared)


@pytest.mark.parametrize("max_bits", [0, 1, 5, 18, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_sets_equal_those_of_all_pairs_compared(kind: Callable[..., Bits], max_bits: int) -> None:
    words = draw_words(kind, 120)
    assert number(join_near(words, max_bits)) == number(join_by_brute_force(words, max_bits))


@pytest.mark.parametrize("max_bits", [0, 1, 5, 18])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pairs_at_once", [3, 10**6])
def test_every_plan_finds_the_same_sets(
    kind: Callable[..., Bits], max_bits: int, pairs_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = draw_words(kind, 60, seed=max_bits)
    expected = number(join_by_brute_force(words, max_bits))
    monkeypatch.setattr(near_hashes, "_PAIRS_AT_ONCE", pairs_at_once)
    for plan in list_plans(max_bits)[::7]:
        monkeypatch.setattr(near_hashes, "choose_plan", lambda *_, plan=plan: plan)
        assert number(join_near(words, max_bits)) == expected, plan


@pytest.mark.parametrize("max_bits", [0, 1, 2, 5, 18, 30])
def test_near_hashes_share_the_chunks_of_a_pass_wherever_they_differ(max_bits: int) -> None:
    rng = np.random.default_rng(max_bits)
    for plan in list_plans(max_bits)[1:]:
        sizes = [len(group) for group in plan.groups]
        assert sorted(np.concatenate([bits for group in plan.groups for bits in group])) == list(range(N_BITS))
        # At worst each bit spoils another chunk: at random, and group by group, sparing as few in each as can be.
        for order in [*(rng.permutation(sum(sizes)) for _ in range(20)), np.arange(sum(sizes))]:
            spoilt = np.isin(np.arange(sum(sizes)), order[:max_bits])
            intact = [len(part) - part.sum() for part in np.split(spoilt, np.cumsum(sizes)[:-1])]
            assert max(intact) >= plan.n_shared
        assert sum(max(size - plan.n_shared + 1, 0) for size in sizes) > max_bits


def test_many_different_hashes_are_not_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    words = draw_words(draw_random, 20_000)
    assert count_compared(words, 18, monkeypatch) < len(words) ** 2 / 2 / 500


def test_hashes_that_are_all_near_are_not_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    words = pack(draw_alike(3000, np.random.default_rng(0)))
    monkeypatch.setattr(near_hashes, "_PAIRS_AT_ONCE", 1000)
    assert count_compared(words, 18, monkeypatch) < len(words) ** 2 / 2 / 50


@pytest.mark.parametrize("n", [1, 2, 100, 5000])
def test_plan_of_few_hashes_has_few_passes_and_of_more_no_fewer(n: int) -> None:
    words = draw_words(draw_random, n)
    few, more = (choose_plan(np.ascontiguousarray(part.T), 18).n_passes for part in (words[: n // 10 + 1], words))
    assert few <= more <= 100


@pytest.mark.parametrize("n", [1, 2])
def test_one_hash_is_a_set_and_two_are_one_if_near(n: int) -> None:
    words = np.array([[0, 0, 0, 0], [0, 7, 0, 0]], dtype=np.uint64)[:n]
    assert number(join_near(words, 3)) == [0] * n
    assert number(join_near(words, 2)) == list(range(n))
