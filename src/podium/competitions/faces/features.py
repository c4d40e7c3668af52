"""Draw a face: its outline, eyes, brows, nose and mouth, and the marks that age leaves on each."""

import numpy as np

from podium.competitions.faces.canvas import Points, Sketch, ellipse, mirror, smooth
from podium.competitions.faces.people import BLACK, GREY, SIDES, WHITE, Colour, Person, mix

BROWN_SPOT: Colour = (112, 74, 52)
SPOT_PLACES = ((-0.3, -0.34), (0.33, -0.22), (-0.36, 0.16), (0.3, 0.2), (0.14, -0.42), (-0.12, -0.36), (0.38, 0.04))


def sketch_face(person: Person) -> Sketch:
    """Draw ears and bare skin."""
    sketch = Sketch()
    for side in SIDES:
        sketch.fill(ellipse(side * person.face_width, 0.03, 0.16, 0.26), mix(person.skin, BLACK, 0.1), -0.3)
    sketch.fill(outline_face(person), person.skin)
    return sketch


def outline_face(person: Person) -> Points:
    """Outline the face; the jaw is broader for some, and sagging cheeks widen it downwards with age."""
    w, length, sag = person.face_width, person.face_length, person.ageing.sagging
    jaw = w * (0.58 + 0.3 * person.jaw_width + 0.14 * sag)
    chin = w * (0.22 + 0.26 * person.jaw_width)
    right = [(0, -length), (w * 0.74, -length), (w * 1.06, -0.3), (w * 1.04, 0.06), (w * 0.98, 0.2 + 0.05 * sag)]
    return smooth(mirror([*right, (jaw, length * 0.72), (chin, length * 1.04), (0, length * 1.05)]))


def sketch_shadows(person: Person) -> Sketch:
    """Draw soft shadows in grey: stubble, hollow eyes, eye bags, cheeks that fall, and the sides of the nose."""
    age, w = person.ageing, person.face_width
    sketch = Sketch()
    stubble = smooth(mirror([(0, 0.31), (0.2, 0.3), (w * 0.9, 0.12), (w * 0.8, 0.5), (0.14, 0.66), (0, 0.68)]))
    sketch.fill(stubble, _shadow(0.42 * person.beard * (1 - 0.5 * age.grey)), 0.6)
    for side in SIDES:
        sketch.fill(ellipse(side * 0.2, -0.06, 0.26, 0.2), _shadow(0.03 + 0.1 * age.sagging), 0.8)
        sketch.fill(ellipse(side * 0.2, 0.075, 0.2, 0.075), _shadow(0.42 * age.eye_bags), 0.8)
        sketch.fill(ellipse(side * w * 0.72, 0.36, 0.16, 0.3), _shadow(0.3 * age.sagging), 0.4)
        sketch.fill(ellipse(side * 0.07, 0.1, 0.05, 0.22), _shadow(0.12), 1.2)
    return sketch


def sketch_features(person: Person) -> Sketch:
    """Draw everything with a sharp edge: age spots, wrinkles, eyes, brows, nose, mouth."""
    sketch = Sketch()
    _add_spots(sketch, person)
    _add_wrinkles(sketch, person)
    for side in SIDES:
        _add_cheek_folds(sketch, person, side)
        _add_eye(sketch, person, side)
        _add_brow(sketch, person, side)
    _add_nose(sketch, person)
    _add_mouth(sketch, person)
    return sketch


def sketch_glasses() -> Sketch:
    """Draw a pair of glasses."""
    frame: Colour = (40, 38, 44)
    sketch = Sketch()
    for side in SIDES:
        sketch.stroke(ellipse(side * 0.2, -0.01, 0.3, 0.23), frame, 0.022, 1.1)
        sketch.stroke(np.array([(side * 0.35, -0.03), (side * 0.48, -0.05)]), frame, 0.022, 0.4)
    sketch.stroke(np.array([(-0.05, -0.03), (0.05, -0.03)]), frame, 0.022, 1.2)
    return sketch


def _shadow(strength: float) -> Colour:
    """Grey that darkens by ``strength`` (0 to 1) when multiplied in."""
    return (255 * (1 - strength),) * 3


def _add_spots(sketch: Sketch, person: Person) -> None:
    colour = mix(person.skin, BROWN_SPOT, 0.55 * person.ageing.spots)
    for k, (x, y) in enumerate(SPOT_PLACES):
        size = 0.03 + 0.012 * (k % 3)
        sketch.fill(ellipse(x * person.face_width / 0.45, y, size, size), colour, 0.5)


def _add_wrinkles(sketch: Sketch, person: Person) -> None:
    """Add lines that deepen with age: on the forehead, between the brows, crow's feet."""
    deep = mix(person.skin, BLACK, 0.55 * person.ageing.wrinkles)
    for k in range(3):
        sketch.stroke(ellipse(0, -0.29 - 0.075 * k, 0.46 - 0.06 * k, 0.05, 195, 345), deep, 0.018, 0.7)
    for side in SIDES:
        sketch.stroke(np.array([(side * 0.035, -0.2), (side * 0.03, -0.11)]), deep, 0.016, 0.8)
        for k in range(3):
            sketch.stroke(np.array([(side * 0.335, -0.02), (side * 0.41, -0.07 + 0.055 * k)]), deep, 0.015, 0.5)


def _add_cheek_folds(sketch: Sketch, person: Person, side: int) -> None:
    """Add the folds from nose to mouth and from mouth to chin: they deepen as cheeks sag."""
    sag = person.ageing.sagging
    fold = smooth([(0.1, 0.18), (0.19, 0.26), (0.2 + 0.02 * sag, 0.4)], closed=False) * (side, 1)
    sketch.stroke(fold, mix(person.skin, BLACK, 0.02 + 0.42 * sag), 0.02, 0.9)
    jowl = np.array([(side * 0.17, 0.46), (side * 0.2, 0.56)])
    sketch.stroke(jowl, mix(person.skin, BLACK, 0.4 * sag), 0.018, 0.8)


def _add_eye(sketch: Sketch, person: Person, side: int) -> None:
    """Add an eye; the upper lid droops with age."""
    width = 0.17 + 0.05 * person.eye_size
    height = (0.075 + 0.05 * person.eye_size) * (1 - 0.35 * person.ageing.sagging)
    x, y = side * 0.2, -0.02
    sketch.fill(ellipse(x, y, width, height), mix(WHITE, person.skin, 0.12), 0.9)
    sketch.fill(ellipse(x, y, 0.085, min(height, 0.09)), person.iris, 1.0)
    sketch.fill(ellipse(x, y, 0.042, 0.042), BLACK, 1.0)
    lid = mix(person.skin, BLACK, 0.55 + 0.4 * person.lashes)
    sketch.stroke(ellipse(x, y, width, height, 185, 355), lid, 0.014 + 0.03 * person.lashes, 0.9)
    end = x + side * width / 2
    sketch.stroke(
        np.array([(end, y - 0.01), (end + side * 0.05 * person.lashes, y - 0.05 * person.lashes)]), lid, 0.02, 0.9
    )
    hood = mix(person.skin, BLACK, 0.1 + 0.3 * person.ageing.sagging)
    sketch.stroke(ellipse(x, y - 0.035, width * 1.1, height * 1.1, 200, 340), hood, 0.016, 0.8)


def _add_brow(sketch: Sketch, person: Person, side: int) -> None:
    arch, thick = 0.02 + 0.07 * person.brow_arch, 0.02 + 0.055 * person.brow_thickness
    colour = mix(mix(person.hair, BLACK, 0.25), GREY, 0.6 * max(person.ageing.grey - 0.25, 0))
    brow = smooth([(0.08, -0.135), (0.19, -0.15 - arch), (0.32, -0.12)], closed=False) * (side, 1)
    sketch.stroke(brow, colour, thick, 0.8)


def _add_nose(sketch: Sketch, person: Person) -> None:
    width = 0.08 + 0.07 * person.nose_width
    tip = [(-width, 0.16), (-width * 0.8, 0.22), (0, 0.235), (width * 0.8, 0.22), (width, 0.16)]
    sketch.stroke(smooth(tip, closed=False), mix(person.skin, BLACK, 0.34), 0.024, 1.5)
    for side in SIDES:
        sketch.fill(ellipse(side * width * 0.5, 0.205, 0.035, 0.02), mix(person.skin, BLACK, 0.5), 1.5)


def _add_mouth(sketch: Sketch, person: Person) -> None:
    """Add the lips, which become thinner with age, and a moustache for those who wear one."""
    full = person.lip_fullness * (1 - 0.45 * person.ageing.sagging)
    width, upper, lower = 0.15, 0.025 + 0.035 * full, 0.04 + 0.065 * full
    lips = [(-width, 0.405), (-0.05, 0.4 - upper), (0, 0.4 - 0.6 * upper), (0.05, 0.4 - upper), (width, 0.405)]
    sketch.fill(smooth([*lips, (0.07, 0.4 + lower), (-0.07, 0.4 + lower)]), person.lips, 1.0)
    parting = np.array([(-width * 0.85, 0.403), (width * 0.85, 0.403)])
    sketch.stroke(parting, mix(person.lips, BLACK, 0.45), 0.014, 1.0)
    if person.moustache:
        moustache = smooth(mirror([(0, 0.29), (0.1, 0.3), (0.2, 0.4), (0.1, 0.36), (0, 0.36)]))
        sketch.fill(moustache, mix(mix(person.hair, BLACK, 0.1), GREY, person.ageing.grey), 1.1)
