"""Confident learning against its equations written out image by image, and on labels that were flipped."""

import time
from itertools import product

import numpy as np
import pytest
from scipy.special import softmax

from podium.label_errors import find_label_errors

# Means of the own class: 0.7 of three images, 0.5 of two, 0.6 of two.
LABELS = np.array([0, 0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.9, 0.0, 0.1],
        [0.3, 0.6, 0.1],  # confidently of class 1
        [0.1, 0.8, 0.1],
        [0.2, 0.2, 0.6],  # confidently of class 2
        [0.2, 0.2, 0.6],
        [0.35, 0.05, 0.6],
    ]
)


def draw(n: int, k: int, seed: int, sharpness: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """True labels, rare classes among them, and probabilities of a model that is often right."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum()))
    logits = rng.normal(size=(n, k)) + sharpness * np.eye(k)[labels]
    return labels, softmax(logits, axis=1)


def flip(labels: np.ndarray, k: int, n_flipped: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(labels), n_flipped, replace=False)
    given = labels.copy()
    given[chosen] = (given[chosen] + rng.integers(1, k, n_flipped)) % k
    return given


def count_by_the_equations(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The confident joint, one image after another."""
    k = probabilities.shape[1]
    own = [[p[j] for p, label in zip(probabilities, labels, strict=True) if label == j] for j in range(k)]
    joint = np.zeros((k, k), dtype=np.int64)
    for p, label in zip(probabilities, labels, strict=True):
        reached = [j for j in range(k) if own[j] and p[j] >= sum(own[j]) / len(own[j])]
        if reached:
            joint[label, max(reached, key=lambda j: p[j])] += 1
    return joint


def test_suspects_are_those_that_are_confidently_of_another_class() -> None:
    errors = find_label_errors(LABELS, PROBABILITIES)
    assert errors.is_suspect.tolist() == [False, False, True, False, True, False, False]
    assert errors.confident_joint.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 2]]
    assert errors.suggested[[2, 4]].tolist() == [1, 2]
    assert errors.suggested[[0, 1, 6]].tolist() == [1, 2, 0], "others: the most probable other class"
    assert errors.suspicion == pytest.approx([0.1, 0.1, 0.7, 0.2, 0.8, 0.4, 0.4])
    assert (errors.suggested.dtype, errors.confident_joint.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sharpness", [0.5, 2.0])
def test_confident_joint_is_that_of_the_equations(seed: int, sharpness: float) -> None:
    labels, probabilities = draw(120, 7, seed, sharpness)
    given = flip(labels, 7, 12, seed)
    errors = find_label_errors(given, probabilities)
    assert errors.confident_joint.tolist() == count_by_the_equations(given, probabilities).tolist()


def test_flipped_labels_are_found_within_twice_as_many_images_and_set_right() -> None:
    labels, probabilities = draw(2000, 10, 3, sharpness=6.0)
    given = flip(labels, 10, 60, 3)
    errors, is_flipped = find_label_errors(given, probabilities), given != labels
    assert is_flipped[errors.order[:120]].sum() >= 57
    assert (is_flipped & errors.is_suspect).sum() >= 48
    assert errors.confident_joint.sum() < 2000, "some images are confidently of no class"
    assert (errors.suggested[is_flipped] == labels[is_flipped]).mean() > 0.9


def test_order_is_that_of_the_loss() -> None:
    labels, probabilities = draw(300, 5, 1)
    loss = -np.log(probabilities[np.arange(300), labels])
    assert find_label_errors(labels, probabilities).order.tolist() == np.argsort(-loss).tolist()


def test_equally_suspicious_images_keep_their_order() -> None:
    chances = np.where(np.arange(100) % 3 == 0, 0.75, 0.5)
    errors = find_label_errors(np.zeros(100, dtype=np.int64), np.stack([chances, 1 - chances], axis=1))
    assert errors.order.tolist() == sorted(range(100), key=lambda row: row % 3 == 0)


def test_tie_of_two_classes_says_nothing_against_the_label() -> None:
    errors = find_label_errors(np.array([0, 1, 0, 1, 1]), np.tile([0.5, 0.5], (5, 1)))
    assert not errors.is_suspect.any()


def test_image_that_is_like_all_of_its_class_reaches_the_mean_despite_rounding() -> None:
    own = 0.1  # 0.1 + 0.1 + 0.1 is larger than 0.3 in floating point
    errors = find_label_errors(np.zeros(3, dtype=np.int64), np.tile([own, 1 - own], (3, 1)))
    assert errors.confident_joint.tolist() == [[3, 0], [0, 0]]


def test_class_without_images_is_never_suggested() -> None:
    probabilities = np.array([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0.0, 0.1, 0.9], [0.0, 0.4, 0.6]])
    errors = find_label_errors(np.array([0, 0, 1, 1]), probabilities)
    assert (errors.suggested != 2).all()
    assert not errors.confident_joint[:, 2].any()


def test_class_that_its_own_images_lack_altogether_attracts_nothing() -> None:
    probabilities = np.array([[0.6, 0.4, 0.0], [0.8, 0.2, 0.0], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.3, 0.7, 0.0]])
    errors = find_label_errors(np.array([0, 0, 2, 1, 1]), probabilities)
    assert not errors.confident_joint[:, 2].any()
    assert errors.is_suspect.tolist() == [False, False, True, False, False]
    assert errors.suggested[2] == 0


def test_class_of_three_images_with_a_low_mean_makes_no_suspects_of_images_that_the_model_agrees_with() -> None:
    labels, probabilities = draw(400, 4, 5, sharpness=3.0)
    labels[:3] = 0
    rare = np.concatenate([probabilities, np.full((400, 1), 0.05)], axis=1)
    labels = np.concatenate([labels, [4, 4, 4]])
    rare = np.concatenate([rare, np.tile([0.6, 0.2, 0.1, 0.08, 0.02], (3, 1))])
    errors = find_label_errors(labels, rare)
    assert errors.confident_joint[:4, 4].sum() > 20, "hundreds reach a mean of 0.02, and some no other"
    agrees = rare.argmax(axis=1) == labels
    assert not errors.is_suspect[agrees].any()


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_probabilities_divided_by_the_prior_give_away_the_same_labels(power: float) -> None:
    labels, probabilities = draw(2000, 6, 2, sharpness=6.0)
    given = flip(labels, 6, 60, 2)
    shares = np.bincount(given, minlength=6) / 2000
    adjusted = probabilities / shares**power
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    plain, other = find_label_errors(given, probabilities), find_label_errors(given, adjusted)
    is_flipped = given != labels
    assert abs((plain.is_suspect & is_flipped).sum() - (other.is_suspect & is_flipped).sum()) <= 3
    assert is_flipped[plain.order[:120]].sum() >= 57
    assert is_flipped[other.order[:120]].sum() >= 57


@pytest.mark.parametrize("factor", [0.3, 0.01])
def test_class_that_is_given_too_little_on_the_whole_is_judged_by_its_own_measure(factor: float) -> None:
    # No image reaches two means, so that none has to be chosen between.
    probabilities = np.where(np.eye(3) > 0, 0.8, 0.1)[np.array([0, 0, 1, 1, 2, 2, 2])]
    given = np.array([0, 0, 1, 1, 2, 2, 0])
    less = probabilities * [1.0, factor, 1.0]
    plain, other = find_label_errors(given, probabilities), find_label_errors(given, less)
    assert plain.confident_joint.tolist() == other.confident_joint.tolist()
    assert plain.confident_joint[0].tolist() == [2, 0, 1]


def test_renamed_classes_give_the_same_suspects() -> None:
    labels, probabilities = draw(500, 6, 4)
    given = flip(labels, 6, 20, 4)
    new_name = np.array([3, 5, 0, 1, 4, 2])
    renamed = np.empty_like(probabilities)
    renamed[:, new_name] = probabilities
    plain, other = find_label_errors(given, probabilities), find_label_errors(new_name[given], renamed)
    assert plain.is_suspect.tolist() == other.is_suspect.tolist()
    assert new_name[plain.suggested].tolist() == other.suggested.tolist()
    assert all(
        plain.confident_joint[i, j] == other.confident_joint[new_name[i], new_name[j]]
        for i, j in product(range(6), repeat=2)
    )


def test_no_images_have_no_errors() -> None:
    errors = find_label_errors(np.array([], dtype=np.int64), np.empty((0, 3)))
    assert [len(values) for values in (errors.is_suspect, errors.suspicion, errors.suggested, errors.order)] == [0] * 4
    assert errors.confident_joint.tolist() == np.zeros((3, 3)).tolist()


def test_a_single_class_suggests_nothing_else() -> None:
    errors = find_label_errors(np.zeros(4, dtype=np.int64), np.ones((4, 1)))
    assert errors.suggested.tolist() == [0] * 4
    assert not errors.is_suspect.any()
    alone = find_label_errors(np.ones(2, dtype=np.int64), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert alone.suggested.tolist() == [1, 1], "the other class has no images"


def test_float32_that_rounding_took_above_one_passes() -> None:
    probabilities = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0], [0, 1]], dtype=np.float32)
    assert find_label_errors(np.array([0, 1]), probabilities).suspicion.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[0.5, 0.5]], r"labels \(2,\) and probabilities \(1, 2\)"),
        ([[0]], [[0.5, 0.5]], r"labels \(1, 1\)"),
        ([0], [0.5], r"probabilities \(1,\)"),
        ([0, 2], [[0.5, 0.5]] * 2, "labels run from 0 to 2, not within 0 to 1"),
        ([-1, 1], [[0.5, 0.5]] * 2, "labels run from -1 to 1"),
        ([0], [[np.nan, 0.5]], "outside 0 to 1"),
        ([0], [[-0.1, 0.5]], "outside 0 to 1"),
        ([0], [[1.1, 0.5]], "outside 0 to 1"),
    ],
)
def test_values_that_make_no_sense_are_refused(labels: list, probabilities: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_label_errors(np.array(labels), np.array(probabilities))


def test_twenty_thousand_images_of_two_hundred_classes_take_less_than_a_second() -> None:
    labels, probabilities = draw(20_000, 200, 0)
    start = time.process_time()
    find_label_errors(labels, probabilities)
    assert time.process_time() - start < 1.0
