"""Sizes are described as they are, and the size that is proposed keeps its promises."""

import numpy as np
import pandas as pd
import pytest

from podium.pipelines.explore.sizes import count_formats, measure_sizes, suggest_input, word_hint


def make_images(train: list[tuple[int, int]], test: list[tuple[int, int]] = []) -> pd.DataFrame:  # noqa: B006
    """Make images of these widths and heights."""
    sizes = [*train, *test]
    return pd.DataFrame(
        {
            "image_id": [f"{number}.{'JPG' if number % 2 else 'png'}" for number in range(len(sizes))],
            "subset": ["train"] * len(train) + ["test"] * len(test),
            "width_px": pd.array([width for width, _ in sizes], dtype="Int64"),
            "height_px": pd.array([height for _, height in sizes], dtype="Int64"),
            "n_bytes": pd.array([100 * (number + 1) for number in range(len(sizes))], dtype="Int64"),
        }
    )


def test_quantiles_equal_numpys_by_part() -> None:
    rng = np.random.default_rng(0)
    images = make_images(*(list(map(tuple, rng.integers(30, 900, (n, 2)))) for n in (37, 11)))
    table = measure_sizes(images).set_index(["subset", "property"])
    for subset, n in (("train", 37), ("test", 11)):
        part = images[images["subset"] == subset]
        width, height = part["width_px"].to_numpy(float), part["height_px"].to_numpy(float)
        for name, values in (("aspect_ratio", width / height), ("megapixels", width * height / 1e6)):
            row = table.loc[(subset, name)]
            assert row["n_images"] == n
            assert row[["min", "q25", "median", "q95", "max"]].tolist() == pytest.approx(
                np.quantile(values, [0, 0.25, 0.5, 0.95, 1]).tolist()
            )


def test_formats_are_counted_whatever_their_capitals() -> None:
    table = count_formats(make_images([(10, 10)] * 5, [(10, 10)]))
    assert table.to_numpy().tolist() == [
        ["train", ".png", 3, 0.6, 300.0], ["train", ".jpg", 2, 0.4, 300.0], ["test", ".jpg", 1, 1.0, 600.0]
    ]  # fmt: skip


def test_faces_of_one_size_get_their_own_aspect_ratio() -> None:
    hint = suggest_input(make_images([(384, 512)] * 10, [(384, 512)] * 5))
    assert (hint["size_px"], hint["largest_size_px"], hint["resize"]) == ([288, 224], [512, 384], "stretch")
    assert hint["share_enlarged"] == {"train": 0.0, "test": 0.0}
    assert word_hint(hint) == "input: {size_px: [288, 224], resize: stretch} would enlarge 0% of train, 0% of test"


def test_size_follows_the_part_with_smaller_pictures() -> None:
    hint = suggest_input(make_images([(1000, 1000)] * 10, [(130, 130)] * 5))
    assert hint["largest_size_px"] == hint["size_px"] == [128, 128]
    assert hint["median_short_side_px"] == {"train": 1000.0, "test": 130.0}


def test_pictures_that_stand_and_lie_get_a_padded_square() -> None:
    hint = suggest_input(make_images([(800, 600)] * 3 + [(600, 800)] * 7))
    assert (hint["size_px"], hint["resize"]) == ([224, 224], "pad")
    assert "30% of train are wider than high, 70% of all higher than wide" in " ".join(hint["reasons"])


def test_pictures_of_many_shapes_are_padded() -> None:
    hint = suggest_input(make_images([(400, 400)] * 7 + [(400, 600)] * 3))
    assert hint["resize"] == "pad"
    assert "70% of the pictures are within 15 %" in " ".join(hint["reasons"])


def test_tiny_pictures_get_the_smallest_size_and_a_word() -> None:
    hint = suggest_input(make_images([(28, 28)] * 4))
    assert hint["size_px"] == [32, 32]
    assert hint["share_enlarged"] == {"train": 1.0}
    assert "less than 32 px" in " ".join(hint["reasons"])


def test_pictures_just_below_a_step_are_told_what_the_next_step_costs() -> None:
    hint = suggest_input(make_images([(63, 63)] * 3 + [(80, 80)]))
    assert hint["largest_size_px"] == [32, 32]
    assert hint["candidates"][-1]["size_px"] == [64, 64]
    assert hint["candidates"][-1]["share_enlarged"] == 0.75
    assert "64x64 px would enlarge 75% of the pictures" in hint["reasons"]


@pytest.mark.parametrize("seed", range(20))
def test_every_proposal_is_in_steps_of_32_and_not_above_the_median_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = (rng.integers(32, 3000) * np.exp(rng.normal(0, 0.4, (40, 2)))).astype(int) + 32
    images = make_images(list(map(tuple, sides)))
    hint = suggest_input(images)
    short, long = np.median(sides.min(axis=1)), np.median(sides.max(axis=1))
    for name in ("size_px", "largest_size_px"):
        assert all(side % 32 == 0 and side >= 32 for side in hint[name])
        assert min(hint[name]) <= short and max(hint[name]) <= max(long, 32)
    for candidate in hint["candidates"]:
        height, width = candidate["size_px"]
        scales = np.stack([height / sides[:, 1], width / sides[:, 0]])
        grown = scales.min(axis=0) if hint["resize"] == "pad" else scales.max(axis=0)
        assert candidate["share_enlarged"] == pytest.approx((grown > 1).mean())
    ones = [row for row in hint["candidates"] if row["size_px"] == hint["size_px"]]
    assert [row["relative_pixels"] for row in ones] == [1.0]


def test_very_long_pictures_keep_their_long_side_within_the_median() -> None:
    hint = suggest_input(make_images([(1000, 40)] * 5))
    assert hint["size_px"] == [32, 800]
    assert hint["resize"] == "stretch"
