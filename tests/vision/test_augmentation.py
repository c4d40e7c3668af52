"""Policies: what is named wrong is said, what is resolved means the same, and a batch depends on its seed alone."""

import colorsys
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
import yaml
from scipy import ndimage

from podium.errors import InputError
from podium.vision import document_effects
from podium.vision.augmentation import augment_batch, build_policy, list_transforms, resolve_policy

ROOT = Path(__file__).parents[2]
PARAMETERS = ROOT / "conf" / "base" / "parameters" / "augmentation.yml"
PAGE = (ROOT / "docs" / "how-to" / "write-a-policy.md").read_text(encoding="utf-8")
POLICIES: dict[str, list[dict[str, Any]]] = yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["policies"]
NESTED = [
    {
        "OneOf": {
            "p": 0.9,
            "transforms": [
                {"HorizontalFlip": None},
                {"SomeOf": {"n": 1, "transforms": [{"GaussianBlur": {"p": 1.0}}, {"Sequential": {"transforms": [
                    {"VerticalFlip": {"p": 1.0}}, {"ToGray": {}}]}}]}},
            ],
        }
    },
]  # fmt: skip
SIZE_PX = (32, 32)
OBLONG_PX = (32, 24)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (16, *SIZE_PX, 3), dtype=np.uint8)


def list_cases(steps: list[Any]) -> list[str]:
    with pytest.raises(InputError) as error:
        resolve_policy("내 정책", steps, OBLONG_PX)
    assert "'내 정책'" in error.value.heading
    return error.value.cases


def build_by_hand(step: dict[str, Any]) -> Any:
    """Make a step as a reader of the library's documentation would."""
    ((name, arguments),) = step.items()
    arguments = dict(arguments or {})
    if "transforms" in arguments:
        arguments["transforms"] = [build_by_hand(part) for part in arguments["transforms"]]
    library = document_effects if name in vars(document_effects) else albumentations
    return getattr(library, name)(**arguments)


@pytest.mark.parametrize("name", [*POLICIES, "nested"])
def test_resolved_policy_gives_the_pixels_of_the_written_one_even_through_json(name: str, images: np.ndarray) -> None:
    steps = {**POLICIES, "nested": NESTED}[name]
    resolved = resolve_policy(name, steps, SIZE_PX)
    read = json.loads(json.dumps(resolved, allow_nan=False))
    assert read == resolved
    expected = augment_batch(albumentations.Compose([build_by_hand(step) for step in steps]), images, 7)
    assert np.array_equal(augment_batch(build_policy(read), images, 7), expected)
    assert (name == "none") == np.array_equal(expected, images)


@pytest.mark.parametrize("name", POLICIES)
def test_resolving_again_changes_nothing(name: str) -> None:
    resolved = resolve_policy(name, POLICIES[name], SIZE_PX)
    assert resolve_policy(name, resolved, SIZE_PX) == resolved


def test_every_default_of_the_library_is_written_out() -> None:
    ((_, arguments),) = resolve_policy("x", [{"HueSaturationValue": {"p": 0.25}}], SIZE_PX)[0].items()
    assert arguments == {
        "hue_shift_limit": [-20, 20],
        "sat_shift_limit": [-30, 30],
        "val_shift_limit": [-20, 20],
        "p": 0.25,
    }


def test_changed_default_of_the_library_does_not_change_a_resolved_policy(
    monkeypatch: pytest.MonkeyPatch, images: np.ndarray
) -> None:
    resolved = resolve_policy("x", [{"HorizontalFlip": {}}, {"RandomBrightnessContrast": {"p": 1.0}}], SIZE_PX)
    before = augment_batch(build_policy(resolved), images, 1)
    monkeypatch.setattr(albumentations.HorizontalFlip.__init__, "__defaults__", (1.0,))
    monkeypatch.setattr(albumentations.RandomBrightnessContrast.__init__, "__defaults__", (0.9, 0.9, False, True, 1.0))
    assert np.array_equal(augment_batch(build_policy(resolved), images, 1), before)


def test_batch_depends_on_its_seed_alone(images: np.ndarray) -> None:
    policy = build_policy(resolve_policy("noisy", POLICIES["noisy"], SIZE_PX))
    first = augment_batch(policy, images, 2**62 + 5)
    np.random.seed(3)  # noqa: NPY002  a global state that must not matter
    augment_batch(policy, images[:3], 1)
    assert np.array_equal(augment_batch(policy, images, 2**62 + 5), first)
    fresh = build_policy(resolve_policy("noisy", POLICIES["noisy"], SIZE_PX))
    assert np.array_equal(augment_batch(fresh, images, 2**62 + 5), first)
    assert not np.array_equal(augment_batch(policy, images, 2**62 + 6), first)


@pytest.mark.parametrize("name", ["light", "noisy"])
def test_each_image_of_a_batch_is_augmented_differently(name: str, images: np.ndarray) -> None:
    same = np.repeat(images[:1], 12, axis=0)
    augmented = augment_batch(build_policy(resolve_policy(name, POLICIES[name], SIZE_PX)), same, 0)
    assert len(np.unique(augmented.reshape(12, -1), axis=0)) > 9


def test_images_given_stay_unchanged_even_when_read_only(images: np.ndarray) -> None:
    before = images.copy()
    images.flags.writeable = False
    augmented = augment_batch(build_policy(resolve_policy("noisy", POLICIES["noisy"], SIZE_PX)), images, 0)
    assert np.array_equal(images, before)
    assert augmented.dtype == np.uint8
    assert augmented.shape == images.shape
    assert not np.shares_memory(augmented, images)


def test_no_steps_change_nothing(images: np.ndarray) -> None:
    assert np.array_equal(augment_batch(build_policy([]), images, 0), images)


def test_empty_batch_stays_empty(images: np.ndarray) -> None:
    policy = build_policy(resolve_policy("light", POLICIES["light"], SIZE_PX))
    assert augment_batch(policy, images[:0], 0).shape == (0, *SIZE_PX, 3)


def test_misspelt_transform_is_named_with_the_nearest() -> None:
    assert list_cases([{"HorizontalFlp": {}}]) == [
        "policies.내 정책: there is no transform 'HorizontalFlp'; did you mean 'HorizontalFlip'?"
    ]


def test_misspelt_container_is_named_with_the_nearest() -> None:
    assert "did you mean 'OneOf'?" in list_cases([{"Oneof": {"transforms": [{"ToGray": {}}]}}])[0]


def test_misspelt_argument_is_named_with_the_nearest() -> None:
    assert list_cases([{"GaussianBlur": {"blurlimit": 3}}]) == [
        "policies.내 정책.GaussianBlur.blurlimit: there is no such argument; did you mean 'blur_limit'?"
    ]


def test_misspelt_argument_of_a_container_is_named_with_the_nearest() -> None:
    assert list_cases([{"SomeOf": {"transforms": [{"ToGray": {}}], "n": 1, "replaces": True}}]) == [
        "policies.내 정책.SomeOf.replaces: there is no such argument; did you mean 'replace'?"
    ]


def test_all_faults_are_listed_at_once_however_deep() -> None:
    steps = [
        {"Nothing1": {}},
        {"OneOf": {"transforms": [{"GaussianBlur": {"sigma": 1}}, {"SomeOf": {"transforms": [{"Togray": None}]}}]}},
        {"Sequential": {"transforms": []}},
        {"HorizontalFlip": {}, "VerticalFlip": {}},
        "HorizontalFlip",
    ]
    starts = [case.split(":")[0] for case in list_cases(steps)]
    place = "policies.내 정책"
    assert starts == [
        place,
        f"{place}.OneOf.GaussianBlur.sigma",
        f"{place}.OneOf.SomeOf",
        f"{place}.Sequential.transforms",
        place,
        place,
    ]


@pytest.mark.parametrize("inner", [None, [], {"HorizontalFlip": {}}, "HorizontalFlip"])
@pytest.mark.parametrize("container", ["OneOf", "Sequential"])
def test_container_without_a_list_of_transforms_is_refused(container: str, inner: Any) -> None:
    place = f"policies.내 정책.{container}.transforms"
    assert list_cases([{container: {"transforms": inner}}]) == [f"{place}: needs a list of steps (got {inner!r})"]


def test_container_without_transforms_is_refused_with_its_misspelt_argument() -> None:
    place = "policies.내 정책.OneOf"
    assert list_cases([{"OneOf": {"transfroms": [{"ToGray": {}}]}}]) == [
        f"{place}.transfroms: there is no such argument; did you mean 'transforms'?",
        f"{place}.transforms: needs a list of steps (got None)",
    ]


def test_part_of_a_container_that_is_no_step_is_refused() -> None:
    (case,) = list_cases([{"OneOf": {"transforms": ["HorizontalFlip"]}}])
    assert case.startswith("policies.내 정책.OneOf: a step is one transform with its arguments")


@pytest.mark.parametrize("arguments", [0.5, "p", [0.5]])
@pytest.mark.parametrize("is_nested", [False, True])
def test_arguments_that_are_no_mapping_are_refused(arguments: Any, is_nested: bool) -> None:
    step: dict[str, Any] = {"HorizontalFlip": arguments}
    (case,) = list_cases([{"OneOf": {"transforms": [step]}} if is_nested else step])
    assert case.startswith("policies.내 정책")
    assert "HorizontalFlip" in case


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"HorizontalFlip": {"p": 2}}, "HorizontalFlip"),
        ({"GaussNoise": {"std_range": [0.5, 0.1]}}, "GaussNoise"),
        ({"OneOf": {"transforms": [{"ToGray": {}}, {"GaussianBlur": {"blur_limit": "much"}}]}}, "OneOf.GaussianBlur"),
        ({"Sequential": {"transforms": [{"ToGray": {}}, {"GaussianBlur": {"blur_limit": "much"}}]}}, "Sequential"),
        ({"SomeOf": {"transforms": [{"ToGray": {}}], "n": "two"}}, "SomeOf"),
    ],
)
def test_refused_value_is_named_by_its_place(step: dict[str, Any], place: str) -> None:
    (case,) = list_cases([{"VerticalFlip": {}}, step])
    assert case.startswith(f"policies.내 정책.{place}: ")


@pytest.mark.parametrize("p", [1.0, 0.02])
@pytest.mark.parametrize(
    "step", [{"RandomCrop": {"height": 16, "width": 16}}, {"Resize": {"height": 24, "width": 32}}, {"Transpose": {}}]
)
def test_policy_that_changes_the_shape_is_refused_however_rarely_it_would(step: dict[str, Any], p: float) -> None:
    ((name, arguments),) = step.items()
    (case,) = list_cases([{name: {**arguments, "p": p}}])
    assert case.startswith(f"policies.내 정책.{name}: turns (32, 24, 3) uint8 into ")
    assert case.endswith("a policy has to keep both")


def test_policy_that_changes_the_shape_inside_a_choice_is_refused() -> None:
    flips = [{"HorizontalFlip": {"p": 1.0}}] * 20
    choice = {"OneOf": {"transforms": [*flips, {"RandomCrop": {"height": 16, "width": 16}}]}}
    (case,) = list_cases([choice])
    assert case.startswith("policies.내 정책.OneOf.RandomCrop: turns (32, 24, 3) uint8 into (16, 16, 3) uint8")
    (case,) = list_cases([{"Sequential": {"transforms": [{"ToGray": {}}, choice], "p": 0.02}}])
    assert case.startswith("policies.내 정책.Sequential: turns (32, 24, 3) uint8 into (16, 16, 3) uint8")


PAD = {"PadIfNeeded": {"min_height": 40, "min_width": 32, "p": 1.0}}
CROP = {"RandomCrop": {"height": 32, "width": 24, "p": 1.0}}


def test_sequence_whose_parts_undo_one_another_is_accepted() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, *OBLONG_PX, 3), dtype=np.uint8)
    steps = [{"OneOf": {"transforms": [{"ToGray": {}}, {"Sequential": {"transforms": [PAD, CROP]}}]}}]
    augmented = augment_batch(build_policy(resolve_policy("x", steps, OBLONG_PX)), images, 0)
    assert augmented.shape == images.shape


@pytest.mark.parametrize("parts", [[PAD], [CROP, PAD], [PAD, {"RandomCrop": {**CROP["RandomCrop"], "p": 0.1}}]])
def test_sequence_that_does_not_restore_the_shape_is_refused(parts: list[Any]) -> None:
    (case,) = list_cases([{"Sequential": {"transforms": parts, "p": 1.0}}])
    assert case.startswith("policies.내 정책.Sequential: turns (32, 24, 3) uint8 into (40, 32, 3) uint8")


@pytest.mark.parametrize("p", [1.0, 0.02])
def test_policy_that_changes_the_type_is_refused_however_rarely_it_would(p: float) -> None:
    (case,) = list_cases([{"ToFloat": {"max_value": 255.0, "p": p}}])
    assert "float32" in case


@pytest.mark.parametrize("name", ["BBoxSafeRandomCrop", "CoarseDropout3D", "DualTransform", "ImageOnlyTransform"])
def test_transform_that_is_none_for_pictures_is_refused(name: str) -> None:
    (case,) = list_cases([{name: {"p": 1.0}}])
    assert case.startswith("policies.내 정책")
    assert name in case


# What the transforms that the page of policies recommends do, compared with plain arithmetic.

WHITE_BORDER = {"border_mode": 0, "fill": 255}
STEPS: dict[str, dict[str, Any]] = {
    "flip": {"HorizontalFlip": {"p": 1.0}},
    "upside down": {"VerticalFlip": {"p": 1.0}},
    "eight turns": {"SquareSymmetry": {"p": 1.0}},
    "eight turns by their other name": {"D4": {"p": 1.0}},
    "rotation with a white border": {"Rotate": {"limit": [-40, 40], **WHITE_BORDER, "p": 1.0}},
    "rotation that repeats the edge": {"Rotate": {"limit": [-40, 40], "border_mode": 1, "p": 1.0}},
    "rotation that reflects": {"Rotate": {"limit": [-40, 40], "border_mode": 4, "p": 1.0}},
    "tilt and shear": {"Affine": {"rotate": [-10, 10], "shear": [-5, 5], "border_mode": 1, "p": 1.0}},
    "perspective": {"Perspective": {"scale": [0.05, 0.1], "border_mode": 1, "p": 1.0}},
    "elastic": {"ElasticTransform": {"alpha": 40, "sigma": 5, "border_mode": 1, "p": 1.0}},
    "crop at any size": {"CropAndPad": {"percent": [-0.2, 0.0], "p": 1.0}},
    "crop to a given size": {"RandomResizedCrop": {"size": [64, 64], "scale": [0.3, 0.9], "p": 1.0}},
    "jitter": {"ColorJitter": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1, "p": 1.0}},
    "jitter without hue": {"ColorJitter": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0, "p": 1.0}},
    "contrast": {"ColorJitter": {"brightness": 0.0, "contrast": 0.3, "saturation": 0.0, "hue": 0.0, "p": 1.0}},
    "gray": {"ToGray": {"p": 1.0}},
    "sharpen": {"Sharpen": {"p": 1.0}},
    "clahe": {"CLAHE": {"p": 1.0}},
    "noise": {"GaussNoise": {"std_range": [0.1, 0.1], "p": 1.0}},
    "gray noise": {"GaussNoise": {"std_range": [0.1, 0.1], "per_channel": False, "p": 1.0}},
    "salt and pepper": {"SaltAndPepper": {"amount": [0.05, 0.05], "p": 1.0}},
    "gaussian blur": {"GaussianBlur": {"blur_limit": 0, "sigma_limit": [1.5, 1.5], "p": 1.0}},
    "motion blur": {"MotionBlur": {"blur_limit": [5, 5], "p": 1.0}},
    "median blur": {"MedianBlur": {"blur_limit": [3, 5], "p": 1.0}},
    "defocus": {"Defocus": {"radius": [2, 3], "p": 1.0}},
    "jpeg": {"ImageCompression": {"quality_range": [15, 15], "p": 1.0}},
    "shadow": {"RandomShadow": {"shadow_roi": [0, 0, 1, 1], "p": 1.0}},
    "soft shadow": {"PlasmaShadow": {"p": 1.0}},
    "dropout": {"CoarseDropout": {"num_holes_range": [2, 4], "fill": 255, "p": 1.0}},
    "some of": {
        "SomeOf": {
            "n": 2,
            "transforms": [{name: {"p": 1.0}} for name in ("HorizontalFlip", "VerticalFlip", "ToGray", "InvertImg")],
        }
    },
    "any order": {"RandomOrder": {"n": 2, "transforms": [{"HorizontalFlip": {"p": 1.0}}, {"Transpose": {"p": 1.0}}]}},
}
SQUARE_PX = (64, 64)
FACE_SIZES_PX = [(128, 96), (256, 192)]


def make_noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*SQUARE_PX, 3), dtype=np.uint8)


def make_even(*level: int) -> np.ndarray:
    return np.full((*SQUARE_PX, 3), level, np.uint8)


def vary(name: str, image: np.ndarray, n: int = 24) -> np.ndarray:
    """Return variants of one image, as floats: (n, height, width, 3)."""
    return augment_batch(build_policy([STEPS[name]]), np.repeat(image[None], n, axis=0), 3).astype(float)


@pytest.mark.parametrize("name", STEPS)
def test_recommended_step_keeps_size_and_type_acts_and_depends_on_the_seed_alone(name: str) -> None:
    steps = resolve_policy(name, [STEPS[name]], SQUARE_PX)
    images = np.repeat(make_noise()[None], 4, axis=0)
    first = augment_batch(build_policy(steps), images, 11)
    assert first.shape == images.shape and first.dtype == np.uint8
    assert not np.array_equal(first, images)
    np.random.seed(1)  # noqa: NPY002  global states that must not matter
    random.seed(1)
    cv2.setRNGSeed(1)
    assert np.array_equal(augment_batch(build_policy(steps), images, 11), first)


def test_flips_are_those_of_numpy() -> None:
    image = make_noise()
    assert (vary("flip", image) == image[:, ::-1]).all()
    assert (vary("upside down", image) == image[::-1]).all()


@pytest.mark.parametrize("name", ["eight turns", "eight turns by their other name"])
def test_eight_turns_are_the_rotations_of_the_image_and_of_its_mirror_evenly(name: str) -> None:
    image = make_noise()
    wanted = [np.rot90(side, k) for side in (image, image[:, ::-1]) for k in range(4)]
    counts = [int(sum((one == turned).all() for one in vary(name, image, 400))) for turned in wanted]
    assert sum(counts) == 400
    assert min(counts) > 25


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("rotation with a white border", {90, 255}),
        ("rotation that repeats the edge", {90}),
        ("rotation that reflects", {90}),
        ("tilt and shear", {90}),
        ("perspective", {90}),
        ("elastic", {90}),
    ],
)
def test_border_is_of_the_chosen_kind(name: str, levels: set[int]) -> None:
    found = vary(name, make_even(90))
    if len(levels) == 1:
        assert set(np.unique(found)) == levels
    else:
        assert found.min() == min(levels)  # and where the two meet, what is between
        assert (found[:, 0, 0] == max(levels)).all(axis=1).mean() > 0.8
        assert (found[:, 32, 32] == min(levels)).all()


def test_tilt_and_shear_turn_a_line_by_no_more_than_their_sum() -> None:
    image = make_even(255)
    image[32] = 0
    angles = []
    for one in vary("tilt and shear", image, 60):
        y, x = np.nonzero(one[:, 16:48, 0] < 128)
        angles.append(np.degrees(np.arctan(np.polyfit(x, y, 1)[0])))
    assert np.abs(angles).max() <= 15.5
    assert np.abs(angles).max() > 7.0


@pytest.mark.parametrize("name", ["crop at any size", "crop to a given size"])
def test_crop_shows_a_part_at_full_size(name: str) -> None:
    image = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (64, 64, 3))
    spans = [np.ptp(one) for one in vary(name, image)]
    assert np.median(spans) < 245
    assert min(spans) > 90
    assert len(set(spans)) > 5


def list_hues(images: np.ndarray) -> list[float]:
    """Hue in degrees, -180 to 180, of the first pixel of each image."""
    hues = [360.0 * colorsys.rgb_to_hsv(*(one[0, 0] / 255.0))[0] for one in images]
    return [(hue + 180.0) % 360.0 - 180.0 for hue in hues]


def test_jitter_turns_hue_by_a_tenth_of_the_circle_and_not_at_all_when_hue_is_off() -> None:
    red = make_even(200, 40, 40)
    turned = np.abs(list_hues(vary("jitter", red, 100)))
    assert turned.max() <= 36.0 + 2.0
    assert turned.max() > 25.0
    assert np.abs(list_hues(vary("jitter without hue", red, 100))).max() < 2.0


def test_contrast_scales_the_spread_by_up_to_three_tenths() -> None:
    image = np.random.default_rng(0).integers(100, 156, (*SQUARE_PX, 3), dtype=np.uint8)
    ratios = vary("contrast", image, 100).std(axis=(1, 2, 3)) / image.std()
    assert ratios.min() >= 0.69 and ratios.max() <= 1.31
    assert ratios.min() < 0.78 and ratios.max() > 1.22


def test_gray_is_the_luma_of_television() -> None:
    image = make_noise()
    luma = image @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert np.abs(vary("gray", image) - luma[:, :, None]).max() <= 1.0


def test_sharpening_strengthens_edges_and_clahe_spreads_local_contrast() -> None:
    soft = cv2.GaussianBlur(make_noise(), (7, 7), 2)
    edges = [ndimage.laplace(one[:, :, 0]).std() for one in (soft.astype(float), *vary("sharpen", soft))]
    assert min(edges[1:]) > 1.2 * edges[0]
    assert vary("clahe", soft).std() > 1.5 * soft.std()


def test_gaussian_noise_has_its_standard_deviation_and_gray_noise_is_the_same_in_all_channels() -> None:
    for name in ("noise", "gray noise"):
        noise = vary(name, make_even(128)) - 128.0
        assert noise.std() == pytest.approx(25.5, rel=0.05)
        assert abs(noise.mean()) < 1.0
        assert (np.ptp(noise, axis=3).max() == 0) == (name == "gray noise")


def test_salt_and_pepper_fall_on_their_share_of_pixels() -> None:
    image = make_even(128)
    spotted = vary("salt and pepper", image)
    assert set(np.unique(spotted)) == {0.0, 128.0, 255.0}
    assert (spotted[..., 0] != 128).mean() == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("name", ["gaussian blur", "motion blur", "median blur", "defocus"])
def test_blur_smooths_noise_and_keeps_the_mean(name: str) -> None:
    image = make_noise()
    blurred = vary(name, image)
    assert blurred.std(axis=(1, 2, 3)).max() < 0.8 * image.std()
    assert blurred.mean() == pytest.approx(image.mean(), rel=0.03)


def test_gaussian_blur_is_that_of_scipy() -> None:
    image = make_noise()
    wanted = ndimage.gaussian_filter(image.astype(float), (1.5, 1.5, 0), mode="mirror")
    assert np.abs(vary("gaussian blur", image, 2) - wanted).mean() < 1.5


def test_jpeg_loses_as_much_as_a_codec_does() -> None:
    image = cv2.GaussianBlur(make_noise(), (5, 5), 1)
    decoded = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 15])[1], cv2.IMREAD_COLOR)
    lost = np.abs(decoded.astype(float) - image).mean()
    assert np.abs(vary("jpeg", image, 2) - image).mean() == pytest.approx(lost, rel=0.25)


@pytest.mark.parametrize("name", ["shadow", "soft shadow"])
def test_shadow_only_darkens(name: str) -> None:
    shadowed = vary(name, make_even(200))
    assert shadowed.max() <= 200
    assert shadowed.min() < 150


def test_dropout_fills_whole_rectangles() -> None:
    dropped = vary("dropout", make_even(90))
    assert set(np.unique(dropped)) == {90.0, 255.0}
    for one in dropped:
        holes, n = ndimage.label(one[:, :, 0] == 255)
        assert 1 <= n <= 4  # two may touch
        assert 0.01 < (holes > 0).mean() < 4 * 0.2**2 + 0.01


def test_some_of_two_applies_two_of_its_steps() -> None:
    image = make_noise()
    gray = np.repeat(np.rint(vary("gray", image, 1)[0])[:, :, :1], 3, axis=2)
    acts: list[Callable[[np.ndarray], np.ndarray]] = [lambda x: x[:, ::-1], lambda x: x[::-1], lambda x: 255 - x]
    pairs = [acts[i](acts[j](image.astype(float))) for i in range(3) for j in range(i)] + [act(gray) for act in acts]
    seen = [[np.abs(one - pair).max() <= 1.0 for pair in pairs] for one in vary("some of", image, 100)]
    assert np.array(seen).any(axis=1).all()
    assert np.array(seen).any(axis=0).all()


def test_random_order_applies_its_steps_in_either_order() -> None:
    image = make_noise()
    turned = vary("any order", image, 40)
    n_left = sum((one == np.rot90(image)).all() for one in turned)
    n_right = sum((one == np.rot90(image, -1)).all() for one in turned)
    assert n_left + n_right == 40
    assert min(n_left, n_right) > 8


def test_random_gray_is_gray_as_often_as_told() -> None:
    n = 600
    faces = np.repeat(make_even(200, 120, 90)[None], n, axis=0)
    variants = augment_batch(build_policy(POLICIES["mask_random_gray"]), faces, 0).astype(int)
    assert (np.ptp(variants, axis=3).max(axis=(1, 2)) == 0).mean() == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("size_px", FACE_SIZES_PX)
@pytest.mark.parametrize("name", [name for name in POLICIES if name.startswith("mask") or name in ("none", "light")])
def test_policies_of_faces_suit_oblong_pictures(name: str, size_px: tuple[int, int]) -> None:
    assert resolve_policy(name, POLICIES[name], size_px) == resolve_policy(name, POLICIES[name], SQUARE_PX)


def test_policies_with_quarter_turns_refuse_oblong_pictures() -> None:
    with pytest.raises(InputError) as error:
        resolve_policy("document_heavy", POLICIES["document_heavy"], (128, 96))
    assert error.value.cases[0].startswith("policies.document_heavy.SquareSymmetry: turns (128, 96, 3)")


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mask_hue_off", {"hue": 0.0}),
        ("mask_contrast", {"contrast": 0.3}),
        ("mask_hue_off_contrast", {"hue": 0.0, "contrast": 0.3}),
        ("mask_random_gray", {"ToGray"}),
        ("mask_always_gray", {"ToGray"}),
        ("mask_gaussian_noise", {"GaussNoise"}),
    ],
)
def test_variant_of_the_study_differs_from_its_base_in_what_its_name_says(name: str, changed: Any) -> None:
    base, steps = POLICIES["mask_base"], POLICIES[name]
    if isinstance(changed, set):
        assert steps[:-1] == base
        assert set(steps[-1]) == changed
    else:
        assert steps[:-1] == base[:-1]
        assert steps[-1] == {"ColorJitter": {**base[-1]["ColorJitter"], **changed}}


@pytest.mark.parametrize("name", ["document_light", "document_heavy"])
def test_turned_white_page_has_no_border_of_another_colour(name: str) -> None:
    movers = [step for step in POLICIES[name] if set(step) & {"SquareSymmetry", "Affine", "Perspective"}]
    white = np.full((16, *SQUARE_PX, 3), 255, np.uint8)
    assert len(movers) >= 2
    assert (augment_batch(build_policy(movers), white, 0) == 255).all()


def test_every_transform_that_the_page_recommends_exists() -> None:
    named = set(re.findall(r"`([A-Z][a-z]*[A-Z0-9]\w*|[A-Z]\w+)(?::[^`]*)?`", PAGE))
    assert {"GaussNoise", "Stamps", "Perspective"} <= named
    assert named <= {*list_transforms(), "OneOf", "SomeOf", "RandomOrder", "Sequential"}


@pytest.mark.parametrize(("name", "arguments"), re.findall(r"`([A-Z]\w+): (\{[^`]*\})`", PAGE))
def test_every_argument_that_the_page_recommends_is_accepted(name: str, arguments: str) -> None:
    step = {name: yaml.safe_load(arguments)}
    if name in ("SomeOf", "RandomOrder"):
        step[name]["transforms"] = [{"HorizontalFlip": {}}, {"ToGray": {}}]
    assert set(resolve_policy("x", [step], (128, 96))[0]) == {name}


def test_every_ready_policy_is_on_the_page_with_its_picture() -> None:
    shown = re.findall(r"^### `(\w+)`$.*?\(\.\./pictures/policies/(\w+)\.png\)", PAGE, re.MULTILINE | re.DOTALL)
    assert shown == [(name, name) for name in POLICIES]
