"""Train against test on drawn pictures: what differs is found, and nothing where nothing differs."""

import hashlib
import logging
import re
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from podium.pipelines.shift.config import ShiftConfig
from podium.pipelines.shift.nodes import compare_subsets, draw_test_like, validate_adversarially
from podium.pipelines.shift.properties import APPEARANCE, UNITS, gather_properties
from podium.survey import fill_survey, filler

CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["마스크", "맨얼굴"]})
NO_COPIES = pd.DataFrame({"image_id": pd.Series(dtype="str"), "copy_set": pd.Series(dtype="int64")})
TOLD_APART = {"auc": 0.9, "auc_low": 0.8}
QUICK = ShiftConfig(n_folds=2, n_draws=100)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(filler, "describe_keypoints", lambda image: b"")
    folder = tmp_path / "대회"
    folder.mkdir()
    return folder


def draw_images(root: Path, n_train: int, n_test: int, brighter: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Draw pictures of shades, the test ones brighter, and survey them; two training images a person."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n_train + n_test):
        is_test = number >= n_train
        pixels = rng.integers(20, 200, (1, 1, 3)) + rng.integers(0, 20, (12, 16, 3)) + brighter * is_test
        path = root / f"{'시험' if is_test else '훈련'}{number:03d}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        subset = ("test", None, None) if is_test else ("train", number % 2, f"사람 {number // 2}")
        rows.append((path.name, path.name, *subset, hashlib.sha256(path.read_bytes()).hexdigest(), 16, 12, 600))
    columns = ["image_id", "path", "subset", "label", "group_id", "sha256", "width_px", "height_px", "n_bytes"]
    images = pd.DataFrame(rows, columns=columns).astype({"label": "Int64", "group_id": "str"})
    paths = dict(zip(images["sha256"], images["path"], strict=True))
    fill_survey(root.with_name("조사"), root, paths, max_pixels=10**6, n_jobs=1, progress=False)
    return images, {"folder": root.with_name("조사").as_posix()}


def test_properties_are_those_of_the_survey_and_of_the_file(root: Path) -> None:
    images, survey = draw_images(root, 4, 2, 0)
    values = gather_properties(images, survey)
    assert list(values) == list(UNITS)
    assert (values[["width_px", "height_px", "aspect_ratio"]].to_numpy() == [16, 12, 16 / 12]).all()
    np.testing.assert_allclose(values["bytes_per_pixel"], 600 / 192)
    np.testing.assert_allclose(values["megapixels"], 192e-6)
    first = np.asarray(Image.open(root / images["path"][0]).convert("L"), dtype=float)
    assert values["brightness"][0] == pytest.approx(first.mean(), abs=0.5)
    assert (values["absolute_skew_degrees"] >= 0).all()


def test_difference_is_found_and_one_image_a_person_counts(root: Path) -> None:
    images, survey = draw_images(root, 60, 30, 90)
    results = compare_subsets(images, survey, NO_COPIES, "얼굴", QUICK)
    first = results["subset_differences"].iloc[0]
    assert (first["property"], first["effect"], first["n_train"], first["n_test"]) == ("brightness", "large", 30, 30)
    assert first["cliffs_delta"] > 0.474 and first["p_holm"] < 0.001
    assert isinstance(results["subset_differences_plot"], go.Figure)
    titles = [axis.get_title() for axis in results["subset_differences_picture"].axes]
    assert titles[0].startswith("brightness\nδ = +")


def test_brighter_test_part_is_told_apart_by_its_brightness(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    images, survey = draw_images(root, 60, 40, 120)
    results = validate_adversarially(images, survey, NO_COPIES, CLASSES, "얼굴", QUICK)
    scores, properties = results["adversarial_scores"], results["adversarial_properties"]
    assert scores["auc"] > 0.9 and scores["auc_low"] <= scores["auc"] <= scores["auc_high"]
    assert (scores["n_train"], scores["n_test"], scores["n_groups"], scores["n_folds"]) == (60, 40, 70, 2)
    assert properties["property"][0] == "brightness"
    assert set(properties["property"]) == set(APPEARANCE)
    assert "test images can be told from training images: AUC" in caplog.text
    like = results["images_like_test"]
    assert list(like) == ["image_id", "class_name", "p_test"]
    assert sorted(like["image_id"]) == sorted(images.loc[images["subset"] == "train", "image_id"])
    assert like["p_test"].is_monotonic_decreasing
    assert isinstance(results["adversarial_plot"], go.Figure)
    assert isinstance(results["adversarial_picture"], matplotlib.figure.Figure)


def test_parts_that_are_alike_are_called_so(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    images, survey = draw_images(root, 60, 40, 0)
    with caplog.at_level(logging.INFO, "podium"):
        scores = validate_adversarially(images, survey, NO_COPIES, CLASSES, "얼굴", QUICK)["adversarial_scores"]
    assert scores["auc_low"] <= 0.5 and scores["auc"] < 0.65
    assert "cannot be told apart by their looks" in caplog.text


def test_order_of_images_changes_nothing(root: Path) -> None:
    images, survey = draw_images(root, 24, 12, 40)
    shuffled = images.sample(frac=1, random_state=1)
    first = validate_adversarially(images, survey, NO_COPIES, CLASSES, "얼굴", QUICK)
    second = validate_adversarially(shuffled, survey, NO_COPIES, CLASSES, "얼굴", QUICK)
    assert first["adversarial_scores"] == second["adversarial_scores"]
    pd.testing.assert_frame_equal(first["images_like_test"], second["images_like_test"])


def test_sheet_shows_each_training_image_once_and_test_images_between(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.pipelines.shift import pictures

    images, survey = draw_images(root, 14, 5, 60)
    train = images.loc[images["subset"] == "train", "image_id"]
    like = pd.DataFrame({"image_id": train.sample(frac=1, random_state=1).to_numpy(), "p_test": np.linspace(1, 0, 14)})
    shown: list[tuple[str, list[bytes]]] = []
    monkeypatch.setattr(pictures, "draw_rows", lambda rows, title: shown.extend(rows))
    draw_test_like(images, survey, like, TOLD_APART, "얼굴", QUICK)
    assert [name.split("\n")[0] for name, _ in shown] == ["most like test", "test", "least like test"]
    assert [len(row) for _, row in shown] == [7, 5, 7]
    assert shown[0][0] == f"most like test\np {like['p_test'][0]:.2f} to {like['p_test'][6]:.2f}"
    assert len({data for name, row in shown for data in row}) == 19


def test_copies_count_once(root: Path) -> None:
    images, survey = draw_images(root, 20, 10, 40)
    copies = pd.DataFrame({"image_id": images["image_id"].iloc[[0, 2, 20, 21]], "copy_set": [0, 0, 1, 1]})
    first = compare_subsets(images, survey, copies, "얼굴", QUICK)["subset_differences"].iloc[0]
    assert (first["n_train"], first["n_test"]) == (9, 9)


def test_order_of_images_changes_no_difference(root: Path) -> None:
    images, survey = draw_images(root, 24, 12, 0)
    shuffled = images.sample(frac=1, random_state=1)
    first = compare_subsets(images, survey, NO_COPIES, "얼굴", QUICK)["subset_differences"]
    second = compare_subsets(shuffled, survey, NO_COPIES, "얼굴", QUICK)["subset_differences"]
    pd.testing.assert_frame_equal(first, second)


def test_sheet_is_drawn(root: Path) -> None:
    images, survey = draw_images(root, 6, 4, 60)
    like = pd.DataFrame({"image_id": images["image_id"][:6], "p_test": np.linspace(1, 0, 6)})
    told = draw_test_like(images, survey, like, TOLD_APART, "얼굴", QUICK)
    assert "chance" not in told.get_suptitle()
    alike = draw_test_like(images, survey, like, {"auc": 0.51, "auc_low": 0.45}, "얼굴", QUICK)
    assert alike.get_suptitle().endswith("(AUC 0.51: train and test look alike, so this order is chance)")


def test_tables_hold_just_the_fields_that_the_page_of_data_gives(root: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    images, survey = draw_images(root, 12, 6, 60)
    results = compare_subsets(images, survey, NO_COPIES, "얼굴", QUICK)
    results |= validate_adversarially(images, survey, NO_COPIES, CLASSES, "얼굴", QUICK)
    for name in ("subset_differences", "adversarial_scores", "adversarial_properties", "images_like_test"):
        section = page.split(f"### `{name}`\n")[1].split("\n##")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(results[name]), name


@pytest.mark.parametrize("n_test", [0, 1])
def test_without_a_test_part_there_are_no_rows_and_a_picture_says_so(root: Path, n_test: int) -> None:
    images, survey = draw_images(root, 6, n_test, 0)
    results = validate_adversarially(images, survey, NO_COPIES, CLASSES, "얼굴", QUICK)
    assert results["adversarial_scores"]["auc"] is None
    assert len(results["images_like_test"]) == len(results["adversarial_properties"]) == 0
    like, scores = results["images_like_test"], results["adversarial_scores"]
    figures = [results["adversarial_picture"], draw_test_like(images, survey, like, scores, "얼굴", QUICK)]
    if n_test == 0:
        compared = compare_subsets(images, survey, NO_COPIES, "얼굴", QUICK)
        assert compared["subset_differences"].empty
        assert compared["subset_differences_plot"].layout.annotations[0].text == "there is no test part to compare with"
        figures.append(compared["subset_differences_picture"])
    for figure in figures:
        assert "there is no test part to compare with" in [text.get_text() for text in figure.axes[0].texts]
