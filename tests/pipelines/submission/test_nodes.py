import logging

import numpy as np
import pandas as pd
import pytest

from podium.errors import InputError
from podium.pipelines.submission.nodes import answer_template, check_submission
from podium.probabilities import make_table

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "고양이", "새"], "target": [10, 7, 30]})
TEMPLATE = pd.DataFrame(
    {
        "image_id": ["test/다.jpg", "test/가.jpg", "test/나.jpg"],
        "ImageID": ["다.jpg", "가.jpg", "나.jpg"],
        "ans": [0, 0, 0],
    }
)
CHANCES = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]], dtype=np.float32)
PREDICTED = make_table(pd.Series(["test/가.jpg", "test/나.jpg", "test/다.jpg"]), -1, CHANCES)
TARGETS = pd.DataFrame({"image_id": list("abcd"), "label": [2, 1, 1, 0], "training_label": [2, 2, 2, 2]})
NONE = pd.DataFrame({"image_id": pd.Series(dtype=str)})


def answer(predicted: pd.DataFrame = PREDICTED, quarantined: pd.DataFrame = NONE) -> pd.DataFrame:
    return answer_template(predicted, TEMPLATE, CLASSES, TARGETS, quarantined)


def test_columns_ids_and_order_are_exactly_the_organisers() -> None:
    submission = answer()
    assert list(submission) == ["ImageID", "ans"]
    assert submission["ImageID"].tolist() == TEMPLATE["ImageID"].tolist()


def test_answer_is_the_organisers_value_of_the_most_probable_class() -> None:
    assert answer()["ans"].tolist() == [7, 30, 10]
    assert answer()["ans"].dtype == np.int64


def test_order_of_predictions_does_not_matter() -> None:
    pd.testing.assert_frame_equal(answer(PREDICTED.iloc[[2, 0, 1]]), answer())


def test_columns_between_id_and_answer_are_kept() -> None:
    template = TEMPLATE.assign(메모=["x", "y", "z"])[["image_id", "ImageID", "메모", "ans"]]
    submission = answer_template(PREDICTED, template, CLASSES, TARGETS, NONE)
    assert list(submission) == ["ImageID", "메모", "ans"]
    assert submission["메모"].tolist() == ["x", "y", "z"]
    assert submission["ans"].tolist() == [7, 30, 10]


def test_unreadable_test_image_gets_the_most_frequent_true_class(caplog: pytest.LogCaptureFixture) -> None:
    quarantined = pd.DataFrame({"image_id": ["test/가.jpg", "train/x.jpg"]})
    with caplog.at_level(logging.WARNING):
        submission = answer(PREDICTED.iloc[1:], quarantined)
    assert submission["ans"].tolist() == [7, 7, 10]
    assert submission["ans"].dtype == np.int64
    assert caplog.messages == ["1 unreadable test images get the most frequent class, 7"]


def test_every_image_without_a_prediction_is_named() -> None:
    with pytest.raises(InputError, match="Test images have no prediction") as error:
        answer(PREDICTED.iloc[:1])
    assert error.value.cases == [
        "test/다.jpg: in the template, not in the ensemble",
        "test/나.jpg: in the template, not in the ensemble",
    ]


def test_missing_prediction_beside_an_unreadable_image_is_still_named() -> None:
    with pytest.raises(InputError) as error:
        answer(PREDICTED.iloc[1:2], pd.DataFrame({"image_id": ["test/가.jpg"]}))
    assert error.value.cases == ["test/다.jpg: in the template, not in the ensemble"]


def test_competition_without_a_test_part_has_an_empty_submission() -> None:
    submission = answer_template(PREDICTED.iloc[:0], TEMPLATE.iloc[:0], CLASSES, TARGETS, NONE)
    assert len(submission) == 0
    assert list(submission) == ["ImageID", "ans"]


RIGHT = pd.DataFrame({"ImageID": ["다.jpg", "가.jpg", "나.jpg"], "ans": [7, 30, 10]})


def list_cases(submission: pd.DataFrame) -> list[str]:
    with pytest.raises(InputError, match="would be refused") as error:
        check_submission(submission, TEMPLATE, CLASSES)
    return error.value.cases


def test_right_submission_passes() -> None:
    assert check_submission(RIGHT, TEMPLATE, CLASSES) is RIGHT


@pytest.mark.parametrize("columns", [["ans", "ImageID"], ["ImageID"]])
def test_other_columns_are_named(columns: list[str]) -> None:
    assert list_cases(RIGHT[columns]) == [f"columns are {columns}, not ['ImageID', 'ans']"]


def test_missing_unknown_and_doubled_ids_and_wrong_answers_are_all_named() -> None:
    wrong = pd.DataFrame({"ImageID": ["다.jpg", "다.jpg", "라.jpg"], "ans": [7, 8, 0]})
    assert list_cases(wrong) == [
        "가.jpg: missing",
        "나.jpg: missing",
        "라.jpg: unknown",
        "다.jpg: doubled",
        "다.jpg: '8' is no class",
        "라.jpg: '0' is no class",
    ]


def test_other_order_is_named() -> None:
    assert list_cases(RIGHT.iloc[::-1]) == ["ids stand in another order than in the template"]
