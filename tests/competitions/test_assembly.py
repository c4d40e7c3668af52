import logging
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.assembly import build_listing, check_class_counts, raise_cases
from podium.competitions.listing import Attribute
from podium.competitions.unlabelled import UnlabelledPart
from podium.errors import InputError

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["a", "나", "c"], "target": [0, 1, 2]})


def test_both_parts_become_one_sorted_table() -> None:
    train = pd.DataFrame({"image_id": ["x/2", "x/1"], "path": ["x/2", "x/1"], "group_id": ["p", "q"], "label": [1, 0]})
    train = train.assign(age=["old", "young"], age_years=[80, 3], other=1)
    test = pd.DataFrame({"image_id": ["t/1"], "path": ["t/1"]})
    attributes = {"age": Attribute(("young", "old"), "age_years", (30,))}
    images = build_listing(train, UnlabelledPart(test, test), CLASSES, attributes).images
    expected = pd.DataFrame(
        {
            "image_id": ["t/1", "x/1", "x/2"],
            "subset": ["test", "train", "train"],
            "path": ["t/1", "x/1", "x/2"],
            "label": pd.array([None, 0, 1], dtype="Int64"),
            "group_id": [None, "q", "p"],
            "age": [None, "young", "old"],
            "age_years": pd.array([None, 3, 80], dtype="Int64"),
        }
    )
    pd.testing.assert_frame_equal(images, expected.astype({"group_id": "str", "age": "str"}))


def test_one_class_only_is_named() -> None:
    cases: list[str] = []
    check_class_counts(pd.Series([1, 1, 1], dtype="Int64"), CLASSES, "train.csv", cases)
    assert cases == ["train.csv: all 3 images are of class '나'; two classes are needed"]


def test_classes_without_images_are_logged_and_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    cases: list[str] = []
    with caplog.at_level(logging.WARNING):
        check_class_counts(pd.Series([0, 2], dtype="Int64"), CLASSES, "train.csv", cases)
    assert cases == []
    assert caplog.messages == ["1 of 3 classes have no training image: 나"]


def test_faulty_labels_are_not_counted_as_one_class() -> None:
    cases: list[str] = []
    check_class_counts(pd.Series([1, None], dtype="Int64"), CLASSES, "train.csv", cases)
    assert cases == []


def test_cases_are_raised_together_under_the_root() -> None:
    with pytest.raises(InputError, match="한글: 2 thing") as error:
        raise_cases(Path("한글"), ["one", "two"])
    assert error.value.cases == ["one", "two"]
    raise_cases(Path("한글"), [])
