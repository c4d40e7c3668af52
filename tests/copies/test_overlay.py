"""One picture is laid upon another, and the mapping between the two gets better by their pixels, or stays."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from copies.pictures import draw_picture
from podium.copies.overlay import bring, order, refine, shrink

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
CORNERS = np.array([[0, 0, 1], [239, 0, 1], [0, 179, 1], [239, 179, 1]], dtype=np.float64)


def draw(seed: int) -> Gray:
    return np.asarray(cv2.cvtColor(draw_picture(seed), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def measure_miss(mapping: Floats, true: Floats) -> float:
    """How far the worst corner lies from where it belongs, in pixels."""
    ends = [CORNERS @ one.T for one in (mapping, true)]
    return float(np.abs(np.subtract(*(end[:, :2] / end[:, 2:] for end in ends))).max())


@pytest.mark.parametrize("in_perspective", [False, True])
def test_mapping_that_is_a_little_off_gets_better(in_perspective: bool) -> None:
    still = draw(1)
    true = np.array([[1.02, 0.01, 1.5], [-0.01, 1.01, -2], [2e-5 * in_perspective, 0, 1]])
    moving = cv2.warpPerspective(still, np.linalg.inv(true), still.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    (better,) = refine(still, np.asarray(moving, np.uint8), np.eye(3), 240, in_perspective=in_perspective)
    assert measure_miss(np.eye(3), true) > 3
    assert measure_miss(better, true) < 0.5


def test_mapping_that_is_led_astray_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    still = draw(1)
    for collapsed in ([[-0.4, 0, 100], [0, 0.4, 20]], [[1, 0, 60], [0, 1, 0]], [[np.nan, 0, 0], [0, 1, 0]]):
        monkeypatch.setattr(cv2, "findTransformECC", lambda *_, found=collapsed: (1.0, np.array(found)))
        assert refine(still, still, np.eye(3), 240) == []
    monkeypatch.setattr(cv2, "findTransformECC", lambda *_: (1.0, np.array([[1, 0, 3], [0, 1, 0]])))
    assert len(refine(still, still, np.eye(3), 240)) == 1


def test_pictures_without_anything_to_follow_keep_their_mapping() -> None:
    plain = np.full((180, 240), 200, np.uint8)
    assert refine(plain, plain, np.eye(3), 240) == []


def test_finer_picture_comes_second_and_is_brought_to_the_scale_of_the_other() -> None:
    large = draw(2)
    small = shrink(large, 120)
    whole = np.array([[1.0, 0, 0], [0, 1.0, 0]])  # in shares of the long sides
    for first, second in ((large, small), (small, large)):
        coarse, fine, to_px = order(first, second, whole)
        assert coarse.shape == small.shape and fine.shape == large.shape
        still, moving, mapping = bring(coarse, fine, to_px, 120)
        assert still.shape == moving.shape == small.shape
        np.testing.assert_allclose(mapping, np.eye(3), atol=1e-9)
        assert np.abs(still - moving).mean() < 1


def test_picture_that_is_hardly_larger_stays_as_it_is() -> None:
    assert shrink(draw(1), 200).shape == (180, 240)
    assert shrink(draw(1), 400).shape == (180, 240)
    assert shrink(draw(1), 60).shape == (45, 60)
