"""The sheet of policies shows what each makes of the same pictures, or why it cannot."""

from typing import Any

import numpy as np
import pytest

from podium.pipelines.explore.policies import MAX_SHEET_PX, apply_policies, draw_policies

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 48, 32, 3), dtype=np.uint8)
POLICIES: dict[str, Any] = {
    "none": [],
    "거울": [{"HorizontalFlip": {"p": 1.0}}],
    "turns": [{"SquareSymmetry": {"p": 1.0}}],
    "misspelt": [{"HorizontalFlop": {}}],
    "light": [{"RandomBrightnessContrast": {"p": 1.0}}],
}


def test_each_policy_augments_the_same_pictures_or_says_why_not() -> None:
    shown = apply_policies(POLICIES, PIXELS, 7)
    assert list(shown) == list(POLICIES)
    assert np.array_equal(shown["none"], PIXELS)
    assert np.array_equal(shown["거울"], PIXELS[:, :, ::-1])
    assert isinstance(shown["turns"], str) and "(48, 32, 3)" in shown["turns"]
    assert isinstance(shown["misspelt"], str) and "did you mean 'HorizontalFlip'?" in shown["misspelt"]
    again = apply_policies(POLICIES, PIXELS, 7)
    assert np.array_equal(again["light"], shown["light"])
    assert not np.array_equal(shown["light"], PIXELS)


def test_sheet_has_a_row_each_with_pictures_or_the_reason() -> None:
    shown = apply_policies(POLICIES, PIXELS, 7)
    sections = [[("as stored", PIXELS)], list(shown.items()), [("real test images", PIXELS[:2])]]
    figure = draw_policies(sections, "제목")
    (axis,) = figure.axes
    rows = ["as stored", *POLICIES, "real test images"]
    assert [label.get_text() for label in axis.get_yticklabels()] == rows
    sheet = axis.images[0].get_array()
    height, width = 96, 64  # the long side is brought to 96 px, its pixels doubled
    top = 2 * (height + 4)
    assert np.array_equal(sheet[top : top + height : 2, 0:width:2], PIXELS[0, :, ::-1])
    reasons = [text.get_text().replace("\n", " ") for text in axis.texts]
    assert len(reasons) == 2
    assert reasons[0].startswith("cannot be applied to pictures of 48 x 32 px: SquareSymmetry")
    lines = [line.get_ydata()[0] for line in axis.lines]
    assert lines == [pytest.approx((height + 4) * n - 2) for n in (1, 6)]


@pytest.mark.parametrize("side", [32, 1024])
def test_sheet_of_any_input_and_number_of_policies_stays_in_bounds(side: int) -> None:
    pictures = np.zeros((2, side, side, 3), np.uint8)
    figure = draw_policies([[(f"policy {number}", pictures) for number in range(60)]], "t")
    assert figure.axes[0].images[0].get_array().shape[0] <= 1.1 * MAX_SHEET_PX
