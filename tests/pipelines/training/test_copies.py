"""Test images that show the same as training images are kept from the folds that hold those."""

import pandas as pd

from podium.pipelines.training.copies import find_copied_folds

IMAGES = pd.DataFrame(
    {
        "image_id": ["시험1", "가", "나", "다", "시험2"],
        "subset": ["test", "train", "train", "train", "test"],
        "group_id": [None, "a", "b", "c", None],
    }
)
FOLDS = pd.DataFrame({"image_id": ["다", "나", "가"], "fold": [2, 1, 0]})


def find(images: pd.DataFrame = IMAGES, **sets: int) -> list[tuple[str, int]]:
    copies = pd.DataFrame({"image_id": list(sets), "copy_set": list(sets.values())})
    return [(row.image_id, row.fold) for row in find_copied_folds(images, FOLDS, copies).itertuples()]


def test_test_images_without_groups_are_no_copies_of_each_other_or_of_the_last_image() -> None:
    assert find() == []


def test_copy_keeps_away_from_the_fold_of_its_original() -> None:
    assert find(시험1=0, 나=0) == [("시험1", 1)]
    assert find(시험1=3, 시험2=3) == []


def test_set_of_copies_reaches_every_fold_that_it_has_an_image_in() -> None:
    assert find(시험1=0, 가=0, 나=0, 시험2=0) == [("시험1", 0), ("시험1", 1), ("시험2", 0), ("시험2", 1)]


def test_group_of_the_original_is_kept_away_from_too() -> None:
    images = IMAGES.assign(group_id=[None, "a", "a", "c", None])
    assert find(images, 시험2=0, 가=0) == [("시험2", 0), ("시험2", 1)]
