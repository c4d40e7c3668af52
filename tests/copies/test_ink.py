"""A page keeps its ink whatever is added to it; entries in one form replace each other."""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from copies.pictures import draw_form, stamp
from podium.copies.ink import compare_ink, is_page

Gray = npt.NDArray[np.uint8]
LEAST = 0.88  # leaks.min_ink
AS_IT_IS = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def draw(seed: int) -> Gray:
    return np.asarray(cv2.cvtColor(draw_form(seed), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def stamp_gray(page: Gray) -> Gray:
    return stamp(page[..., None].repeat(3, axis=2))[..., 0]


def scribble(page: Gray) -> Gray:
    rng = np.random.default_rng(4)
    points = np.cumsum(rng.normal(0, 40, (30, 2)), axis=0) + np.array([240, 320])
    page = page.copy()
    cv2.polylines(page, [points.astype(np.int32)], False, 40, 3, cv2.LINE_AA)
    return page


def shine_through(page: Gray) -> Gray:
    back = cv2.GaussianBlur(draw(77)[:, ::-1], (0, 0), 1.5).astype(float)
    return np.asarray(np.clip(page * (0.6 + 0.4 * back / 250), 0, 255), dtype=np.uint8)


def fold(page: Gray) -> Gray:
    shade = 1 - 0.35 * np.exp(-np.abs(np.arange(page.shape[1]) - 200) / 25)
    return np.asarray(page * shade[None], dtype=np.uint8)


def smear(page: Gray) -> Gray:
    noise = np.random.default_rng(0).normal(0, 12, page.shape)
    return np.asarray(np.clip(0.7 * cv2.GaussianBlur(page, (0, 0), 1.2) + 40 + noise, 0, 255), dtype=np.uint8)


CHANGES: list[Callable[[Gray], Gray]] = [
    stamp,
    scribble,
    shine_through,
    fold,
    smear,
    lambda page: smear(fold(stamp_gray(page))),
]


@pytest.mark.parametrize("change", CHANGES)
def test_page_has_all_its_ink_whatever_was_added(change: Callable[[Gray], Gray]) -> None:
    page = draw(1)
    assert compare_ink(page, change(page), AS_IT_IS) >= LEAST
    assert compare_ink(change(page), page, AS_IT_IS) >= LEAST


@pytest.mark.parametrize("change", [np.copy, *CHANGES])
def test_other_entries_in_the_same_form_are_other_ink(change: Callable[[Gray], Gray]) -> None:
    assert compare_ink(draw(1), change(draw(2)), AS_IT_IS) < LEAST - 0.1


def test_page_that_was_photographed_is_laid_in_perspective() -> None:
    page = draw(1)
    corners = np.array([[0, 0], [479, 0], [479, 639], [0, 639]], np.float32)
    seen = np.array([[9, 6], [474, 0], [466, 634], [0, 628]], np.float32)
    photo = cv2.warpPerspective(page, cv2.getPerspectiveTransform(corners, seen), (480, 640), borderValue=250)
    assert compare_ink(page, np.asarray(photo, dtype=np.uint8), AS_IT_IS) >= LEAST
    other = cv2.warpPerspective(draw(2), cv2.getPerspectiveTransform(corners, seen), (480, 640), borderValue=250)
    assert compare_ink(page, np.asarray(other, dtype=np.uint8), AS_IT_IS) < LEAST


def test_half_of_a_page_under_another_half_has_less_ink_than_is_asked() -> None:
    one, other = draw(1), draw(1)
    one[320:], other[:320] = 250, 250
    other[300:320] = one[300:320]  # what both share
    assert compare_ink(one, other, AS_IT_IS) == 0.0


def test_pages_without_ink_have_nothing_in_common() -> None:
    empty = np.full((640, 480), 250, np.uint8)
    assert compare_ink(empty, empty, AS_IT_IS) == 0.0
    assert compare_ink(empty, draw(1), AS_IT_IS) == 0.0


def test_page_is_mostly_paper() -> None:
    assert is_page(draw(1)) and is_page(smear(draw(1)))
    assert not is_page(np.asarray(np.tile(np.linspace(0, 255, 480), (640, 1)), dtype=np.uint8))
