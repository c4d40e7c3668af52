"""Folds in which nothing stands on both sides, and every class is spread evenly."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from podium.copies.search import NO_PAIRS
from podium.copies.sets import collect_copies
from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.splitting.nodes import assign_folds

CLASSES = pd.DataFrame({"label": range(4), "class_name": ["마스크", "턱스크", "코스크", "미착용"]})
SEEDS = range(4)


def draw_images(seed: int, n_images: int = 300, n_groups: int | None = None) -> pd.DataFrame:
    """Training images of unevenly frequent classes and a few test images; without ``n_groups`` each is its own."""
    rng = np.random.default_rng(seed)
    group_of = np.arange(n_images) if n_groups is None else rng.integers(0, n_groups, n_images)
    train = pd.DataFrame(
        {
            "image_id": [f"train/{number:04d}.jpg" for number in range(n_images)],
            "subset": "train",
            "label": rng.choice(4, n_images, p=[0.6, 0.25, 0.1, 0.05]),
            "group_id": [f"사람 {group}" for group in group_of],
            "sha256": [rng.bytes(32).hex() for _ in range(n_images)],
        }
    )
    test = train.iloc[:5].assign(
        image_id=[f"test/{n}.jpg" for n in range(5)], subset="test", group_id=None, label=pd.NA
    )
    return pd.concat([test, train], ignore_index=True).astype({"label": "Int64"})


def split(images: pd.DataFrame, copies: pd.DataFrame | None = None, **config: Any) -> pd.DataFrame:
    """Deal images, of which those with the same bytes are copies where nothing else is said."""
    copies = collect_copies(images, NO_PAIRS) if copies is None else copies
    return assign_folds(images, CLASSES, copies, SplittingConfig(**{"n_folds": 5, **config}))


def join(images: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    return images.merge(folds, on="image_id", validate="one_to_one")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_training_image_and_no_other_has_one_fold(seed: int) -> None:
    images = draw_images(seed)
    folds = split(images)
    assert list(folds) == ["image_id", "fold"]
    assert folds["image_id"].tolist() == sorted(images.loc[images["subset"] == "train", "image_id"])
    assert folds["fold"].dtype == np.int64
    assert set(folds["fold"]) == set(range(5))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_group_crosses_a_fold(seed: int) -> None:
    images = draw_images(seed, n_groups=60)
    assert (join(images, split(images)).groupby("group_id")["fold"].nunique() == 1).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_copy_of_the_same_bytes_crosses_a_fold(seed: int) -> None:
    images = draw_images(seed)
    rng = np.random.default_rng(seed)
    copies = images["subset"] == "train"
    images.loc[copies, "sha256"] = [f"{number:064x}" for number in rng.integers(0, 100, copies.sum())]
    assert (join(images, split(images)).groupby("sha256")["fold"].nunique() == 1).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_no_set_of_copies_crosses_a_fold(seed: int) -> None:
    images = draw_images(seed)
    rng = np.random.default_rng(seed)
    copies = images[["image_id"]].assign(copy_set=rng.integers(0, 100, len(images)))
    folds = join(images, split(images, copies)).merge(copies, on="image_id")
    assert (folds.groupby("copy_set")["fold"].nunique() == 1).all()
    apart = join(images, split(images)).merge(copies, on="image_id")
    assert (apart.groupby("copy_set")["fold"].nunique() > 1).any()


def test_two_copies_of_one_test_image_share_a_fold() -> None:
    images = draw_images(0)
    ids = [images["image_id"].iloc[0], *images["image_id"].iloc[[7, 8, 9, 10, 11, 12]]]
    folds = split(images, pd.DataFrame({"image_id": ids, "copy_set": 0})).set_index("image_id")["fold"]
    assert folds[ids[1:]].nunique() == 1
    assert split(images).set_index("image_id")["fold"][ids[1:]].nunique() > 1


def test_images_that_nobody_searched_for_copies_are_not_dealt() -> None:
    with pytest.raises(InputError, match="looked for copies") as error:
        split(draw_images(0), pd.DataFrame())
    assert error.value.cases == ["kedro run --pipeline copies does"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_folds", [2, 5, 10])
def test_every_class_is_spread_evenly(seed: int, n_folds: int) -> None:
    images = draw_images(seed)
    counts = pd.crosstab(*(join(images, split(images, n_folds=n_folds))[name] for name in ("label", "fold")))
    ideal = counts.sum(axis=1) / n_folds
    assert counts.sub(ideal, axis=0).abs().max().max() < 2


@pytest.mark.parametrize("seed", SEEDS)
def test_folds_do_not_depend_on_the_order_of_images(seed: int) -> None:
    images = draw_images(seed, n_groups=80)
    expected = split(images)
    shuffled = images.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(split(shuffled), expected)
    assert split(shuffled).attrs == expected.attrs


def test_test_part_does_not_change_the_folds() -> None:
    images = draw_images(0, n_groups=80)
    pd.testing.assert_frame_equal(split(images[images["subset"] == "train"]), split(images))


def test_names_of_groups_do_not_matter_but_who_is_in_them() -> None:
    images = draw_images(0, n_groups=80)
    renamed = images.assign(group_id=images["group_id"].map(lambda name: f"다른 {name}", na_action="ignore"))
    pd.testing.assert_frame_equal(split(renamed), split(images))


def test_seed_chooses_another_split() -> None:
    images = draw_images(0)
    one, other = split(images, seed=1), split(images, seed=2)
    assert (one["fold"] != other["fold"]).any()
    assert one.attrs["split_digest"] != other.attrs["split_digest"]
    pd.testing.assert_frame_equal(split(images, seed=1), one)


def test_digest_names_the_split() -> None:
    folds = split(draw_images(0))
    assert folds.attrs["split_digest"] == digest_table(folds[["image_id", "fold"]])


def test_table_given_stays_unchanged() -> None:
    images = draw_images(0)
    before = images.copy()
    split(images)
    pd.testing.assert_frame_equal(images, before)


def test_fewer_groups_than_folds_are_refused() -> None:
    images = draw_images(0, n_images=20, n_groups=4)
    with pytest.raises(InputError, match="fewer groups than folds") as error:
        split(images)
    assert error.value.cases == ["splitting.n_folds: 5 folds of 4 groups (people, scans, copies); at most 4"]


def test_copies_count_as_one_group_when_groups_are_counted() -> None:
    images = draw_images(0, n_images=6)
    images["sha256"] = "같음"
    with pytest.raises(InputError) as error:
        split(images, n_folds=2)
    assert error.value.cases == ["splitting.n_folds: 2 folds of 1 groups (people, scans, copies); at most 1"]


def test_class_of_three_images_is_named_with_what_follows(caplog: pytest.LogCaptureFixture) -> None:
    images = draw_images(0)
    train = images["subset"] == "train"
    images.loc[train, "label"] = np.arange(train.sum()) % 3
    images.loc[[10, 50, 90], "label"] = 3
    with caplog.at_level(logging.WARNING):
        folds = split(images)
    (record,) = caplog.records
    assert "class '미착용' has images of 3 group(s) for 5 folds" in record.message
    assert "rests on 3 image(s)" in record.message
    assert join(images, folds).query("label == 3")["fold"].nunique() == 3


def test_groups_of_a_small_class_are_counted_and_not_its_images(caplog: pytest.LogCaptureFixture) -> None:
    images = draw_images(0)
    train = images["subset"] == "train"
    images.loc[train, "label"] = np.arange(train.sum()) % 3
    images.loc[10:39, ["label", "group_id"]] = [3, "한 사람"]
    with caplog.at_level(logging.WARNING):
        split(images)
    (record,) = caplog.records
    assert "class '미착용' has images of 1 group(s)" in record.message
    assert "rests on 30 image(s)" in record.message


def test_no_warning_where_every_fold_has_every_class(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with caplog.at_level(logging.WARNING):
        split(draw_images(0), n_folds=3)
    assert caplog.records == []
    assert list(recwarn) == []


def test_joined_groups_are_told(caplog: pytest.LogCaptureFixture) -> None:
    images = draw_images(0)
    images.loc[[10, 20, 30], "sha256"] = "같음"
    with caplog.at_level(logging.INFO):
        split(images)
    assert "300 groups became 298, since some hold copies of one image" in caplog.messages


def test_folds_are_refused_when_every_class_is_smaller_than_their_number() -> None:
    images = draw_images(0, n_images=12)
    train = images["subset"] == "train"
    images.loc[train, "label"] = [0, 1, 2, 3] * 3
    with pytest.raises(InputError, match="Every class has fewer images than there are folds") as error:
        split(images, n_folds=4)
    assert error.value.cases == ["splitting.n_folds: 4 folds, the largest class has 3 images; at most 3"]
    assert set(split(images, n_folds=3)["fold"]) == {0, 1, 2}


def test_one_class_with_an_image_a_fold_is_enough() -> None:
    images = draw_images(0, n_images=8)
    images.loc[images["subset"] == "train", "label"] = [0, 0, 0, 0, 0, 1, 2, 3]
    assert set(split(images)["fold"]) == set(range(5))
