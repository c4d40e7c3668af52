"""Draw hair: it tells something of gender by its length, and of age by its colour and by how far it has gone back."""

import numpy as np

from podium.competitions.faces.canvas import Sketch, mirror, smooth
from podium.competitions.faces.people import BLACK, GREY, WHITE, Colour, Person, mix


def sketch_back_hair(person: Person) -> Sketch:
    """Draw the hair behind head and neck; it reaches further down the longer it is."""
    volume = 0.05 + 0.1 * person.hair_volume * (1 - 0.7 * person.ageing.receding)
    top, wide, bottom = person.face_length + volume, person.face_width + volume, 0.12 + person.hair_length
    right = [(0, -top), (wide * 0.8, -top), (wide * 1.1, -0.3), (wide * 1.06, bottom * 0.6), (wide * 0.96, bottom)]
    sketch = Sketch()
    sketch.fill(smooth(mirror([*right, (0, bottom)])), mix(greyed_hair(person), BLACK, 0.18))
    return sketch


def sketch_front_hair(person: Person) -> Sketch:
    """Draw the hair over the forehead; the hairline goes back with age, first at the temples."""
    back, w = person.ageing.receding, person.face_width
    volume = (0.04 + 0.1 * person.hair_volume) * (1 - back)
    top, side = person.face_length + volume, w + volume * 0.6
    middle_line = -0.42 + 0.2 * person.fringe * (1 - back) - 0.2 * back
    temple_line = -0.32 - 0.34 * back
    right = [(side * 0.72, -top), (side * 1.06, -0.34), (side * 1.02, -0.02), (w * 0.9, -0.2), (w * 0.82, temple_line)]
    left = [(-x, y) for x, y in reversed(right)]
    parting = [(person.parting + 0.1, middle_line), (person.parting - 0.1, middle_line - 0.05)]
    sketch = Sketch()
    sketch.fill(smooth([*right, *parting, *left]), greyed_hair(person), 0.2)
    _add_strands(sketch, person, top, middle_line)
    return sketch


def greyed_hair(person: Person) -> Colour:
    """Colour of the hair at the person's age."""
    return mix(person.hair, GREY, 0.85 * person.ageing.grey)


def _add_strands(sketch: Sketch, person: Person, top: float, line: float) -> None:
    """Add single strands: lighter and darker ones, and grey ones that become more with age."""
    w, hair = person.face_width, greyed_hair(person)
    for k, x in enumerate(np.linspace(-0.85, 0.85, 13)):
        grey = k * 5 % 13 < 13 * person.ageing.grey
        colour = mix(hair, GREY, 0.7) if grey else mix(hair, WHITE if k % 2 else BLACK, 0.14)
        root = (person.parting + (x * w - person.parting) * 0.5, -top + 0.03)
        end = (x * w, line - 0.02 + 0.3 * max(abs(x) - 0.35, 0))
        sketch.stroke(smooth([root, (x * w * 0.95, -top + 0.12), end], closed=False), colour, 0.018, 0.2)
