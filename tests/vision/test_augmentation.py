"""Policies: what is named wrong is said, what is resolved means the same, and a batch depends on its seed alone."""

import json
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import pytest
import yaml

from podium.errors import InputError
from podium.vision.augmentation import augment_batch, build_policy, resolve_policy

PARAMETERS = Path(__file__).parents[2] / "conf" / "base" / "parameters" / "augmentation.yml"
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
    return getattr(albumentations, name)(**arguments)


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
        "policies.내 정책: albumentations has no 'HorizontalFlp'; did you mean 'HorizontalFlip'?"
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
