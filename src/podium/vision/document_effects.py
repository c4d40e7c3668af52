"""What happens to paper: transforms of our own beside those of albumentations, for pages that were scanned clean.

Each is used in a policy by its name like any other transform. Lengths are shares of the page's shorter side, so that a
policy means the same at every size. All randomness comes from the random states that albumentations hands out, so the
seed of a batch decides everything. Images are uint8, (height, width, 3), dark ink on light paper; the result has the
same shape and type.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import albumentations
import cv2
import numpy as np
import numpy.typing as npt
from albumentations.core.transforms_interface import BaseTransformInitSchema
from pydantic import AfterValidator, Field

Image = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Landing = npt.NDArray[np.float64]
"""float64, (2, 3): what x, y and 1 are multiplied with to find their place on the page."""

Colour = tuple[int, int, int]
Stroke = tuple[Points, Colour, int]
Stamp = tuple[Image, Landing, Colour]

LEVELS = np.arange(256, dtype=np.float32)
"""Every value of a pixel, for tables that OpenCV looks results up in."""

FRACTION_BITS = 4
"""Of the coordinates that OpenCV draws at: sixteenths of a pixel."""

PEN_COLOURS = ((25, 25, 30), (20, 40, 140), (30, 60, 170), (170, 30, 35))
"""Black, two blues and red, as in pens; R, G, B."""

STAMP_COLOURS = ((180, 30, 40), (30, 50, 150), (100, 40, 120), (40, 40, 45))
"""Red, blue, violet and black, as in ink pads; R, G, B."""

STAMP_WORDS = ("RECEIVED", "PAID", "COPY", "APPROVED", "DRAFT", "FILED", "ENTERED", "URGENT")


def _require_order(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"the first number must not be larger than the second (got {list(value)})")
    return value


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1, le=100)]
ShareRange = Annotated[tuple[Share, Share], AfterValidator(_require_order)]
CountRange = Annotated[tuple[Count, Count], AfterValidator(_require_order)]


class InkBleed(albumentations.ImageOnlyTransform):
    """Ink that ran into the paper: strokes grow thicker and softer, here more and there less.

    Args:
        spread_range: How far ink runs, as a share of the page's shorter side; less than a pixel is a fainter pixel.
        strength_range: How dark the ink that ran is, as a share of the stroke's darkness.
        p: Probability of the transform.
    """

    class InitSchema(BaseTransformInitSchema):
        spread_range: ShareRange
        strength_range: ShareRange

    def __init__(
        self,
        spread_range: tuple[float, float] = (0.002, 0.005),
        strength_range: tuple[float, float] = (0.4, 0.9),
        p: float = 0.5,
    ):
        super().__init__(p=p)
        self.spread_range = spread_range
        self.strength_range = strength_range

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw how far ink runs, and how thirsty the paper is at each point: float32, (height, width), 0 to 1."""
        height, width = params["shape"][:2]
        spread_px = self.py_random.uniform(*self.spread_range) * min(height, width)
        radius_px = max(1, round(spread_px))
        strength = self.py_random.uniform(*self.strength_range) * min(spread_px, 1.0)
        # Spots of a few strokes' width: fibres take ink up unevenly, so an even veil would look printed.
        thirst = _draw_field(self.random_generator, (height, width), cell_px=4.0 * radius_px)
        return {"radius_px": radius_px, "share": thirst * np.float32(strength)}

    def apply(self, img: Image, radius_px: int, share: Plane, **params: Any) -> Image:
        """Blend the page with one whose strokes are thicker; no pixel becomes lighter."""
        side = 2 * radius_px + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        grown = cv2.GaussianBlur(cv2.erode(img, disc), (side, side), 0.5 * radius_px)
        lost = cv2.multiply(cv2.subtract(img, grown), _spread(share), dtype=cv2.CV_32F)
        return np.asarray(cv2.subtract(img, lost, dtype=cv2.CV_8U), np.uint8)


class PaperFolds(albumentations.ImageOnlyTransform):
    """Folds of a page that was in an envelope: a worn crease, and a side that lies in its own shade.

    Args:
        n_range: Fewest and most folds; each is upright or level, whichever chance says.
        depth_range: How much darker the paper is beside the crease.
        tilt_deg: Largest angle between a fold and the page's edge, in degrees.
        p: Probability of the transform.
    """

    class InitSchema(BaseTransformInitSchema):
        n_range: CountRange
        depth_range: ShareRange
        tilt_deg: Annotated[float, Field(ge=0.0, le=90.0)]

    def __init__(
        self,
        n_range: tuple[int, int] = (1, 3),
        depth_range: tuple[float, float] = (0.08, 0.3),
        tilt_deg: float = 3.0,
        p: float = 0.5,
    ):
        super().__init__(p=p)
        self.n_range = n_range
        self.depth_range = depth_range
        self.tilt_deg = tilt_deg

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the folds, as the light that is left and the wear at each point: float32, (height, width), 0 to 1."""
        height, width = params["shape"][:2]
        light, wear = np.ones((height, width), np.float32), np.zeros((height, width), np.float32)
        for _ in range(self.py_random.randint(*self.n_range)):
            depth = self.py_random.uniform(*self.depth_range)
            distance = self._draw_distances(height, width)
            # Shade falls on one side of a crease and fades over a tenth of the page; wear is a pixel or two wide.
            shade = np.exp(np.minimum(-distance / (0.1 * min(height, width)), 0.0)) * (distance >= 0.0)
            light *= 1.0 - np.float32(depth) * shade
            crease = np.exp(-np.square(distance / max(1.0, 0.006 * min(height, width))))
            np.maximum(wear, crease * np.float32(0.3 + depth), out=wear)
        patchy = _draw_field(self.random_generator, (height, width), cell_px=max(2.0, 0.02 * min(height, width)))
        return {"light": light, "wear": np.minimum(wear, 1.0) * patchy}

    def apply(self, img: Image, light: Plane, wear: Plane, **params: Any) -> Image:
        """Rub the ink off along creases, down to the paper's tone, then shade the page."""
        lacking = np.maximum(np.float32(_find_paper_tone(img)) - LEVELS, 0.0)
        rubbed_off = cv2.multiply(cv2.LUT(img, lacking), _spread(wear))
        worn = np.asarray(cv2.add(img, rubbed_off, dtype=cv2.CV_32F), np.float32)
        return _multiply(worn, _spread(light))

    def _draw_distances(self, height: int, width: int) -> Plane:
        """Return each pixel's distance in px from a drawn fold, negative on its lit side."""
        angle = np.deg2rad(self.py_random.uniform(-self.tilt_deg, self.tilt_deg))
        if self.py_random.random() < 0.5:
            angle += np.pi / 2
        if self.py_random.random() < 0.5:
            angle += np.pi  # the other side lies in the shade
        x = np.arange(width, dtype=np.float32) - np.float32(width * self.py_random.uniform(0.15, 0.85))
        y = np.arange(height, dtype=np.float32) - np.float32(height * self.py_random.uniform(0.15, 0.85))
        distances: Plane = np.float32(np.cos(angle)) * x[None, :] + np.float32(np.sin(angle)) * y[:, None]
        return distances


class Scribbles(albumentations.ImageOnlyTransform):
    """Notes by hand: loops, zigzags, rings and underlines of a pen.

    Args:
        n_range: Fewest and most scribbles.
        length_range: Length of one, as a share of the page's shorter side.
        thickness_range: Of the pen's line, as a share of the page's shorter side; at least one pixel.
        p: Probability of the transform.
    """

    class InitSchema(BaseTransformInitSchema):
        n_range: CountRange
        length_range: ShareRange
        thickness_range: ShareRange

    def __init__(
        self,
        n_range: tuple[int, int] = (1, 4),
        length_range: tuple[float, float] = (0.15, 0.5),
        thickness_range: tuple[float, float] = (0.004, 0.01),
        p: float = 0.5,
    ):
        super().__init__(p=p)
        self.n_range = n_range
        self.length_range = length_range
        self.thickness_range = thickness_range

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw each scribble's points in px, its colour and its thickness in px."""
        height, width = params["shape"][:2]
        side = min(height, width)
        strokes = []
        for _ in range(self.py_random.randint(*self.n_range)):
            length_px = self.py_random.uniform(*self.length_range) * side
            middle = [self.py_random.uniform(0.1, 0.9) * width, self.py_random.uniform(0.1, 0.9) * height]
            points = self._draw_stroke() * length_px + np.array(middle)
            thickness_px = max(1, round(self.py_random.uniform(*self.thickness_range) * side))
            strokes.append((points, self.py_random.choice(PEN_COLOURS), thickness_px))
        return {"strokes": strokes}

    def apply(self, img: Image, strokes: Sequence[Stroke], **params: Any) -> Image:
        """Write on the page; ink is transparent, so what was there stays readable."""
        ink = np.full_like(img, 255)
        for points, colour, thickness_px in strokes:
            fixed = np.round(points * 2**FRACTION_BITS).astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(ink, [fixed], False, colour, thickness_px, cv2.LINE_AA, FRACTION_BITS)
        return _overprint(img, ink)

    def _draw_stroke(self) -> Points:
        """Return the points of one scribble around (0, 0), of length 1: float64, (n, 2), x and y."""
        kind = self.py_random.choice(("loops", "zigzag", "ring", "line"))
        along = np.linspace(0.0, 1.0, 60)
        n_turns, size = self.py_random.uniform(3.0, 9.0), self.py_random.uniform(0.05, 0.12)
        phase = 2.0 * np.pi * n_turns * along
        if kind == "loops":  # like a word in joined letters, which differ in height
            heights = size * self.random_generator.uniform(0.5, 1.5, 10)[(along * 9.99).astype(int)]
            x, y = along - 0.5 + size * np.cos(phase), heights * np.sin(phase)
        elif kind == "zigzag":
            x, y = along - 0.5, size * (2.0 / np.pi) * np.arcsin(np.sin(phase))
        elif kind == "ring":  # around a word, drawn a little more than once
            turn = 2.0 * np.pi * 1.15 * along
            x, y = (0.5 - 0.06 * along) * np.cos(turn), 3.0 * size * (1.0 - 0.2 * along) * np.sin(turn)
        else:
            x, y = along - 0.5, 0.02 * np.sin(2.0 * np.pi * along)
        angle = np.deg2rad(self.py_random.gauss(0.0, 12.0))
        turned: Points = np.column_stack((np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y))
        return turned


class Stamps(albumentations.ImageOnlyTransform):
    """Rubber stamps: a framed word and number in a colour of ink pads, askew and unevenly inked.

    Args:
        n_range: Fewest and most stamps.
        width_range: Of a stamp, as a share of the page's shorter side.
        rotate: Smallest and largest angle in degrees.
        p: Probability of the transform.
    """

    class InitSchema(BaseTransformInitSchema):
        n_range: CountRange
        width_range: ShareRange
        rotate: Annotated[tuple[float, float], AfterValidator(_require_order)]

    def __init__(
        self,
        n_range: tuple[int, int] = (1, 2),
        width_range: tuple[float, float] = (0.2, 0.4),
        rotate: tuple[float, float] = (-30.0, 30.0),
        p: float = 0.5,
    ):
        super().__init__(p=p)
        self.n_range = n_range
        self.width_range = width_range
        self.rotate = rotate

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw each stamp: its plate (uint8), where the plate lands (2 x 3 matrix), its colour, and how it is inked."""
        height, width = params["shape"][:2]
        stamps = []
        for _ in range(self.py_random.randint(*self.n_range)):
            plate = _cut_plate(
                self.py_random.choice(STAMP_WORDS), self.py_random.randrange(10**6), self.py_random.random() < 0.4
            )
            scale = self.py_random.uniform(*self.width_range) * min(height, width) / plate.shape[1]
            landing = cv2.getRotationMatrix2D(
                (plate.shape[1] / 2, plate.shape[0] / 2), self.py_random.uniform(*self.rotate), scale
            )
            landing[0, 2] += self.py_random.uniform(0.15, 0.85) * width - plate.shape[1] / 2
            landing[1, 2] += self.py_random.uniform(0.15, 0.85) * height - plate.shape[0] / 2
            stamps.append((plate, landing, self.py_random.choice(STAMP_COLOURS)))
        inking = _draw_field(self.random_generator, (height, width), cell_px=max(2.0, 0.04 * min(height, width)))
        return {"stamps": stamps, "inking": 0.35 + 0.65 * inking}

    def apply(self, img: Image, stamps: Sequence[Stamp], inking: Plane, **params: Any) -> Image:
        """Print the stamps over the page; ink is transparent, so what was there stays readable."""
        height, width = img.shape[:2]
        ink = np.ones((height, width, 3), np.float32)
        for plate, landing, colour in stamps:
            # The plate is many times as large as its print: averaging over areas keeps thin letters whole.
            small, landing_of_small = _shrink_plate(plate, landing)
            printed = cv2.warpAffine(small, landing_of_small, (width, height), flags=cv2.INTER_LINEAR)
            left, top, wide, high = cv2.boundingRect(printed)
            box = slice(top, top + high), slice(left, left + wide)
            share = printed[box] * (inking[box] / np.float32(255.0))
            ink[box] *= 1.0 - share[:, :, None] * (1.0 - np.array(colour, np.float32) / 255.0)
        return _multiply(img, ink)


class ShineThrough(albumentations.ImageOnlyTransform):
    """Print on the page's back that shines through thin paper: faint, soft and mirrored.

    The back is unknown, so the page itself, mirrored, moved and perhaps upside down, stands in for it: its print is
    of the same kind, and no other class gets in.

    Args:
        strength_range: Darkness of what shines through, as a share of the print's own.
        blur_range: Standard deviation of its blur, as a share of the page's shorter side.
        p: Probability of the transform.
    """

    class InitSchema(BaseTransformInitSchema):
        strength_range: ShareRange
        blur_range: ShareRange

    def __init__(
        self,
        strength_range: tuple[float, float] = (0.3, 0.7),
        blur_range: tuple[float, float] = (0.001, 0.004),
        p: float = 0.5,
    ):
        super().__init__(p=p)
        self.strength_range = strength_range
        self.blur_range = blur_range

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw how the back lies behind the page (2 x 3 matrix), its strength, and its blur in px."""
        height, width = params["shape"][:2]
        shift_x, shift_y = (self.py_random.uniform(-0.15, 0.15) * side for side in (width, height))
        is_upside_down = self.py_random.random() < 0.5
        return {
            "landing": np.array(
                [
                    [-1.0, 0.0, width - 1 + shift_x],
                    [0.0, -1.0 if is_upside_down else 1.0, (height - 1) * is_upside_down + shift_y],
                ]
            ),
            "strength": self.py_random.uniform(*self.strength_range),
            "blur_px": max(0.3, self.py_random.uniform(*self.blur_range) * min(height, width)),
        }

    def apply(self, img: Image, landing: Landing, strength: float, blur_px: float, **params: Any) -> Image:
        """Darken the page where the back is printed; its bare paper changes nothing."""
        height, width = img.shape[:2]
        paper = _find_paper_tone(img)
        back = cv2.warpAffine(img, landing, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=(paper,) * 3)
        share = 1.0 - np.float32(strength) * np.maximum(1.0 - LEVELS / max(paper, 1), 0.0)
        back = cv2.GaussianBlur(back, (0, 0), blur_px)
        return _multiply(img, np.asarray(cv2.LUT(back, share), np.float32))


def _draw_field(rng: np.random.Generator, size_px: tuple[int, int], cell_px: float) -> Plane:
    """Draw smooth spots of about ``cell_px``: float32, (height, width), 0 to 1."""
    height, width = size_px
    grid = rng.random((max(2, round(height / cell_px)), max(2, round(width / cell_px))), dtype=np.float32)
    # Linear resizing stays between the numbers drawn; bicubic would leave the range.
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _find_paper_tone(img: Image) -> int:
    """Return the brightness (of green, 0 to 255) that no more than a twentieth of the page exceeds."""
    counts = cv2.calcHist([img], [1], None, [256], [0, 256]).ravel().astype(np.int64)
    return int(np.searchsorted(np.cumsum(counts), 0.95 * counts.sum()))


def _cut_plate(word: str, number: int, is_round: bool) -> Image:
    """Cut a stamp: uint8, (height, width), 255 where it prints."""
    height, width = (240, 240) if is_round else (140, 300)
    plate = np.zeros((height, width), np.uint8)
    middle = (width // 2, height // 2)
    if is_round:
        cv2.circle(plate, middle, 114, 255, 8, cv2.LINE_AA)
        cv2.circle(plate, middle, 98, 255, 3, cv2.LINE_AA)
    else:
        cv2.rectangle(plate, (6, 6), (width - 7, height - 7), 255, 8)
    for text, y, thickness, share in ((word, -8, 5, 0.68), (f"{number:06d}", 44, 3, 0.45)):
        (natural, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, thickness)
        scale = min(share * width / natural, 1.9)
        (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        start = (middle[0] - wide // 2, middle[1] + y)
        cv2.putText(plate, text, start, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    return plate


def _shrink_plate(plate: Image, landing: Landing) -> tuple[Image, Landing]:
    """Scale a plate down to the size of its print; the matrix returned lands the smaller plate in the same place."""
    scale = float(np.hypot(landing[0, 0], landing[0, 1]))
    height, width = (max(1, round(side * min(scale, 1.0))) for side in plate.shape)
    small = cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA)
    undo = np.diag([plate.shape[1] / width, plate.shape[0] / height, 1.0])
    return np.asarray(small, np.uint8), landing @ undo


def _overprint(img: Image, ink: Image) -> Image:
    """Lay transparent ink on a page; both uint8, (height, width, 3), and white ink prints nothing."""
    return np.asarray(cv2.multiply(img, ink, scale=1.0 / 255.0), np.uint8)


def _multiply(img: Image | Plane, share: Plane) -> Image:
    """Multiply, round and cut off in one pass; both (height, width, 3)."""
    return np.asarray(cv2.multiply(img, share, dtype=cv2.CV_8U), np.uint8)


def _spread(share: Plane) -> Plane:
    """Repeat a plane for the three channels: OpenCV multiplies arrays of one shape, many times as fast as NumPy."""
    return np.asarray(cv2.merge((share,) * 3), np.float32)
