"""Keypoints are found again in copies, whatever was done to them."""

import cv2
import numpy as np
import pytest

from podium.survey.keypoints import GRAY_PX, LEAST_SIDE_PX, N_MOST, describe_keypoints, unpack_keypoints


def draw(height: int = 180, width: int = 240, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 6, width // 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def test_places_and_sizes_are_shares_of_the_long_side_whatever_the_size() -> None:
    image = draw()
    keypoints = unpack_keypoints(describe_keypoints(image))
    large = unpack_keypoints(describe_keypoints(cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)))
    assert (keypoints.width, keypoints.height) == (1.0, 0.75)
    assert len(keypoints) == N_MOST and keypoints.descriptors.shape == (N_MOST, 128)
    assert keypoints.places[:, 0].max() <= 1.0 and keypoints.places[:, 1].max() <= 0.75
    distances = np.linalg.norm(keypoints.places[:, None] - large.places[None], axis=2).min(axis=1)
    assert np.median(distances) < 0.005
    assert np.linalg.norm(keypoints.descriptors, axis=1) == pytest.approx(np.ones(N_MOST), abs=1e-5)


def test_mirrored_keypoints_are_those_of_the_mirrored_picture() -> None:
    image = draw()
    ours = unpack_keypoints(describe_keypoints(image)).mirror()
    theirs = unpack_keypoints(describe_keypoints(image[:, ::-1]))
    distances = np.linalg.norm(ours.places[:, None] - theirs.places[None], axis=2)
    turned = np.abs((ours.angles[:, None] - theirs.angles[None] + 180) % 360 - 180)
    rows, columns = np.nonzero((distances < 0.004) & (turned < 10))
    assert len(set(rows)) > 0.6 * len(ours)
    cosines = (ours.descriptors[rows] * theirs.descriptors[columns]).sum(axis=1)
    assert np.median(cosines) > 0.99
    plain = unpack_keypoints(describe_keypoints(image))
    assert np.median((plain.descriptors[rows] * theirs.descriptors[columns]).sum(axis=1)) < 0.9


def test_mirrored_twice_is_the_same() -> None:
    keypoints = unpack_keypoints(describe_keypoints(draw()))
    twice = keypoints.mirror().mirror()
    assert np.array_equal(twice.descriptors, keypoints.descriptors)
    assert twice.places == pytest.approx(keypoints.places)
    assert twice.angles == pytest.approx(keypoints.angles % 360)


def test_same_picture_gives_the_same_bytes() -> None:
    assert describe_keypoints(draw()) == describe_keypoints(draw())
    assert describe_keypoints(draw(seed=1)) != describe_keypoints(draw())


def test_keypoints_are_spread_over_the_picture() -> None:
    image = draw()
    image[:90, :120] = cv2.GaussianBlur(image[:90, :120], (0, 0), 4) // 4 + 90  # faint in one quarter
    places = unpack_keypoints(describe_keypoints(image)).places
    in_faint_quarter = (places[:, 0] < 0.5) & (places[:, 1] < 0.375)
    assert in_faint_quarter.sum() >= 10


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((300, 200, 3), 255, np.uint8),
        draw(24, 6000),
        draw(LEAST_SIDE_PX - 6, 240),
        np.zeros((3, 4000, 3), np.uint8),
    ],
    ids=["one pixel", "blank", "very wide", "narrow", "line"],
)
def test_odd_pictures_are_described(image: np.ndarray) -> None:
    keypoints = unpack_keypoints(describe_keypoints(image))
    assert len(keypoints) <= N_MOST
    assert max(keypoints.width, keypoints.height) == 1.0
    assert max(keypoints.read_gray().shape) == min(max(image.shape[:2]), GRAY_PX)
    if min(image.shape[:2]) < LEAST_SIDE_PX:
        assert len(keypoints) == 0


def test_gray_picture_is_the_picture_in_gray_and_no_larger_than_it_was() -> None:
    image = draw()
    gray = unpack_keypoints(describe_keypoints(image)).read_gray()
    assert gray.shape == image.shape[:2]
    assert np.abs(gray.astype(int) - cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).mean() < 4


def test_page_with_one_line_has_fine_keypoints_that_a_smaller_copy_has_too() -> None:
    page = np.full((800, 600, 3), 255, np.uint8)
    cv2.putText(page, "RECEIPT NO. 2745", (150, 420), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
    small = cv2.resize(page, (480, 640), interpolation=cv2.INTER_AREA)
    ours, theirs = (unpack_keypoints(describe_keypoints(image)) for image in (page, small))
    assert len(ours) >= 40 and ours.places[:, 0].min() > 0.15 and ours.places[:, 1].max() < 0.6
    near = np.linalg.norm(ours.places[:, None] - theirs.places[None], axis=2) < 0.004
    alike = ours.descriptors @ theirs.descriptors.T > 0.9
    assert (near & alike).any(axis=1).sum() >= 20
