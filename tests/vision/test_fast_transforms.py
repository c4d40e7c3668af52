"""Faster transforms draw the same numbers and give the same pixels as those of the library."""

from typing import Any

import albumentations
import numpy as np
import pytest

from podium.vision import fast_transforms
from podium.vision.augmentation import augment_batch, build_policy

CASES: list[tuple[str, dict[str, Any]]] = [
    ("Affine", {"rotate": 45}),
    ("Affine", {"rotate": [-30, 30], "shear": [-5, 5], "scale": [0.75, 1.1], "fill": 255}),
    ("Affine", {"scale": [0.9, 1.1], "translate_percent": [-0.06, 0.06], "rotate": [-12, 12], "border_mode": 4}),
    ("Affine", {"scale": {"x": [0.5, 1.5], "y": [0.9, 1.1]}, "keep_ratio": False, "fill": [10, 20, 30]}),
    ("Affine", {"translate_px": [-4, 9], "shear": {"x": [0, 20], "y": [-9, 0]}, "interpolation": 2, "border_mode": 1}),
    ("Affine", {"scale": [0.5, 1.5], "balanced_scale": True, "rotate": 90}),
    ("Affine", {"rotate": [20, 20], "scale": [1, 1], "fit_output": True}),
    ("SquareSymmetry", {}),
    ("GaussNoise", {"std_range": [0.03, 0.2]}),
    ("GaussNoise", {"std_range": [0.03, 0.2], "per_channel": False}),
    ("GaussNoise", {"std_range": [0.1, 0.1], "mean_range": [-0.3, 0.3], "per_channel": False}),
    ("GaussNoise", {"std_range": [0.1, 0.1], "mean_range": [0.9, 0.9]}),
    ("GaussNoise", {"std_range": [0.1, 0.3], "noise_scale_factor": 0.5}),
    ("SaltAndPepper", {"amount": [0.0, 0.02]}),
    ("SaltAndPepper", {"amount": [0.3, 1.0], "salt_vs_pepper": [0.0, 1.0]}),
]


@pytest.mark.parametrize("size_px", [(40, 40), (64, 48), (33, 57)])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_pixels_are_those_of_the_library_after_any_number_of_pictures(
    name: str, arguments: dict[str, Any], size_px: tuple[int, int]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, *size_px, 3), dtype=np.uint8)
    library = albumentations.Compose([getattr(albumentations, name)(p=0.8, **arguments)])
    for seed in range(3):
        library.set_random_seed(seed)
        expected = [library(image=image)["image"] for image in images]
        fast = build_policy([{name: {"p": 0.8, **arguments}}])
        fast.set_random_seed(seed)
        made = [fast(image=image)["image"] for image in images]
        assert all(np.array_equal(one, other) for one, other in zip(made, expected, strict=True))
        assert any(not np.array_equal(one, image) for one, image in zip(made, images, strict=True))


@pytest.mark.parametrize("name", ["Affine", "SquareSymmetry", "GaussNoise", "SaltAndPepper"])
def test_policies_get_the_faster_transform(name: str) -> None:
    (step,) = build_policy([{name: {}}]).transforms
    assert type(step) is getattr(fast_transforms, name)


def test_every_turn_and_flip_of_a_square_is_drawn() -> None:
    corners = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    turned = augment_batch(build_policy([{"SquareSymmetry": {"p": 1.0}}]), np.repeat(corners, 200, axis=0), 0)
    assert len(np.unique(turned.reshape(200, -1), axis=0)) == 8
