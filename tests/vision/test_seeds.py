import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from podium.vision.seeds import derive_seed


def test_seeds_of_all_small_numbers_differ() -> None:
    seeds = {derive_seed(*parts) for parts in itertools.product(range(12), repeat=3)}
    assert len(seeds) == 12**3


@pytest.mark.parametrize(
    ("one", "other"), [((5,), (5, 0)), ((5, 4), (5, 4, 0)), ((0,), (0, 0)), ((1, 2), (1, 2, 0, 0))]
)
def test_trailing_zero_is_a_part_of_its_own(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert derive_seed(*one) != derive_seed(*other)


def test_order_of_parts_counts() -> None:
    assert derive_seed(1, 3) != derive_seed(3, 1)


@pytest.mark.parametrize("parts", [(0,), (42, 0, 0), (2**63 - 1, 99), (2**100,)])
def test_seed_has_63_bits_and_suits_numpy_and_torch(parts: tuple[int, ...]) -> None:
    seed = derive_seed(*parts)
    assert 0 <= seed < 2**63
    np.random.default_rng(seed)
    torch.Generator().manual_seed(seed)


def test_all_63_bits_are_used() -> None:
    seeds = [derive_seed(i) for i in range(400)]
    ones = np.array([[seed >> bit & 1 for bit in range(63)] for seed in seeds]).mean(axis=0)
    assert ones.min() > 0.35
    assert ones.max() < 0.65


def test_numpy_integers_give_the_seeds_of_plain_ones() -> None:
    assert derive_seed(np.int64(42), np.uint8(3)) == derive_seed(42, 3)


def test_seeds_are_the_same_in_every_process() -> None:
    code = "from podium.vision.seeds import derive_seed; print(derive_seed(42, 1, 2))"
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": os.pathsep.join(sys.path)}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert int(output.stdout) == derive_seed(42, 1, 2)


def test_negative_part_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        derive_seed(42, -1)
