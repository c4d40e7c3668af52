"""Each measure agrees with an independent reference, and means what it says."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from podium.survey.measures import PROPERTIES, measure_image


def measure(image: np.ndarray) -> dict[str, float]:
    return dict(zip(PROPERTIES, measure_image(image), strict=True))


def to_rgb(gray: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(gray, 0, 255)).astype(np.uint8)[..., None].repeat(3, axis=2)


def draw_page(seed: int = 0) -> Image.Image:
    """Draw a page with a heading and a left-aligned paragraph of words, as boxes."""
    rng = np.random.default_rng(seed)
    page = Image.new("L", (480, 640), 255)
    draw = ImageDraw.Draw(page)
    draw.rectangle((60, 40, 300, 70), fill=0)
    for y in range(100, 460, 16):
        x, end = 60, 60 + rng.integers(180, 360)
        while x < end:
            width = int(rng.integers(10, 40))
            draw.rectangle((x, y, x + width, y + 8), fill=0)
            x += width + 8
    return page


@pytest.fixture
def photo() -> np.ndarray:
    """A picture of smooth random colours, at most 256 px a side, so that nothing is averaged down."""
    noise = np.random.default_rng(5).normal(0, 1, (180, 256, 3))
    smooth = ndimage.gaussian_filter(noise, (4, 4, 0))
    return np.rint(np.clip(128 + smooth / smooth.std() * [60, 40, 30], 0, 255)).astype(np.uint8)


def test_brightness_and_contrast_are_those_of_pillows_luma(photo: np.ndarray) -> None:
    luma = np.asarray(Image.fromarray(photo).convert("L"), dtype=float)
    found = measure(photo)
    assert found["brightness"] == pytest.approx(luma.mean(), abs=0.5)
    assert found["contrast"] == pytest.approx(luma.std(), rel=0.01)


def test_sharpness_is_the_variance_of_scipys_laplacian(photo: np.ndarray) -> None:
    luma = np.asarray(Image.fromarray(photo).convert("L"), dtype=float)
    assert measure(photo)["sharpness"] == pytest.approx(ndimage.laplace(luma, mode="mirror").var(), rel=0.03)


def test_sharpness_does_not_grow_with_the_size_of_a_picture() -> None:
    page = draw_page()
    sizes = [page.resize((round(240 * scale), round(320 * scale)), Image.Resampling.BOX) for scale in (1.1, 1.5, 2, 4)]
    values = [measure(to_rgb(np.asarray(size)))["sharpness"] for size in sizes]
    assert max(values) < 1.35 * min(values)


def test_blur_makes_less_sharp(photo: np.ndarray) -> None:
    blurred = ndimage.gaussian_filter(photo, (5, 5, 0))
    assert measure(blurred)["sharpness"] < 0.5 * measure(photo)["sharpness"]


@pytest.mark.parametrize("sd", [3.0, 8.0, 20.0])
@pytest.mark.parametrize("size", [(64, 48), (400, 600)])
def test_noise_is_its_standard_deviation(sd: float, size: tuple[int, int]) -> None:
    shading = np.linspace(90, 160, size[1])
    noisy = shading + np.random.default_rng(1).normal(0, sd, size)
    assert measure(to_rgb(noisy))["noise"] == pytest.approx(sd, rel=0.12)


def test_text_is_no_noise() -> None:
    page = np.asarray(draw_page(), dtype=float)
    assert measure(to_rgb(page))["noise"] == 0
    noisy = page * 0.7 + 40 + np.random.default_rng(1).normal(0, 8, page.shape)
    assert measure(to_rgb(noisy))["noise"] == pytest.approx(8, rel=0.15)


def test_noise_of_a_block_is_immerkaers(photo: np.ndarray) -> None:
    small = photo[:18, :18]
    luma = np.asarray(Image.fromarray(small).convert("L"), dtype=float)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    answer = ndimage.convolve(luma, mask)[1:-1, 1:-1]
    immerkaer = np.sqrt(np.pi / 2) * np.abs(answer).sum() / (6 * 16 * 16)
    assert measure(small)["noise"] == pytest.approx(immerkaer, rel=0.1)


def test_colourfulness_is_hasler_and_suesstrunks(photo: np.ndarray) -> None:
    red, green, blue = np.moveaxis(photo.astype(float), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.sqrt(rg.var() + yb.var()) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    assert measure(photo)["colourfulness"] == pytest.approx(expected, rel=1e-4)
    assert measure(to_rgb(photo[..., 0]))["colourfulness"] == 0


@pytest.mark.parametrize("degrees", [-20, -7, 3, 12, 30])
def test_skew_is_the_angle_by_which_a_page_was_turned(degrees: float) -> None:
    turned = draw_page().rotate(
        degrees, resample=Image.Resampling.BICUBIC, fillcolor=255
    )  # Pillow turns counter-clockwise
    assert measure(to_rgb(np.asarray(turned)))["skew_degrees"] == pytest.approx(degrees, abs=1.5)


def test_quarter_turn_exchanges_the_directions() -> None:
    page = np.asarray(draw_page())
    upright, turned = measure(to_rgb(page)), measure(to_rgb(np.rot90(page)))
    assert turned["horizontal_gradients"] == pytest.approx(1 - upright["horizontal_gradients"], abs=1e-3)
    assert turned["line_direction"] == pytest.approx(1 - upright["line_direction"], abs=1e-3)
    assert upright["line_direction"] > 0.8
    assert turned["skew_degrees"] == pytest.approx(upright["skew_degrees"], abs=0.1)


def test_mirrored_and_upside_down_pages_lean_the_other_way() -> None:
    page = np.asarray(draw_page())
    upright = measure(to_rgb(page))
    assert upright["top_heaviness"] > 0.02 and upright["left_heaviness"] > 0.02
    assert measure(to_rgb(page[:, ::-1]))["left_heaviness"] == pytest.approx(-upright["left_heaviness"], abs=1e-3)
    assert measure(to_rgb(page[::-1]))["top_heaviness"] == pytest.approx(-upright["top_heaviness"], abs=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 3), (3, 2000), (17, 16)])
@pytest.mark.filterwarnings("error")
def test_smallest_pictures_are_measured(size: tuple[int, int]) -> None:
    found = measure(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    assert np.isnan(found["noise"]) == (min(size) < 3)
    assert np.isfinite([found[name] for name in PROPERTIES[:3]]).all()


@pytest.mark.filterwarnings("error")
def test_plain_picture_has_no_orientation() -> None:
    found = measure(np.full((30, 40, 3), 77, np.uint8))
    assert [found[name] for name in PROPERTIES[:5]] == [77, 0, 0, 0, 0]
    assert np.isnan([found[name] for name in PROPERTIES[5:]]).all()
