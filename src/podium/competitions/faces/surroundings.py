"""Draw what is around a head: the place behind it, shoulders, neck and clothes."""

import numpy as np

from podium.competitions.faces.canvas import Sketch, box, ellipse, mirror, smooth
from podium.competitions.faces.people import BLACK, SIDES, WHITE, Person, mix


def sketch_backdrop(person: Person, rng: np.random.Generator) -> Sketch:
    """Draw the place behind a person; wide enough to be seen a little shifted in every picture."""
    first, second = person.backdrop
    sketch = Sketch()
    if person.background == "panels":
        for x in np.arange(-3, 3, 0.55):
            sketch.fill(box(x, -3, x + 0.24, 3), mix(first, second, 0.7))
    elif person.background == "shelf":
        for x in np.arange(-3, 3, 0.45):
            sketch.fill(box(x, -0.9, x + 0.36, -0.3), mix(first, BLACK, 0.3))
            sketch.fill(box(x, 0.05, x + 0.3, 0.6), mix(second, WHITE, 0.3))
    elif person.background == "lights":
        for x, y, size in rng.uniform((-1.4, -1.4, 0.1), (1.4, 1.4, 0.45), (12, 3)):
            sketch.fill(ellipse(x, y, size, size), mix(first, WHITE, 0.4))
    return sketch


def sketch_body(person: Person) -> Sketch:
    """Draw shoulders, clothes and neck; the neck creases with age."""
    sketch = Sketch()
    broad = 0.78 + 0.2 * person.jaw_width
    shoulders = [(0.0, 0.72), (0.22, 0.74), (broad, 0.92), (broad + 0.12, 2.2), (0.0, 2.4)]
    sketch.fill(smooth(mirror(shoulders)), person.clothes)
    neck_width = 0.17 + 0.08 * person.jaw_width
    neck = mix(person.skin, BLACK, 0.16)
    sketch.fill(box(-neck_width, 0.3, neck_width, 0.82), neck)
    openings = {
        "round": [(0.3, 0.72), (0.22, 0.9)],
        "v": [(0.3, 0.7), (0.08, 1.08)],
        "shirt": [(0.24, 0.7), (0.1, 0.98)],
    }
    sketch.fill(smooth(mirror([(0.0, 0.7), *openings[person.collar], (0.0, 1.06)])), neck)
    if person.collar == "shirt":
        for side in SIDES:
            flap = np.array([(0.2, 0.68), (0.34, 0.78), (0.24, 1.06), (0.03, 0.94)]) * (side, 1)
            sketch.fill(flap, mix(person.clothes, WHITE, 0.4))
    for k in range(2):
        crease = ellipse(0, 0.56 + 0.09 * k, neck_width * 1.8, 0.1, 20, 160)
        sketch.stroke(crease, mix(neck, BLACK, 0.3 * person.ageing.sagging), 0.02)
    return sketch
