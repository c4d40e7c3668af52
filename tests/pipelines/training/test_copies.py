"""Copies of training images in the test part are found by bytes and by sight, and alone by those."""

import pandas as pd

from podium.pipelines.training.copies import find_copied_folds

HASHES = ["0" * 64, "f" * 64, "0f" * 32, "00ff" * 16, "3c" * 32]


def find(max_bits: int = 4, **changes: object) -> list[tuple[str, int]]:
    images = pd.DataFrame(
        {
            "image_id": ["시험1", "가", "나", "다", "시험2"],
            "subset": ["test", "train", "train", "train", "test"],
            "group_id": [None, "a", "b", "c", None],
            "sha256": list("12345"),
            "width_px": 100,
            "height_px": 100,
            "perceptual_hash": HASHES,
            **changes,
        }
    )
    folds = pd.DataFrame({"image_id": ["다", "나", "가"], "fold": [2, 1, 0]})
    return [(row.image_id, row.fold) for row in find_copied_folds(images, folds, max_bits).itertuples()]


def test_test_images_without_groups_are_no_copies_of_each_other_or_of_the_last_image() -> None:
    assert find() == []


def test_same_bytes_are_a_copy() -> None:
    assert find(sha256=list("32345")) == [("시험1", 1)]


def test_near_hashes_are_a_copy_up_to_the_limit_of_the_split() -> None:
    near = [*HASHES[:4], "f" * 63 + "8"]
    assert find(perceptual_hash=near) == [("시험2", 0)]
    assert find(max_bits=2, perceptual_hash=near) == []


def test_chain_of_copies_reaches_every_fold_on_it() -> None:
    chain = ["0" * 64, "0" * 63 + "f", "0" * 62 + "ff", "f" * 64, "0" * 61 + "fff"]
    assert find(perceptual_hash=chain) == [("시험1", 0), ("시험1", 1), ("시험2", 0), ("시험2", 1)]
