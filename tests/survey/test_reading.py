"""A survey answers by content, in the order asked for, and says what is missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from podium.errors import InputError
from podium.survey import PROPERTIES, Survey, filler, shelf
from podium.survey.keypoints import describe_keypoints
from podium.survey.measures import measure_image
from survey.conftest import Pictures


def read_pixels(pictures: Pictures, path: str) -> np.ndarray:
    return np.asarray(Image.open(pictures.root / path))


def test_answers_come_in_the_order_asked_for_with_repetitions(
    pictures: Pictures, ten: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filler, "_PART_IMAGES", 4)
    monkeypatch.setattr(shelf, "_ROW_GROUP", 2)
    pictures.fill(ten)
    asked = [list(ten)[at] for at in (7, 0, 7, 3, 9, 1)]
    images = [read_pixels(pictures, ten[key]) for key in asked]
    survey = pictures.open()
    properties = survey.read_properties(asked)
    assert tuple(properties) == PROPERTIES
    assert properties.index.tolist() == list(range(6))
    np.testing.assert_array_equal(properties.to_numpy(), [measure_image(image) for image in images])
    assert survey.read_keypoints(asked) == [describe_keypoints(image) for image in images]
    assert len(set(survey.read_thumbnails(asked))) == 5


def test_undefined_properties_are_not_a_number(pictures: Pictures) -> None:
    Image.new("RGB", (9, 9), "gray").save(pictures.root.parent / "회색.png")
    pictures.root = pictures.root.parent
    from podium.vision.source_files import SourceFile, read_file

    file = read_file(pictures.root / "회색.png")
    assert isinstance(file, SourceFile)
    pictures.fill({file.sha256: "회색.png"})
    row = pictures.open().read_properties([file.sha256]).iloc[0]
    assert row[list(PROPERTIES[-5:])].isna().all()
    assert row["brightness"] == 128
    assert row.dtype == np.float64


@pytest.mark.usefixtures("quick_keypoints")
def test_nothing_asked_for_is_nothing_answered(pictures: Pictures, ten: dict[str, str]) -> None:
    pictures.fill(ten)
    properties = pictures.open().read_properties([])
    assert (list(properties), len(properties)) == (list(PROPERTIES), 0)
    assert (properties.dtypes == np.float64).all()
    assert pictures.open().read_thumbnails([]) == []


@pytest.mark.usefixtures("quick_keypoints")
def test_unknown_contents_are_all_listed(pictures: Pictures, ten: dict[str, str]) -> None:
    pictures.fill(ten)
    with pytest.raises(InputError, match="not in the survey") as error:
        pictures.open().read_keypoints([*ten, "a" * 64, "b" * 64])
    assert [case.split(":")[0] for case in error.value.cases] == [f"sha256 {'a' * 64}", f"sha256 {'b' * 64}"]
    assert "kedro run --pipeline survey" in error.value.cases[0]


def test_missing_survey_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no survey") as error:
        Survey(tmp_path / "없음")
    assert "kedro run --pipeline survey" in error.value.cases[0]


@pytest.mark.usefixtures("quick_keypoints")
@pytest.mark.parametrize("is_open", [True, False])
def test_damage_since_the_fill_is_told(pictures: Pictures, ten: dict[str, str], is_open: bool) -> None:
    pictures.fill(ten)
    survey = pictures.open()
    pictures.parts[0].write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read") as error:
        (survey if is_open else pictures.open()).read_thumbnails(list(ten))
    assert str(pictures.parts[0]) in error.value.cases[0]
