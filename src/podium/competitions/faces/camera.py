"""What the camera does to a picture: pose of the head, light, colour cast, blur, noise and turned pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

from podium.competitions.faces.canvas import Pose


@dataclass(frozen=True)
class Camera:
    """How rough the pictures of one subset are. Each range holds 'nothing' and is used whole.

    Attributes:
        rotation_deg: Standard deviation of the head's tilt.
        exposure: Largest darkening, as a share; the largest brightening is a third of it, so that few skins turn white.
        side_light: Largest darkening from one edge to the other, as a share.
        colour_cast: Largest change of one colour channel, as a share.
        max_blur: Largest standard deviation of the blur, as a share of the picture's shorter side.
        noise: Smallest and largest standard deviation of the pixel noise, of 255 levels.
        turned_share: Share of the pictures that lie on a side, stand on their head or are mirrored.
    """

    rotation_deg: float
    exposure: float
    side_light: float
    colour_cast: float
    max_blur: float
    noise: tuple[float, float]
    turned_share: float


TRAIN_CAMERA = Camera(
    rotation_deg=4, exposure=0.22, side_light=0.35, colour_cast=0.07, max_blur=0.003, noise=(2, 5), turned_share=0.0
)
TEST_CAMERA = Camera(
    rotation_deg=11, exposure=0.35, side_light=0.5, colour_cast=0.22, max_blur=0.014, noise=(7, 18), turned_share=0.15
)


def choose_pose(camera: Camera, rng: np.random.Generator) -> Pose:
    """Choose how the head is held: tilted, nearer or farther, off the middle, turned and nodding a little."""
    x, y = rng.uniform(-0.08, 0.08, size=2)
    return Pose(
        rotation_deg=float(np.clip(rng.normal(), -2.5, 2.5) * camera.rotation_deg),
        scale=float(rng.uniform(0.96, 1.12)),
        shift=(float(x), float(y) + 0.08),
        turn=float(rng.uniform(-0.06, 0.06)),
        nod=float(rng.uniform(-0.025, 0.025)),
    )


def photograph(picture: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Light the scene and take the photograph.

    Args:
        picture: uint8, (height, width, 3), RGB.
        camera: How rough the result is.
        rng: Source of light, cast, blur and noise.

    Returns:
        uint8, same shape.
    """
    height, width = picture.shape[:2]
    cast = 1 + rng.uniform(-1, 1, size=3) * camera.colour_cast
    lit = picture * (cast * (1 + rng.uniform(-1, 1 / 3) * camera.exposure)) * _side_light(height, width, camera, rng)
    blur = rng.uniform(0, camera.max_blur) * min(height, width)
    if blur > 0.2:
        lit = cv2.GaussianBlur(lit, (0, 0), blur)
    noisy = lit + rng.normal(size=picture.shape) * rng.uniform(*camera.noise)
    photo: np.ndarray = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
    return photo


def turn_some(picture: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Mirror some pictures, stand them on their head or, if they are square, lay them on a side."""
    turned, way = rng.random() < camera.turned_share, int(rng.integers(4))
    if not turned:
        return picture
    if way == 0:
        return picture[:, ::-1]
    square = picture.shape[0] == picture.shape[1]
    return np.rot90(picture, way if square else 2)


def _side_light(height: int, width: int, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Light that comes from one direction: float64, (height, width, 1), 1 at the brightest edge or above."""
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, camera.side_light)
    x, y = np.linspace(-0.5, 0.5, width)[None, :], np.linspace(-0.5, 0.5, height)[:, None]
    return (1 - strength * (np.cos(angle) * x + np.sin(angle) * y))[:, :, None]
