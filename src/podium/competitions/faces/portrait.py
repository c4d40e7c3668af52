"""Put a portrait together, and take the seven pictures that every drawn person sits for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from podium.competitions.faces.camera import Camera, choose_pose, photograph, turn_some
from podium.competitions.faces.canvas import Canvas, Pose, Sketch
from podium.competitions.faces.features import sketch_face, sketch_features, sketch_glasses, sketch_shadows
from podium.competitions.faces.hair import sketch_back_hair, sketch_front_hair
from podium.competitions.faces.masks import BELOW_NOSE, ON_CHIN, choose_masks, sketch_mask
from podium.competitions.faces.people import Person, mix
from podium.competitions.faces.surroundings import sketch_backdrop, sketch_body

STEMS = ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")
SHADOW_SOFTNESS = 0.035


@dataclass(frozen=True)
class Portrait:
    """All sketches of one person, from back to front."""

    person: Person
    backdrop: Sketch
    still: tuple[Sketch, ...]
    face: Sketch
    shadows: Sketch
    front: tuple[Sketch, ...]


def sketch_portrait(person: Person, rng: np.random.Generator) -> Portrait:
    """Draw a person once; :func:`paint_portrait` then shows the person in any pose.

    Args:
        person: Who is drawn.
        rng: Source of where things stand behind the person.

    Returns:
        The portrait.
    """
    glasses = (sketch_glasses(),) if person.glasses else ()
    return Portrait(
        person=person,
        backdrop=sketch_backdrop(person, rng),
        still=(sketch_back_hair(person), sketch_body(person)),
        face=sketch_face(person),
        shadows=sketch_shadows(person),
        front=(sketch_features(person), sketch_front_hair(person), *glasses),
    )


def paint_portrait(portrait: Portrait, mask: Sketch | None, pose: Pose, size_px: tuple[int, int]) -> np.ndarray:
    """Paint one picture, as seen without any fault of the camera.

    Args:
        portrait: Who is painted.
        mask: What covers the face, if anything.
        pose: How the head is held; the body follows in place and size but does not tilt or turn.
        size_px: Height and width.

    Returns:
        uint8, (height, width, 3), RGB.
    """
    first, second = portrait.person.backdrop
    canvas = Canvas(*size_px, top=first, bottom=mix(first, second, 0.6))
    canvas.paint(portrait.backdrop, Pose(shift=(4 * pose.turn, pose.nod)))
    for sketch in portrait.still:
        canvas.paint(sketch, Pose(scale=pose.scale, shift=pose.shift))
    canvas.paint(portrait.face, pose)
    canvas.shade(portrait.shadows, pose, SHADOW_SOFTNESS)
    for sketch in portrait.front + ((mask,) if mask else ()):
        canvas.paint(sketch, pose)
    return canvas.finish()


def take_pictures(
    person: Person, camera: Camera, size_px: tuple[int, int], rng: np.random.Generator
) -> Iterator[tuple[str, np.ndarray]]:
    """Take the seven pictures of one person: five masks worn properly, one worn wrongly, and none.

    Args:
        person: Who is drawn; the same in all seven.
        camera: How rough the pictures are.
        size_px: Height and width.
        rng: Source of backdrop, masks, poses, light and noise.

    Yields:
        A stem of ``STEMS``, in their order, and the picture: uint8, (height, width, 3), RGB.
    """
    portrait = sketch_portrait(person, rng)
    *worn, wrong = choose_masks(6, rng)
    wrong = replace(wrong, wearing=(BELOW_NOSE, ON_CHIN)[int(rng.integers(2))])
    for stem, mask in zip(STEMS, (*worn, wrong, None), strict=True):
        worn_mask = sketch_mask(person, mask) if mask else None
        picture = paint_portrait(portrait, worn_mask, choose_pose(camera, rng), size_px)
        yield stem, turn_some(photograph(picture, camera, rng), camera, rng)
