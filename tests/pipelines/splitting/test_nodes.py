"""Folds in which nothing stands on both sides, and every class is spread evenly."""

import io
import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from podium.digests import digest_table
from podium.duplicates import MIN_SIDE_PX
from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.splitting.nodes import assign_folds
from podium.vision.decoding import decode_image, hash_perceptually

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
            "width_px": 100,
            "height_px": 100,
            "perceptual_hash": [rng.bytes(32).hex() for _ in range(n_images)],
        }
    )
    test = train.iloc[:5].assign(
        image_id=[f"test/{n}.jpg" for n in range(5)], subset="test", group_id=None, label=pd.NA
    )
    return pd.concat([test, train], ignore_index=True).astype({"label": "Int64"})


def split(images: pd.DataFrame, **config: Any) -> pd.DataFrame:
    return assign_folds(images, CLASSES, SplittingConfig(**{"n_folds": 5, **config}))


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
def test_no_near_duplicate_crosses_a_fold(seed: int) -> None:
    images = draw_images(seed)
    originals = images.loc[5:104, "perceptual_hash"]
    near = [f"{int(value, 16) ^ 0b1011 << seed * 13:064x}" for value in originals]  # three bits away
    images.loc[105:204, "perceptual_hash"] = near
    of = split(images, near_duplicate_max_bits=3).set_index("image_id")["fold"]
    ids = images["image_id"]
    assert (of.loc[ids[5:105]].to_numpy() == of.loc[ids[105:205]].to_numpy()).all()
    apart = split(images, near_duplicate_max_bits=2).set_index("image_id")["fold"]
    assert (apart.loc[ids[5:105]].to_numpy() != apart.loc[ids[105:205]].to_numpy()).any()


def test_small_pictures_that_look_alike_may_be_dealt_apart() -> None:
    images = draw_images(0).assign(perceptual_hash="0" * 64)
    with pytest.raises(InputError, match="fewer groups than folds"):
        split(images)
    folds = split(images.assign(width_px=28, height_px=28))
    pd.testing.assert_frame_equal(folds, split(draw_images(0)))


def save_again(data: bytes, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def measure_side(path: Path) -> int:
    """The shorter side, px."""
    with Image.open(path) as image:
        return min(image.size)


@pytest.mark.parametrize("folder", ["mask18_ffhq_utk/train/images", "mask3_real/train"])
def test_no_real_photo_crosses_a_fold_with_its_copy_saved_again(real_data_root: Path, folder: str) -> None:
    detailed = (path for path in sorted((real_data_root / folder).rglob("*.jpg")) if measure_side(path) >= MIN_SIDE_PX)
    paths = list(itertools.islice(detailed, 60))
    assert len(paths) == 60
    rows = []
    for number, path in enumerate(paths):
        original = path.read_bytes()
        for kind, data in (("원본", original), ("사본", save_again(original, 75))):
            pixels = decode_image(data, 10**8)
            rows.append(
                {
                    "image_id": f"train/{number} {kind}.jpg",
                    "subset": "train",
                    "label": 0,
                    "group_id": f"{number} {kind}",
                    "sha256": f"{number} {kind}",
                    "width_px": pixels.shape[1],
                    "height_px": pixels.shape[0],
                    "perceptual_hash": hash_perceptually(pixels),
                }
            )
    images = pd.DataFrame(rows)
    joined = join(images, split(images))
    numbers = joined["image_id"].str.split(" ").str[0]
    crossing = joined.groupby(numbers)["fold"].nunique() > 1
    assert crossing.sum() == 0, crossing[crossing].index.tolist()
    assert joined["fold"].nunique() == 5, "photos of different things are not taken for copies"


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
