"""The spread of a gain, against what drawing new images does to it."""

import numpy as np
from sklearn.metrics import f1_score

from podium.pipelines.pseudo_label.gains import estimate_gain_sd


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw labels and two members that are right in 80 and 70 % of cases, mostly in the same ones."""
    labels, luck = rng.integers(0, 3, n), rng.random(n)
    luck = np.stack([luck, np.where(rng.random(n) < 0.7, luck, rng.random(n))])
    return labels, np.where(luck < np.array([[0.8], [0.7]]), labels, (labels + 1) % 3)


def score_gain(labels: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.subtract(*(f1_score(labels, part, average="macro") for part in predicted)))


def test_spread_is_that_of_gains_on_newly_drawn_images() -> None:
    rng = np.random.default_rng(5)
    gains = [score_gain(*draw(rng, 300)) for _ in range(300)]
    labels, predicted = draw(rng, 300)
    estimated = estimate_gain_sd(labels, predicted, np.arange(300), 3)
    assert 0.8 < estimated / np.std(gains) < 1.25


def test_images_that_come_in_groups_make_a_gain_less_certain() -> None:
    labels, predicted = draw(np.random.default_rng(5), 100)
    alone = estimate_gain_sd(labels, predicted, np.arange(100), 3)
    repeated = estimate_gain_sd(np.tile(labels, 4), np.tile(predicted, 4), np.tile(np.arange(100), 4), 3)
    split = estimate_gain_sd(np.tile(labels, 4), np.tile(predicted, 4), np.arange(400), 3)
    assert 0.9 < repeated / alone < 1.1
    assert split < 0.65 * alone


def test_members_that_say_the_same_have_no_spread() -> None:
    labels, predicted = draw(np.random.default_rng(5), 50)
    assert estimate_gain_sd(labels, predicted[[0, 0]], np.arange(50), 3) == 0.0
