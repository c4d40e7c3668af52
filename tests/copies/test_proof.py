"""What stands on both sides of a split is found, told with its reason, and refused."""

from typing import Any

import pandas as pd
import pytest

from podium.copies.proof import count_sets, describe_leaks, digest_groups, list_leaks, require_proof
from podium.copies.search import COLUMNS
from podium.copies.sets import collect_copies
from podium.errors import InputError


def make_images(**changes: Any) -> pd.DataFrame:
    """Four training images and a test image that have nothing in common."""
    columns = {
        "image_id": ["가", "나", "다", "라", "시험"],
        "subset": ["train"] * 4 + ["test"],
        "group_id": ["g1", "g2", "g3", "g4", None],
        "sha256": list("abcde"),
    }
    return pd.DataFrame({**columns, **changes})


def make_folds(*folds: int) -> pd.DataFrame:
    return pd.DataFrame({"image_id": ["가", "나", "다", "라"], "fold": folds})


def find(images: pd.DataFrame, folds: pd.DataFrame, pairs: tuple[tuple[str, str, str], ...] = ()) -> pd.DataFrame:
    rest = {"n_bits": pd.NA, "similarity": 0.9, "change": "cut"}
    table = pd.DataFrame([(*pair, *rest.values()) for pair in pairs], columns=list(COLUMNS)).astype(COLUMNS)
    return list_leaks(images, folds, collect_copies(images, table))


@pytest.mark.parametrize("folds", [(0, 1, 0, 1), (0, 0, 0, 0), (3, 2, 1, 0)])
def test_images_that_have_nothing_in_common_may_lie_anywhere(folds: tuple[int, ...]) -> None:
    assert find(make_images(), make_folds(*folds)).empty


@pytest.mark.parametrize(
    ("changes", "pairs", "why"),
    [
        ({"group_id": ["g1", "g2", "g1", "g4", None]}, (), "group"),
        ({"sha256": list("abade")}, (), "bytes"),
        ({}, (("a", "c", "look_alike"),), "look_alike"),
        ({}, (("a", "c", "edited"),), "edited"),
        ({}, (("a", "e", "edited"), ("c", "e", "edited")), "edited"),
    ],
    ids=["group", "bytes", "look alike", "edited", "both copies of a test image"],
)
def test_images_that_belong_together_in_two_folds_are_named_with_the_reason(
    changes: dict[str, Any], pairs: tuple[tuple[str, str, str], ...], why: str
) -> None:
    images = make_images(**changes)
    assert find(images, make_folds(0, 1, 0, 1), pairs).empty
    leaks = find(images, make_folds(0, 1, 1, 1), pairs)
    assert leaks[["image_id", "fold", "why", "subset"]].to_numpy().tolist() == [
        ["가", 0, why, "train"], ["다", 1, why, "train"],
    ]  # fmt: skip
    assert describe_leaks(leaks) == [f"가 in fold 0; 다 in fold 1 ({why})"]


def test_copy_in_the_test_part_is_no_leak_of_the_split() -> None:
    assert find(make_images(sha256=list("abcda")), make_folds(0, 1, 0, 1)).empty


def test_chain_of_copies_is_one_leak() -> None:
    images = make_images(sha256=list("aacde"), group_id=["g1", "g2", "g2", "g4", None])
    leaks = find(images, make_folds(0, 0, 1, 1))
    assert leaks["leak"].tolist() == [0, 0, 0]
    assert leaks["why"].tolist() == ["chain", "group", "group"]
    assert describe_leaks(leaks) == ["가 in fold 0; 나 in fold 0; 다 in fold 1 (group)"]


def test_every_leak_is_listed() -> None:
    images = make_images(group_id=["g1", "g1", "g2", "g2", None])
    assert describe_leaks(find(images, make_folds(0, 1, 1, 0))) == [
        "가 in fold 0; 나 in fold 1 (group)", "다 in fold 1; 라 in fold 0 (group)",
    ]  # fmt: skip


def test_images_without_a_fold_and_folds_without_an_image_are_leaks() -> None:
    more = pd.DataFrame({"image_id": ["시험", "없음"], "fold": [0, 1]})
    folds = pd.concat([make_folds(0, 1, 0, 1).iloc[[0, 2]], more])
    assert sorted(describe_leaks(find(make_images(), folds))) == [
        "나: has no fold",
        "라: has no fold",
        "시험: has a fold, but is no training image",
        "없음: has a fold, but is no training image",
    ]


def test_sets_are_counted_by_place_and_by_what_is_hardest_to_see() -> None:
    images = make_images(sha256=list("aacda"))
    counts = count_sets(collect_copies(images, pd.DataFrame(columns=list(COLUMNS))))
    assert counts == {
        "n_sets_in_train": {"bytes": 0, "look_alike": 0, "edited": 0},
        "n_sets_across": {"bytes": 1, "look_alike": 0, "edited": 0},
        "n_sets_in_test": {"bytes": 0, "look_alike": 0, "edited": 0},
    }


def test_groups_are_digested_whatever_the_order_of_images() -> None:
    images = make_images()
    assert digest_groups(images.iloc[::-1]) == digest_groups(images)
    assert digest_groups(images.assign(group_id=["g1", "g1", "g3", "g4", None])) != digest_groups(images)


def test_proof_is_asked_for_compared_and_read() -> None:
    present = {"split_digest": "s", "content_digest": "c"}
    require_proof({**present, "leaks": []}, present)
    for proof, cases in (
        ({}, 1),
        ({**present, "content_digest": "x", "split_digest": "y", "leaks": []}, 2),
        ({**present, "leaks": ["가 in fold 0; 나 in fold 1 (group)"]}, 1),
    ):
        with pytest.raises(InputError) as error:
            require_proof(proof, present)
        assert len(error.value.cases) == cases
