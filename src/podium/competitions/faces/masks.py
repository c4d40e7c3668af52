"""Draw a face mask, worn properly or not: colour, shape and pattern differ from picture to picture."""

from dataclasses import dataclass

import numpy as np

from podium.competitions.faces.canvas import Points, Sketch, ellipse, mirror, smooth
from podium.competitions.faces.people import BLACK, SIDES, WHITE, Colour, Person, mix

COLOURS: tuple[Colour, ...] = (
    (236, 238, 240),
    (150, 196, 222),
    (40, 42, 48),
    (236, 170, 184),
    (120, 166, 140),
    (92, 104, 150),
    (214, 190, 160),
    (150, 60, 66),
)
SHAPES = ("pleated", "folded", "cup")
PATTERNS = ("plain", "plain", "stripes", "dots", "print")

WORN = "worn"
BELOW_NOSE = "below nose"
ON_CHIN = "on chin"
TOP_AND_BOTTOM = {WORN: (0.06, 0.68), BELOW_NOSE: (0.275, 0.75), ON_CHIN: (0.47, 0.80)}
"""Where the mask's upper and lower edge lie on the middle line of the face, in face units; the nose ends at 0.24."""


@dataclass(frozen=True)
class Mask:
    """One mask as worn in one picture. ``slip`` moves it down, in face units."""

    wearing: str
    colour: Colour
    shape: str
    pattern: str
    slip: float


def choose_masks(n_masks: int, rng: np.random.Generator) -> list[Mask]:
    """Choose as many masks that all differ in colour, each worn properly, a little higher or lower."""
    colours = rng.permutation(len(COLOURS))[:n_masks]
    return [
        Mask(
            wearing=WORN,
            colour=mix(COLOURS[k], (float(rng.integers(256)),) * 3, 0.12),
            shape=SHAPES[int(rng.integers(len(SHAPES)))],
            pattern=PATTERNS[int(rng.integers(len(PATTERNS)))],
            slip=float(rng.uniform(-0.02, 0.045)),
        )
        for k in colours
    ]


def sketch_mask(person: Person, mask: Mask) -> Sketch:
    """Draw the mask and its straps, to be painted over a finished face."""
    top, bottom = (y + mask.slip for y in TOP_AND_BOTTOM[mask.wearing])
    outline, dark = _outline_mask(person, mask, top, bottom), mix(mask.colour, BLACK, 0.28)
    edge, ear = person.face_width * 0.9, person.face_width * 1.04
    sketch = Sketch()
    for side in SIDES:
        for start, end in ((top + 0.1, -0.04), (bottom - 0.16, 0.12)):
            sketch.stroke(np.array([(side * edge, start), (side * ear, end)]), mix(dark, WHITE, 0.3), 0.022, 0.2)
    sketch.fill(outline, mask.colour, 0.9)
    _add_folds(sketch, person, mask, top, bottom)
    _add_pattern(sketch, person, mask, top, bottom)
    sketch.stroke(np.concatenate((outline, outline[:1])), dark, 0.016, 0.9)
    return sketch


def _outline_mask(person: Person, mask: Mask, top: float, bottom: float) -> Points:
    w, chin, middle = person.face_width * 0.93, person.face_width * (0.42 + 0.2 * person.jaw_width), (top + bottom) / 2
    if mask.shape == "pleated":
        upper = [(0, top), (w * 0.5, top + 0.02), (w, top + 0.07)]
        return smooth(mirror([*upper, (w * 0.98, middle + 0.06), (chin, bottom), (0, bottom)]))
    if mask.shape == "folded":
        upper = [(0, top), (w * 0.35, top + 0.03), (w, middle - 0.06)]
        return smooth(mirror([*upper, (w * 0.9, middle + 0.1), (chin * 0.8, bottom), (0, bottom + 0.03)]))
    return smooth(
        mirror([(0, top), (w * 0.7, top + 0.03), (w * 0.96, middle), (w * 0.7, bottom - 0.04), (0, bottom + 0.02)])
    )


def _add_folds(sketch: Sketch, person: Person, mask: Mask, top: float, bottom: float) -> None:
    w, colour = person.face_width * 0.75, mix(mask.colour, BLACK, 0.16)
    heights = {"pleated": (0.32, 0.5, 0.68), "folded": (0.5,), "cup": ()}[mask.shape]
    bend = 0.06 if mask.shape == "folded" else 0.0
    for share in heights:
        y = top + share * (bottom - top)
        sketch.stroke(smooth([(-w, y), (0, y - bend), (w, y)], closed=False), colour, 0.018, 0.9)


def _add_pattern(sketch: Sketch, person: Person, mask: Mask, top: float, bottom: float) -> None:
    """Add what is printed on the mask, within its middle so that nothing crosses the edge."""
    w, height = person.face_width * 0.66, bottom - top
    ink = mix(mask.colour, WHITE if sum(mask.colour) < 380 else BLACK, 0.4)
    if mask.pattern == "stripes":
        for x in np.linspace(-w * 0.8, w * 0.8, 5):
            sketch.stroke(np.array([(x, top + 0.22 * height), (x * 0.9, top + 0.85 * height)]), ink, 0.03, 0.9)
    elif mask.pattern == "dots":
        for k in range(12):
            x, y = (k % 4 - 1.5) * w * 0.45, top + (0.28 + 0.24 * (k // 4)) * height
            sketch.fill(ellipse(x, y, 0.05, 0.05), ink, 0.9)
    elif mask.pattern == "print":
        right = [(0, top + 0.45 * height), (w * 0.35, top + 0.4 * height), (w * 0.2, top + 0.72 * height)]
        sketch.fill(smooth(mirror([*right, (0, top + 0.8 * height)])), ink, 0.9)
