"""What teammates handed over becomes tables, pictures and one right submission."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.compare.config import CompareConfig
from podium.pipelines.compare.nodes import (
    answer_by_vote,
    check_answers,
    list_contested_images,
    measure_agreement,
    share_split,
    show_agreement,
    vote,
)
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_content
from podium.probabilities import make_table
from podium.teammates.answers import Answers

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "NA", "새"], "target": [10, 7, 30]})
TEMPLATE = pd.DataFrame({"image_id": ["test/다", "test/가", "test/나"], "ID": ["다", "가", "나"], "ans": [0, 0, 0]})
CHANCES = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]], dtype=np.float32)
OWN = make_table(pd.Series(["test/나", "test/다", "test/가"]), -1, CHANCES)
NO_OWN = pd.DataFrame()
ANSWERS = [
    Answers("a", np.array([0, 1, 2])),
    Answers("민수", np.array([0, 2, 1])),
    Answers("b", CHANCES.argmax(axis=1), CHANCES),
]


def put(folder: Path, name: str, answers: tuple[int, ...] = (10, 7, 30)) -> None:
    pd.DataFrame({"ID": TEMPLATE["ID"], "ans": answers}).to_csv(folder / f"{name}.csv", index=False)


def check(
    folder: Path, own: pd.DataFrame = NO_OWN, template: pd.DataFrame = TEMPLATE, **config: object
) -> list[Answers]:
    return check_answers(folder, own, template, CLASSES, CompareConfig.model_validate(config))


def test_own_ensemble_takes_part_beside_teammates(tmp_path: Path) -> None:
    put(tmp_path, "a")
    put(tmp_path, "민수")
    answers = check(tmp_path, OWN)
    assert [one.name for one in answers] == ["a", "podium", "민수"]
    assert answers[1].labels.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(answers[1].probabilities, CHANCES[[1, 2, 0]])


def test_own_ensemble_stays_away_when_told_to(tmp_path: Path) -> None:
    put(tmp_path, "a")
    assert [one.name for one in check(tmp_path, OWN, include_own=False)] == ["a"]


@pytest.mark.parametrize(("own", "told"), [(NO_OWN, "no ensemble yet"), (OWN.iloc[1:], "no answer to 1 of 3")])
def test_own_ensemble_that_is_missing_or_of_other_images_is_told(
    tmp_path: Path, own: pd.DataFrame, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "a")
    with caplog.at_level(logging.INFO):
        answers = check(tmp_path, own)
    assert [one.name for one in answers] == ["a"]
    assert told in caplog.text


def test_teammate_called_podium_is_told_that_the_name_is_taken(tmp_path: Path) -> None:
    put(tmp_path, "podium")
    with pytest.raises(InputError, match="rename the file"):
        check(tmp_path, OWN)
    assert [one.name for one in check(tmp_path, NO_OWN)] == ["podium"]


def test_empty_folder_is_told_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to compare") as error:
        check(tmp_path, OWN)
    assert error.value.cases[0].startswith(f"{tmp_path}: holds no answers; put <name>.csv")


def test_competition_without_a_test_part_is_told(tmp_path: Path) -> None:
    put(tmp_path, "a")
    with pytest.raises(InputError, match="no test part"):
        check(tmp_path, template=TEMPLATE[:0])


def test_votes_are_names_of_classes_in_the_templates_order() -> None:
    votes = vote(ANSWERS, TEMPLATE, CLASSES, CompareConfig(weights={"민수": 9.0}))
    assert votes.to_dict("list") == {
        "image_id": ["test/다", "test/가", "test/나"], "ID": ["다", "가", "나"], "hard": ["개", "새", "NA"],
        "weighted": ["개", "새", "NA"], "soft": ["새", "개", "NA"],
    }  # fmt: skip


def test_weight_is_found_in_either_unicode_form() -> None:
    import unicodedata

    weights = {unicodedata.normalize("NFD", "민수"): 9.0}
    pd.testing.assert_frame_equal(
        vote(ANSWERS, TEMPLATE, CLASSES, CompareConfig(weights=weights)),
        vote(ANSWERS, TEMPLATE, CLASSES, CompareConfig(weights={"민수": 9.0})),
    )


def test_soft_vote_without_probabilities_is_refused_when_chosen_and_blank_when_not() -> None:
    assert vote(ANSWERS[:2], TEMPLATE, CLASSES, CompareConfig())["soft"].tolist() == ["", "", ""]
    with pytest.raises(InputError, match="soft takes probabilities"):
        vote(ANSWERS[:2], TEMPLATE, CLASSES, CompareConfig(vote="soft"))
    certain = vote(ANSWERS[:2], TEMPLATE, CLASSES, CompareConfig(vote="soft", soft_includes_classes=True))
    assert certain["soft"].tolist() == ["개", "NA", "NA"]


@pytest.mark.parametrize(("kind", "right"), [("hard", [10, 30, 7]), ("soft", [30, 10, 7])])
def test_chosen_vote_becomes_the_organisers_file(kind: str, right: list[int]) -> None:
    config = CompareConfig.model_validate({"vote": kind, "weights": {"민수": 2.0}})
    template = TEMPLATE.assign(메모=["x", "y", "z"])[["image_id", "ID", "메모", "ans"]]
    submission = answer_by_vote(vote(ANSWERS, template, CLASSES, config), template, CLASSES, config)
    assert submission.to_dict("list") == {"ID": ["다", "가", "나"], "메모": ["x", "y", "z"], "ans": right}
    assert submission["ans"].dtype == np.int64


def test_contested_images_state_the_hard_vote() -> None:
    votes = vote(ANSWERS, TEMPLATE, CLASSES, CompareConfig(weights={"민수": 9.0}))
    table = list_contested_images(ANSWERS, votes, TEMPLATE, CLASSES).set_index("image_id")
    assert table["hard_vote"].to_dict() == {"test/가": "새", "test/나": "NA", "test/다": "개"}
    assert table.loc["test/가", ["vote_a", "vote_민수", "vote_b"]].tolist() == ["NA", "새", "개"]


def test_every_pair_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        measure_agreement(ANSWERS, CLASSES)
    assert caplog.messages[0] == "a and 민수 agree on 33.3 %, kappa 0.000"
    assert len(caplog.messages) == 3


@pytest.mark.parametrize("n_teammates", [1, 3])
def test_agreement_is_drawn(n_teammates: int) -> None:
    answers = ANSWERS[:n_teammates]
    shown = show_agreement(answers, measure_agreement(answers, CLASSES))
    assert set(shown) == {"agreement_plot", "agreement_picture"}
    assert np.asarray(shown["agreement_plot"].data[0].z).shape == (n_teammates, n_teammates)


IMAGES = pd.DataFrame(
    {
        "image_id": ["가", "나", "다", "시험"],
        "subset": ["train"] * 3 + ["test"],
        "label": pd.array([2, 0, 1, None], dtype="Int64"),
        "sha256": list("abcd"),
    }
)
FOLDS = pd.DataFrame({"image_id": ["가", "나", "다"], "fold": [1, 0, 1]})


@pytest.mark.parametrize(("scheme", "held_out"), [("k_fold", [0, 1]), ("hold_out", [0])])
def test_shared_split_says_all_that_a_teammate_needs(scheme: str, held_out: list[int]) -> None:
    splitting = SplittingConfig.model_validate({"n_folds": 2, "scheme": scheme})
    shared = share_split(IMAGES, FOLDS, CLASSES, splitting)
    assert shared["shared_folds"].to_dict("list") == {
        "image_id": ["가", "나", "다"], "fold": [1, 0, 1], "label": [2, 0, 1], "class_name": ["새", "개", "NA"],
    }  # fmt: skip
    assert shared["shared_split"] == {
        "split_digest": digest_table(FOLDS),
        "content_digest": digest_content(IMAGES),
        "held_out_folds": held_out,
        "classes": ["개", "NA", "새"],
    }
