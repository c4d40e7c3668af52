"""Sets of images that belong together, against every pair compared by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest

from podium.copies.search import COLUMNS, NO_PAIRS
from podium.copies.sets import collect_copies, join_groups, list_label_conflicts
from podium.errors import InputError


def draw_images(seed: int, n: int = 40) -> pd.DataFrame:
    """Images of which some share a group and some their bytes; the last quarter is the test part."""
    rng = np.random.default_rng(seed)
    is_test = np.arange(n) >= 3 * n // 4
    groups = pd.Series([f"사람{number}" for number in rng.integers(0, 2 * n, n)])
    return pd.DataFrame(
        {
            "image_id": [f"사진{number:03d}" for number in rng.permutation(n)],
            "subset": np.where(is_test, "test", "train"),
            "group_id": groups.where(~is_test),
            "sha256": [f"{number:064x}" for number in rng.integers(0, 2 * n, n)],
        }
    )


def draw_pairs(images: pd.DataFrame, seed: int, n: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 50)
    contents = sorted(images["sha256"].unique())
    drawn = sorted({tuple(sorted(rng.choice(len(contents), 2, replace=False))) for _ in range(n)})
    ends = {"first": [contents[i] for i, _ in drawn], "second": [contents[j] for _, j in drawn]}
    kinds = rng.choice(["look_alike", "edited"], len(drawn))
    rest = {"n_bits": np.where(kinds == "edited", None, 5), "similarity": rng.random(len(drawn)), "change": "cut"}
    return pd.DataFrame({**ends, "kind": kinds, **rest}).astype(COLUMNS)


def join_by_brute_force(images: pd.DataFrame, pairs: pd.DataFrame, groups: bool) -> list[int]:
    """Merge the sets of every pair that belongs together, until none is left to merge."""
    sets = list(range(len(images)))
    near = {frozenset(pair) for pair in zip(pairs["first"], pairs["second"], strict=True)}
    for i, j in itertools.combinations(range(len(images)), 2):
        a, b = images.iloc[i], images.iloc[j]
        same = a["sha256"] == b["sha256"] or frozenset([a["sha256"], b["sha256"]]) in near
        if same or (groups and isinstance(a["group_id"], str) and a["group_id"] == b["group_id"]):
            sets = [sets[i] if one == sets[j] else one for one in sets]
    return pd.factorize(np.array(sets))[0].tolist()


@pytest.mark.parametrize("seed", range(6))
def test_sets_equal_those_of_all_pairs_compared(seed: int) -> None:
    images = draw_images(seed)
    pairs = draw_pairs(images, seed)
    copies = collect_copies(images, pairs)
    assert join_groups(images, copies).tolist() == join_by_brute_force(images, pairs, groups=True)
    in_order = images.sort_values("image_id", ignore_index=True)
    expected = pd.Series(join_by_brute_force(in_order, pairs, groups=False), index=in_order["image_id"])
    expected = expected[expected.duplicated(keep=False)]
    assert copies["image_id"].tolist() == expected.index.tolist()
    assert copies["copy_set"].tolist() == pd.factorize(expected)[0].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_copies_do_not_depend_on_the_order_of_images_and_pairs(seed: int) -> None:
    images = draw_images(seed)
    pairs = draw_pairs(images, seed)
    shuffled = collect_copies(images.sample(frac=1, random_state=1), pairs.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(shuffled, collect_copies(images, pairs))


@pytest.mark.parametrize("seed", range(3))
def test_closest_is_another_image_of_the_set_and_tells_how_the_two_resemble_each_other(seed: int) -> None:
    images = draw_images(seed)
    pairs = draw_pairs(images, seed)
    copies = collect_copies(images, pairs)
    contents, sets = images.set_index("image_id")["sha256"], copies.set_index("image_id")["copy_set"]
    kinds = {frozenset([row.first, row.second]): row.kind for row in pairs.itertuples()}
    for row in copies.itertuples():
        ends = frozenset([contents[row.image_id], contents[row.closest_id]])
        assert row.closest_id != row.image_id and sets[row.closest_id] == row.copy_set
        assert row.kind == ("bytes" if len(ends) == 1 else kinds[ends])
    assert set(copies["kind"]) == {"bytes", "look_alike", "edited"}


def make_images(sha256: str = "abcd", labels: tuple[int | None, ...] = (0, 1, 1, None)) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": ["가", "나", "다", "시험"],
            "subset": ["train", "train", "train", "test"],
            "group_id": ["1", "2", "3", None],
            "sha256": list(sha256),
            "label": pd.array(labels, dtype="Int64"),
        }
    )


def make_pairs(*ends: str) -> pd.DataFrame:
    first, second = zip(*ends, strict=True)
    rest = {"kind": "edited", "n_bits": pd.NA, "similarity": 0.9, "change": "cut"}
    return pd.DataFrame({"first": first, "second": second, **rest}).astype(COLUMNS)


def test_images_that_have_nothing_in_common_have_no_copies() -> None:
    copies = collect_copies(make_images(), NO_PAIRS)
    assert copies.empty
    assert join_groups(make_images(), copies).tolist() == [0, 1, 2, 3]
    assert list_label_conflicts(copies, make_images(), pd.DataFrame({"label": [0], "class_name": ["개"]})).empty


def test_two_training_images_are_joined_by_the_test_image_that_both_are_copies_of() -> None:
    images = make_images()
    copies = collect_copies(images, make_pairs("ad", "bd"))
    train = images[images["subset"] == "train"]
    assert join_groups(train, copies).tolist() == [0, 0, 1]


def test_images_that_a_person_tells_apart_are_no_copies_but_a_third_may_still_join_them() -> None:
    pairs = make_pairs("ab", "bc", "ac")
    assert collect_copies(make_images(), pairs, [["가", "나", "다"]]).empty
    assert collect_copies(make_images(), pairs, [["나", "다"]])["image_id"].tolist() == ["가", "나", "다"]
    apart = collect_copies(make_images(), pairs, [["나", "다"], ["가", "다"]])
    assert apart["image_id"].tolist() == ["가", "나"]


def test_pair_of_contents_that_are_gone_is_left_out() -> None:
    assert collect_copies(make_images(), make_pairs("az", "yz")).empty


def test_nearest_hash_counts_before_the_most_similar_picture() -> None:
    pairs = pd.concat([make_pairs("ab"), make_pairs("ac").assign(kind="look_alike", n_bits=3, similarity=0.8)])
    copies = collect_copies(make_images(), pairs.astype(COLUMNS)).set_index("image_id")
    assert copies.loc["가", "closest_id"] == "다"
    assert copies.loc["나", ["closest_id", "kind"]].tolist() == ["가", "edited"]


def test_conflicts_are_the_training_images_of_one_set_with_different_labels() -> None:
    classes = pd.DataFrame({"label": [0, 1], "class_name": ["고양이", "개"]})
    images = make_images()
    conflicts = list_label_conflicts(collect_copies(images, make_pairs("ab", "ad")), images, classes)
    assert conflicts[["image_id", "class_name"]].to_numpy().tolist() == [["가", "고양이"], ["나", "개"]]
    assert list_label_conflicts(collect_copies(images, make_pairs("bc", "ad")), images, classes).empty


def test_groups_are_not_joined_where_nobody_looked_for_copies() -> None:
    with pytest.raises(InputError, match="looked for copies"):
        join_groups(make_images(), pd.DataFrame())


def test_no_images_have_no_sets() -> None:
    nothing = make_images().iloc[:0]
    assert join_groups(nothing, collect_copies(nothing, NO_PAIRS)).tolist() == []
