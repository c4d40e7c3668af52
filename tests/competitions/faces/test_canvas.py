"""Shapes and the canvas: where they land, how smooth they are."""

import numpy as np
import pytest

from podium.competitions.faces.canvas import Canvas, Pose, Sketch, box, ellipse, mirror, smooth

BLACK, WHITE = (0.0, 0.0, 0.0), (255.0, 255.0, 255.0)


def paint(sketch: Sketch, pose: Pose, height_px: int = 100, width_px: int = 100) -> np.ndarray:
    canvas = Canvas(height_px, width_px, BLACK, BLACK)
    canvas.paint(sketch, pose)
    return canvas.finish()


def find_middle(picture: np.ndarray) -> tuple[float, float]:
    """Mean x and y of what is bright, in face units."""
    y, x = np.nonzero(picture[:, :, 0] > 127)
    half_px = min(picture.shape[:2]) / 2
    return (x.mean() + 0.5 - picture.shape[1] / 2) / half_px, (y.mean() + 0.5 - picture.shape[0] / 2) / half_px


@pytest.fixture
def dot() -> Sketch:
    sketch = Sketch()
    sketch.fill(ellipse(0.4, -0.2, 0.2, 0.2), WHITE, depth=1.0)
    return sketch


@pytest.mark.parametrize(
    ("pose", "x", "y"),
    [
        (Pose(), 0.4, -0.2),
        (Pose(scale=0.5), 0.2, -0.1),
        (Pose(shift=(0.1, 0.3)), 0.5, 0.1),
        (Pose(rotation_deg=90), 0.2, 0.4),
        (Pose(turn=0.1, nod=-0.2), 0.5, -0.4),
    ],
)
@pytest.mark.parametrize("size_px", [(100, 100), (100, 160), (160, 100)])
def test_pose_moves_a_shape_to_its_place(dot: Sketch, pose: Pose, x: float, y: float, size_px: tuple[int, int]) -> None:
    assert find_middle(paint(dot, pose, *size_px)) == pytest.approx((x, y), abs=0.015)


def test_edges_are_smooth() -> None:
    sketch = Sketch()
    sketch.fill(ellipse(0, 0, 1, 1), WHITE)
    picture = paint(sketch, Pose())
    assert ((picture > 20) & (picture < 235)).sum() > 200


def test_stroke_is_as_wide_as_asked() -> None:
    sketch = Sketch()
    sketch.stroke(np.array([(-2.0, 0.0), (2.0, 0.0)]), WHITE, 0.2)
    assert paint(sketch, Pose())[:, 50, 0].sum() / 255 == pytest.approx(10, abs=1.5)


def test_later_shapes_cover_earlier_ones() -> None:
    sketch = Sketch()
    sketch.fill(box(-2, -2, 2, 2), WHITE)
    sketch.fill(box(-2, -2, 2, 2), (10.0, 20.0, 30.0))
    assert (paint(sketch, Pose()) == (10, 20, 30)).all()


def test_empty_sketch_paints_nothing() -> None:
    assert not paint(Sketch(), Pose()).any()


def test_shadow_darkens_softly_and_only_where_it_lies() -> None:
    canvas, shadow = Canvas(100, 100, (200.0, 200.0, 200.0), (200.0, 200.0, 200.0)), Sketch()
    shadow.fill(box(-2, -2, 0, 2), (127.5, 127.5, 127.5))
    canvas.shade(shadow, Pose(), softness=0.05)
    row = canvas.finish()[50, :, 0]
    assert row[5] == pytest.approx(100, abs=2)
    assert row[95] == 200
    assert 120 < row[50] < 180
    assert (np.diff(row.astype(int)) >= 0).all()


def test_backdrop_fades_from_top_to_bottom() -> None:
    picture = Canvas(20, 10, (200.0, 0.0, 0.0), (0.0, 0.0, 100.0)).finish()
    assert picture.shape == (20, 10, 3)
    assert picture[0, 0].tolist() == pytest.approx([197, 0, 1], abs=3)
    assert picture[-1, 0].tolist() == pytest.approx([2, 0, 98], abs=3)


def test_smooth_line_keeps_its_ends_and_stays_within_its_corners() -> None:
    corners = [(0.0, 0.0), (1.0, 2.0), (2.0, 0.0)]
    line = smooth(corners, closed=False)
    assert line[0].tolist() == [0, 0]
    assert line[-1].tolist() == [2, 0]
    assert line[:, 1].max() < 2
    assert (np.diff(line[:, 0]) >= 0).all()


def test_mirrored_outline_is_symmetric() -> None:
    outline = mirror([(0, 0), (1, 1), (0, 2)])
    assert {tuple(point) for point in outline} == {(-x, y) for x, y in outline.tolist()}
