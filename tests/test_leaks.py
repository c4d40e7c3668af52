import pandas as pd
import pytest

from podium.errors import InputError
from podium.leaks import require_no_leak


def make_images() -> pd.DataFrame:
    """Four training images that have nothing in common, and a test image that resembles the first."""
    return pd.DataFrame(
        {
            "image_id": ["가", "나", "다", "라", "시험"],
            "subset": ["train"] * 4 + ["test"],
            "group_id": ["g1", "g2", "g3", "g4", None],
            "sha256": ["s1", "s2", "s3", "s4", "s1"],
            "width_px": 100,
            "height_px": 100,
            "perceptual_hash": ["0" * 64, "3" * 64, "6" * 64, "f" * 64, "0" * 64],
        }
    )


def make_folds(*folds: int) -> pd.DataFrame:
    return pd.DataFrame({"image_id": ["가", "나", "다", "라"], "fold": folds})


def list_cases(images: pd.DataFrame, folds: pd.DataFrame, max_bits: int = 3) -> list[str]:
    with pytest.raises(InputError) as error:
        require_no_leak(images, folds, max_bits)
    return error.value.cases


@pytest.mark.parametrize("folds", [(0, 1, 0, 1), (0, 0, 0, 0), (3, 2, 1, 0)])
def test_images_that_have_nothing_in_common_may_lie_anywhere(folds: tuple[int, ...]) -> None:
    require_no_leak(make_images(), make_folds(*folds), 3)


def test_copy_in_the_test_part_is_no_leak_of_the_split() -> None:
    images = make_images()
    images.loc[4, ["image_id", "group_id"]] = ["시험", "g1"]
    require_no_leak(images, make_folds(0, 1, 0, 1), 3)


@pytest.mark.parametrize(
    ("column", "value"),
    [("group_id", "g1"), ("sha256", "s1"), ("perceptual_hash", "0" * 63 + "7")],
    ids=["group", "same bytes", "three bits away"],
)
def test_images_that_belong_together_in_two_folds_are_named(column: str, value: str) -> None:
    images = make_images()
    images.loc[2, column] = value
    require_no_leak(images, make_folds(0, 1, 0, 1), 3)
    assert list_cases(images, make_folds(0, 1, 1, 1)) == ["가 in fold 0; 다 in fold 1"]


def test_distance_of_near_copies_is_the_one_asked_for() -> None:
    images = make_images()
    images.loc[2, "perceptual_hash"] = "0" * 63 + "7"  # three bits away from the first
    require_no_leak(images, make_folds(0, 1, 1, 1), 2)


def test_resemblance_of_small_pictures_is_no_leak() -> None:
    images = make_images().assign(width_px=28, height_px=28, perceptual_hash="0" * 64)
    require_no_leak(images, make_folds(0, 1, 0, 1), 3)
    images.loc[2, "sha256"] = "s1"
    assert list_cases(images, make_folds(0, 1, 1, 1)) == ["가 in fold 0; 다 in fold 1"]


def test_chain_of_copies_is_one_set() -> None:
    images = make_images()
    images.loc[1, "sha256"] = "s1"
    images.loc[2, "group_id"] = "g2"
    assert list_cases(images, make_folds(0, 0, 1, 1)) == ["가 in fold 0; 나 in fold 0; 다 in fold 1"]


def test_every_torn_set_is_listed() -> None:
    images = make_images()
    images["group_id"] = ["g1", "g1", "g2", "g2", None]
    cases = list_cases(images, make_folds(0, 1, 1, 0))
    assert cases == ["가 in fold 0; 나 in fold 1", "다 in fold 1; 라 in fold 0"]


def test_every_image_without_a_fold_is_named() -> None:
    cases = list_cases(make_images(), make_folds(0, 1, 0, 1).iloc[[0, 2]])
    assert cases == ["나: has no fold", "라: has no fold"]


def test_fold_of_an_unknown_or_a_test_image_is_named() -> None:
    more = pd.DataFrame({"image_id": ["시험", "없음"], "fold": [0, 1]})
    cases = list_cases(make_images(), pd.concat([make_folds(0, 1, 0, 1), more]))
    assert sorted(cases) == [
        "시험: has a fold, but is no training image",
        "없음: has a fold, but is no training image",
    ]


def test_folds_are_whole_numbers_in_the_message_even_when_an_image_has_none() -> None:
    images = make_images()
    images.loc[1, "group_id"] = "g1"
    cases = list_cases(images, make_folds(0, 1, 0, 1).iloc[:3])
    assert cases == ["라: has no fold", "가 in fold 0; 나 in fold 1"]
