"""What the camera does: mild in training, rough in the test part."""

from dataclasses import fields, replace

import numpy as np
import pytest

from podium.competitions.faces.camera import TEST_CAMERA, TRAIN_CAMERA, Camera, choose_pose, photograph, turn_some

GREY = np.full((64, 64, 3), 128, np.uint8)
CLEAN = Camera(rotation_deg=0, exposure=0, side_light=0, colour_cast=0, max_blur=0, noise=(0, 0), turned_share=0)


def shoot(camera: Camera, picture: np.ndarray = GREY, n: int = 60) -> np.ndarray:
    return np.array([photograph(picture, camera, np.random.default_rng(seed)) for seed in range(n)]).astype(float)


def test_test_camera_is_rougher_in_every_way() -> None:
    for field in fields(Camera):
        mild, rough = getattr(TRAIN_CAMERA, field.name), getattr(TEST_CAMERA, field.name)
        assert np.min(rough) > np.max(mild), field.name


def test_camera_without_faults_changes_nothing() -> None:
    assert (shoot(CLEAN, n=3) == 128).all()


def test_noise_has_the_stated_strength() -> None:
    assert shoot(replace(CLEAN, noise=(9, 9))).std() == pytest.approx(9, rel=0.03)


def test_colour_cast_stays_in_its_range_and_uses_it() -> None:
    casts = shoot(replace(CLEAN, colour_cast=0.2)).mean(axis=(1, 2)) / 128
    assert 0.79 < casts.min() < 0.83
    assert 1.17 < casts.max() < 1.21


def test_exposure_darkens_more_than_it_brightens() -> None:
    light = shoot(replace(CLEAN, exposure=0.3)).mean(axis=(1, 2, 3)) / 128
    assert 0.69 < light.min() < 0.75
    assert 1.05 < light.max() < 1.11


def test_side_light_keeps_the_mean_and_darkens_one_side() -> None:
    pictures = shoot(replace(CLEAN, side_light=0.5))
    assert pictures.mean(axis=(1, 2, 3)) == pytest.approx(128, abs=1)
    assert np.ptp(pictures, axis=(1, 2, 3)).max() > 50


def test_blur_softens_an_edge() -> None:
    edge = np.repeat(np.where(np.arange(64) < 32, 0, 255).astype(np.uint8)[None, :, None], 64, axis=0)
    edge = np.repeat(edge, 3, axis=2)
    steps = np.abs(np.diff(shoot(replace(CLEAN, max_blur=0.05), edge), axis=2)).max(axis=(1, 2, 3))
    assert steps.min() < 80
    assert steps.max() == 255


def test_head_tilts_more_before_the_test_camera() -> None:
    tilts = [
        np.std([choose_pose(camera, np.random.default_rng(seed)).rotation_deg for seed in range(500)])
        for camera in (TRAIN_CAMERA, TEST_CAMERA)
    ]
    assert tilts == pytest.approx([TRAIN_CAMERA.rotation_deg, TEST_CAMERA.rotation_deg], rel=0.12)


@pytest.mark.parametrize("shape", [(8, 8, 3), (6, 9, 3)])
def test_stated_share_of_pictures_is_turned_and_keeps_its_pixels_and_shape(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    turned = [turn_some(picture, TEST_CAMERA, np.random.default_rng(seed)) for seed in range(1000)]
    assert {image.shape for image in turned} == {shape}
    assert all(np.array_equal(np.sort(image, axis=None), np.sort(picture, axis=None)) for image in turned)
    changed = [image.tobytes() for image in turned if not np.array_equal(image, picture)]
    assert len(changed) / 1000 == pytest.approx(TEST_CAMERA.turned_share, abs=0.035)
    assert len(set(changed)) == (4 if shape[0] == shape[1] else 2)


def test_training_pictures_are_never_turned() -> None:
    picture = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert all(turn_some(picture, TRAIN_CAMERA, np.random.default_rng(seed)) is picture for seed in range(200))
