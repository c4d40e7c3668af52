"""Sets of images that belong together, against every pair compared by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from podium.duplicates import MIN_SIDE_PX, join_groups


def draw_images(seed: int, n: int = 40) -> pd.DataFrame:
    """Images of which some share a group, some their bytes, some resemble others by a few bits, and some are small."""
    rng = np.random.default_rng(seed)
    hashes = [int.from_bytes(rng.bytes(32), "big") for _ in range(n)]
    for i in range(1, n):
        if rng.random() < 0.4:
            hashes[i] = hashes[rng.integers(i)]
            for bit in rng.choice(256, size=rng.integers(0, 6), replace=False):
                hashes[i] ^= 1 << int(bit)
    return pd.DataFrame(
        {
            "group_id": [f"사람{number}" for number in rng.integers(0, 2 * n, n)],
            "sha256": [f"{number:064x}" for number in rng.integers(0, 2 * n, n)],
            "width_px": rng.choice([MIN_SIDE_PX - 1, MIN_SIDE_PX, 500], n, p=[0.1, 0.45, 0.45]),
            "height_px": rng.choice([MIN_SIDE_PX - 1, MIN_SIDE_PX, 500], n, p=[0.1, 0.45, 0.45]),
            "perceptual_hash": [f"{value:064x}" for value in hashes],
        }
    )


def make_pair(hashes: list[str], width_px: int, height_px: int) -> pd.DataFrame:
    """Two images that share neither group nor bytes."""
    return pd.DataFrame(
        {
            "group_id": ["g1", "g2"],
            "sha256": ["s1", "s2"],
            "width_px": width_px,
            "height_px": height_px,
            "perceptual_hash": hashes,
        }
    )


def join_by_brute_force(images: pd.DataFrame, max_bits: int) -> list[int]:
    """Merge the sets of every pair that belongs together, until none is left to merge."""
    sets = list(range(len(images)))
    for i, j in itertools.combinations(range(len(images)), 2):
        a, b = images.iloc[i], images.iloc[j]
        bits = (int(a["perceptual_hash"], 16) ^ int(b["perceptual_hash"], 16)).bit_count()
        is_detailed = min(a["width_px"], a["height_px"], b["width_px"], b["height_px"]) >= 64
        if a["group_id"] == b["group_id"] or a["sha256"] == b["sha256"] or (is_detailed and bits <= max_bits):
            sets = [sets[i] if one == sets[j] else one for one in sets]
    return pd.factorize(np.array(sets))[0].tolist()


@pytest.mark.parametrize("max_bits", [0, 1, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_sets_equal_those_of_all_pairs_compared(seed: int, max_bits: int) -> None:
    images = draw_images(seed)
    assert join_groups(images, max_bits).tolist() == join_by_brute_force(images, max_bits)


def test_random_images_do_have_copies_of_each_kind() -> None:
    images = draw_images(0)
    sizes = [len(set(join_by_brute_force(images, bits))) for bits in (0, 1, 3, 5)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4
    assert images["group_id"].duplicated().any()
    assert images["sha256"].duplicated().any()


@pytest.mark.parametrize("seed", range(3))
def test_sets_do_not_depend_on_the_order_of_images(seed: int) -> None:
    images = draw_images(seed)
    order = np.random.default_rng(seed + 100).permutation(len(images))
    sets, shuffled = join_groups(images, 3), join_groups(images.iloc[order], 3)
    together = sets[:, None] == sets[None, :]
    assert np.array_equal(shuffled[:, None] == shuffled[None, :], together[np.ix_(order, order)])


def test_sets_are_numbered_by_first_appearance() -> None:
    sets = join_groups(draw_images(1), 3)
    assert sets.dtype == np.int64
    assert pd.unique(sets).tolist() == list(range(sets.max() + 1))


def test_index_of_the_table_does_not_matter() -> None:
    images = draw_images(2)
    assert np.array_equal(join_groups(images.set_index(images.index[::-1] * 3), 3), join_groups(images, 3))


def test_chain_joins_images_that_have_nothing_in_common() -> None:
    images = pd.DataFrame(
        {
            "group_id": ["a", "a", "b", "c", "d"],
            "sha256": ["1", "2", "2", "3", "4"],
            "width_px": 100,
            "height_px": 100,
            "perceptual_hash": ["0" * 64, "5" * 64, "f" * 64, "f" * 63 + "e", "a" * 64],
        }
    )
    assert join_groups(images, 1).tolist() == [0, 0, 0, 0, 1]
    assert join_groups(images, 0).tolist() == [0, 0, 0, 1, 2]


def test_group_of_one_kind_is_not_taken_for_bytes_of_the_same_name() -> None:
    images = make_pair(["0" * 64, "f" * 64], 100, 100).assign(group_id=["x", "y"], sha256=["y", "x"])
    assert join_groups(images, 3).tolist() == [0, 1]


def test_no_images_have_no_sets() -> None:
    assert join_groups(draw_images(0).iloc[:0], 3).tolist() == []


@pytest.mark.parametrize(
    ("width_px", "height_px", "are_copies"),
    [(64, 64, True), (63, 64, False), (64, 63, False), (28, 28, False), (1000, 63, False), (1000, 1000, True)],
)
@pytest.mark.parametrize("max_bits", [0, 18])
def test_small_pictures_of_one_hash_stay_apart(width_px: int, height_px: int, are_copies: bool, max_bits: int) -> None:
    images = make_pair(["7" * 64, "7" * 64], width_px, height_px)
    assert join_groups(images, max_bits).tolist() == ([0, 0] if are_copies else [0, 1])


def test_small_picture_is_no_copy_of_a_large_one_of_its_hash() -> None:
    images = make_pair(["7" * 64, "7" * 64], 100, 100).assign(width_px=[100, 63])
    assert join_groups(images, 18).tolist() == [0, 1]


@pytest.mark.parametrize("column", ["group_id", "sha256"])
def test_small_pictures_of_one_group_or_of_the_same_bytes_belong_together(column: str) -> None:
    images = make_pair(["0" * 64, "f" * 64], 28, 28)
    assert join_groups(images, 18).tolist() == [0, 1]
    assert join_groups(images.assign(**{column: "같음"}), 18).tolist() == [0, 0]


def test_sizes_may_be_of_the_type_that_the_images_table_has() -> None:
    images = draw_images(3)
    typed = images.astype({"width_px": "Int64", "height_px": "Int64"})
    assert np.array_equal(join_groups(typed, 3), join_groups(images, 3))
