"""Masks: what each way of wearing one leaves bare."""

from dataclasses import replace

import numpy as np
import pytest

from podium.competitions.faces.canvas import Canvas, Pose
from podium.competitions.faces.masks import BELOW_NOSE, ON_CHIN, SHAPES, WORN, Mask, choose_masks, sketch_mask
from podium.competitions.faces.people import GENDERS, imagine_person

NOSE_TIP, MOUTH, CHIN = (0.0, 0.2), (0.0, 0.4), (0.0, 0.6)
BARE = (1.0, 2.0, 3.0)


def find_covered(mask: Mask, seed: int) -> list[bool]:
    person = imagine_person(GENDERS[seed % 2], 20 + 8 * (seed % 7), np.random.default_rng(seed))
    canvas = Canvas(200, 200, BARE, BARE)
    canvas.paint(sketch_mask(person, mask), Pose())
    picture = canvas.finish()
    return [tuple(picture[int(100 + 100 * y), int(100 + 100 * x)]) != BARE for x, y in (NOSE_TIP, MOUTH, CHIN)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("wearing", "covered"),
    [(WORN, [True, True, True]), (BELOW_NOSE, [False, True, True]), (ON_CHIN, [False, False, True])],
)
def test_way_of_wearing_decides_what_is_covered(shape: str, wearing: str, covered: list[bool]) -> None:
    for seed in range(30):
        for mask in choose_masks(6, np.random.default_rng(seed)):
            assert find_covered(replace(mask, shape=shape, wearing=wearing), seed) == covered


def test_masks_of_one_person_all_differ_in_colour_and_are_worn_properly() -> None:
    for seed in range(20):
        masks = choose_masks(6, np.random.default_rng(seed))
        assert len({mask.colour for mask in masks}) == 6
        assert {mask.wearing for mask in masks} == {WORN}


def test_shapes_and_patterns_vary() -> None:
    masks = choose_masks(6, np.random.default_rng(0)) + choose_masks(6, np.random.default_rng(1))
    assert {mask.shape for mask in masks} == set(SHAPES)
    assert len({mask.pattern for mask in masks}) > 2
