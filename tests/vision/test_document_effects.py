"""Effects on paper: ink only darkens, bare paper stays bare, lengths are shares of the page, the seed decides."""

import random
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
from scipy import ndimage

from podium.errors import InputError
from podium.vision.augmentation import augment_batch, build_policy, list_transforms, resolve_policy
from podium.vision.document_effects import PEN_COLOURS, STAMP_COLOURS

EFFECTS = ["InkBleed", "PaperFolds", "Scribbles", "Stamps", "ShineThrough"]
SEEDS = range(12)
SIZE_PX = (200, 200)


def make_page(size_px: tuple[int, int] = SIZE_PX, paper: int = 250) -> np.ndarray:
    """Draw a page with lines of print: dark dashes with gaps between them."""
    page = np.full((*size_px, 3), paper, np.uint8)
    for y in range(size_px[0] // 8, size_px[0] * 7 // 8, 7):
        for x in range(size_px[1] // 8, size_px[1] * 7 // 8, 11):
            page[y : y + 3, x : x + 7] = 30
    return page


def apply_effect(name: str, page: np.ndarray, seed: int, **arguments: Any) -> np.ndarray:
    return augment_batch(build_policy([{name: {"p": 1.0, **arguments}}]), page[None], seed)[0]


def make_bare(level: int = 255) -> np.ndarray:
    return np.full((*SIZE_PX, 3), level, np.uint8)


@pytest.mark.parametrize("size_px", [(128, 96), (97, 224), (28, 28), (8, 8), (8, 200)])
@pytest.mark.parametrize("name", EFFECTS)
def test_effect_keeps_shape_and_type_and_acts_on_every_size(name: str, size_px: tuple[int, int]) -> None:
    page = make_page(size_px)
    before = page.copy()
    results = [apply_effect(name, page, seed) for seed in range(4)]
    assert all(result.shape == page.shape and result.dtype == np.uint8 for result in results)
    assert np.array_equal(page, before)
    assert any(not np.array_equal(result, page) for result in results)


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_depends_on_the_seed_alone(name: str) -> None:
    page = make_page()
    first = apply_effect(name, page, 5)
    np.random.seed(1)  # noqa: NPY002  global states that must not matter
    random.seed(1)
    cv2.setRNGSeed(1)
    assert np.array_equal(apply_effect(name, page, 5), first)
    assert len({apply_effect(name, page, seed).tobytes() for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("name", ["InkBleed", "Scribbles", "Stamps", "ShineThrough"])
def test_ink_only_darkens(name: str) -> None:
    page = make_page()
    assert all((apply_effect(name, page, seed) <= page).all() for seed in SEEDS)


@pytest.mark.parametrize("level", [255, 180, 0])
@pytest.mark.parametrize("name", ["InkBleed", "ShineThrough"])
def test_bare_paper_of_any_tone_stays_bare(name: str, level: int) -> None:
    bare = make_bare(level)
    assert all(np.array_equal(apply_effect(name, bare, seed), bare) for seed in range(4))


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", EFFECTS)
def test_black_page_is_no_division_by_zero(name: str, level: int) -> None:
    assert apply_effect(name, make_bare(level), 0).max() <= level


def test_ink_runs_no_further_than_its_spread() -> None:
    page = make_page()
    for seed in SEEDS:
        bled = apply_effect("InkBleed", page, seed, spread_range=[0.015, 0.015], strength_range=[1.0, 1.0])
        darkest_near = ndimage.minimum_filter(page, size=(13, 13, 1))  # 3 px of spread and 3 px of blur to each side
        assert (bled >= darkest_near).all()
        assert page.mean() - bled.mean() > 3.0


def test_ink_of_less_than_a_pixel_is_fainter() -> None:
    def darken(spread: float) -> float:
        pages = [apply_effect("InkBleed", make_page(), s, spread_range=[spread, spread]) for s in SEEDS]
        return float(make_page().mean() - np.mean(pages))

    assert darken(0.0025) == pytest.approx(darken(0.005) / 2, rel=0.05)  # half a pixel against one
    assert darken(0.0) == 0.0


def test_fold_is_darkest_beside_its_crease_and_fades_over_a_tenth_of_the_page() -> None:
    for seed in SEEDS:
        folded = apply_effect("PaperFolds", make_bare(), seed, n_range=[1, 1], depth_range=[0.4, 0.4], tilt_deg=0.0)
        plane = folded[:, :, 0].astype(float)
        profile = plane[0] if np.ptp(plane, axis=0).max() == 0 else plane[:, 0]
        assert np.array_equal(
            plane, np.broadcast_to(profile if (plane[0] == profile).all() else profile[:, None], SIZE_PX)
        )
        k = int(profile.argmin())
        assert 255 * 0.6 <= profile[k] + 0.5 <= 255 * (1 - 0.4 * np.exp(-1 / 20)) + 1.0
        # Towards the shade the missing light falls by e every 20 px; beyond the crease none is missing.
        missing = 255.0 - profile
        sides = sorted((missing[k - 1], missing[k + 1]))
        assert sides[0] == 0.0
        step = 1 if missing[k + 1] > 0 else -1
        assert missing[k + 10 * step] == pytest.approx(missing[k] * np.exp(-0.5), abs=1.0)


def test_crease_wears_ink_off_but_gets_no_lighter_than_paper() -> None:
    page = make_page()
    folded = [apply_effect("PaperFolds", page, seed, depth_range=[0.2, 0.2]).astype(int) for seed in SEEDS]
    assert all((one - page > 15).any() for one in folded)
    assert all(one.max() <= 250 for one in folded)


@pytest.mark.parametrize("n", [1, 3])
def test_folds_of_a_bare_page_do_not_tilt_more_than_told(n: int) -> None:
    for seed in SEEDS:
        folded = apply_effect("PaperFolds", make_bare(), seed, n_range=[n, n], tilt_deg=0.0)
        light = folded[:, :, 0] / 255.0
        # Level and upright folds multiply: the page is an outer product.
        assert np.linalg.svd(light, compute_uv=False)[1] < 0.6


def test_one_scribble_is_one_connected_line_of_a_pen_no_longer_than_told() -> None:
    colours = []
    for seed in range(30):
        page = apply_effect(
            "Scribbles", make_bare(), seed, n_range=[1, 1], length_range=[0.3, 0.3], thickness_range=[0.01, 0.01]
        )
        inked = (page < 255).any(axis=2)
        assert ndimage.label(inked, structure=np.ones((3, 3)))[1] == 1
        rows, columns = np.nonzero(inked)
        # 60 px along, at most half as much for loops and tilt, and the pen's own width.
        assert max(np.ptp(rows), np.ptp(columns)) <= 60 * 1.3 + 4
        colours.append(tuple(int(value) for value in page.reshape(-1, 3)[page.sum(axis=2).argmin()]))
    assert set(colours) == set(PEN_COLOURS)


def test_number_of_scribbles_is_drawn_from_its_range() -> None:
    def count_ink(n: int) -> float:
        return float(
            np.mean([255 - apply_effect("Scribbles", make_bare(), s, n_range=[n, n]).mean() for s in range(30)])
        )

    assert count_ink(4) > 2.5 * count_ink(1)


def test_stamp_prints_one_colour_and_no_wider_than_told() -> None:
    seen = set()
    for seed in range(30):
        page = apply_effect("Stamps", make_bare(), seed, n_range=[1, 1], width_range=[0.3, 0.3], rotate=[0, 0])
        missing = 255.0 - page.astype(float)
        rows, columns = np.nonzero(missing.sum(axis=2) > 8)
        assert np.ptp(columns) <= 61 and np.ptp(rows) <= 61
        directions = {colour: 255.0 - np.array(colour, float) for colour in STAMP_COLOURS}
        shares = {colour: (missing @ d / (d @ d))[:, :, None] for colour, d in directions.items()}
        (colour,) = [c for c, share in shares.items() if np.abs(missing - share * directions[c]).max() < 1.5]
        printed = shares[colour][missing.sum(axis=2) > 8]
        assert printed.max() <= 1.01
        seen.add(colour)
    assert seen == set(STAMP_COLOURS)


def test_stamp_is_inked_unevenly() -> None:
    for seed in SEEDS:
        page = apply_effect("Stamps", make_bare(), seed, n_range=[1, 1], width_range=[1.0, 1.0], rotate=[0, 0])
        missing = 255.0 - page.astype(float).min(axis=2)
        # Well inside of lines, where an even stamp would print its full colour.
        inside = missing[ndimage.binary_erosion(missing > 8, np.ones((5, 5)))]
        faint, full = np.percentile(inside, [10, 95])
        assert full - faint > 0.25 * full


def test_stamp_turns_as_told() -> None:
    def measure_width(rotate: float) -> float:
        """Width of the narrowest stamp: a round one is as wide as it is high, a square one gets narrower upright."""
        pages = [
            apply_effect("Stamps", make_bare(), s, n_range=[1, 1], width_range=[0.3, 0.3], rotate=[rotate, rotate])
            for s in range(20)
        ]
        return min(float(np.ptp(np.nonzero((page < 245).any(axis=(0, 2)))[0])) for page in pages)

    # A framed word is 140 to 300; stamps at the page's edge are cut, so the narrowest upright one is a bound.
    assert measure_width(90.0) < 0.6 * 60


def test_shine_through_is_the_mirrored_print_at_its_strength() -> None:
    page = make_bare()
    page[80:110, 40:60] = 55
    moved = []
    for seed in SEEDS:
        shone = apply_effect("ShineThrough", page, seed, strength_range=[0.5, 0.5], blur_range=[0.01, 0.01])
        new_ink = page[:, :, 0].astype(float) - shone[:, :, 0]
        assert new_ink.sum() == pytest.approx(0.5 * 20 * 30 * 200, rel=0.02)
        y, x = ndimage.center_of_mass(new_ink)
        assert abs(x - (199 - 49.5)) <= 0.15 * 200
        assert min(abs(y - 94.5), abs(y - (199 - 94.5))) <= 0.15 * 200
        moved.append((x, y))
    assert np.ptp(moved, axis=0).min() > 10


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("InkBleed", {"spread_range": [0.5, 0.1]}, "spread_range"),
        ("InkBleed", {"strength_range": [0.5, 1.5]}, "strength_range"),
        ("PaperFolds", {"n_range": [0, 2]}, "n_range"),
        ("PaperFolds", {"tilt_deg": 100}, "tilt_deg"),
        ("Scribbles", {"n_range": [3, 2]}, "n_range"),
        ("Scribbles", {"thickness_range": 0.1}, "thickness_range"),
        ("Stamps", {"rotate": [30, -30]}, "rotate"),
        ("Stamps", {"width_range": ["wide", 1]}, "width_range"),
        ("ShineThrough", {"strength_range": [-0.1, 0.5]}, "strength_range"),
        ("ShineThrough", {"p": 2}, "p"),
    ],
)
def test_refused_value_is_named(name: str, arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        resolve_policy("x", [{name: arguments}], SIZE_PX)
    (case,) = error.value.cases
    assert case.startswith(f"policies.x.{name}: ")
    assert f" {named}" in case


def test_names_are_found_beside_those_of_the_library_and_hide_none() -> None:
    assert set(EFFECTS) <= set(list_transforms())
    assert set(EFFECTS) & set(vars(albumentations)) == set()


@pytest.mark.parametrize(
    ("step", "suggestion"),
    [
        ({"Stamp": {}}, "did you mean 'Stamps'?"),
        ({"ShineThru": {}}, "did you mean 'ShineThrough'?"),
        ({"InkBleed": {"spread": [0.1, 0.2]}}, "did you mean 'spread_range'?"),
    ],
)
def test_misspelt_name_is_answered_with_the_nearest(step: dict[str, Any], suggestion: str) -> None:
    with pytest.raises(InputError, match="cannot be used") as error:
        resolve_policy("x", [step], SIZE_PX)
    assert error.value.cases[0].endswith(suggestion)


def test_every_argument_is_written_out() -> None:
    (step,) = resolve_policy("x", [{"ShineThrough": {"p": 0.3}}], SIZE_PX)
    assert step == {"ShineThrough": {"strength_range": [0.3, 0.7], "blur_range": [0.001, 0.004], "p": 0.3}}
