"""Teammates' answers on the page of images."""

import hashlib
import io
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from podium.browser import Gallery
from podium.pipelines.compare.config import CompareConfig
from podium.pipelines.compare.nodes import measure_agreement, show_answers, vote
from podium.pipelines.compare.page import find_pictures, make_gallery, name_vote, write_agreement
from podium.survey import fill_survey
from podium.teammates.answers import Answers

CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개", "NA", "새"], "target": [10, 7, 30]})
TEMPLATE = pd.DataFrame({"image_id": ["test/다", "test/가", "test/나"], "ID": ["다", "가", "나"], "ans": [0, 0, 0]})
CHANCES = np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]], dtype=np.float32)
ANSWERS = [
    Answers("a", np.array([0, 1, 2])),
    Answers("b", CHANCES.argmax(axis=1), CHANCES),
    Answers("민수", np.array([0, 2, 1])),
]
VOTES = vote(ANSWERS, TEMPLATE, CLASSES, CompareConfig())
AGREEMENT = measure_agreement(ANSWERS, CLASSES)
IMAGES = pd.DataFrame({"image_id": ["test/가", "test/다"], "sha256": ["1" * 64, "2" * 64]})


def gather(answers: list[Answers] = ANSWERS, votes: pd.DataFrame = VOTES) -> Gallery:
    return make_gallery(answers, votes, AGREEMENT, CLASSES, {}, [b""] * 3, ("새들", "hard"))


def test_members_say_what_teammates_and_votes_say() -> None:
    gallery = gather()
    labels = {name: chances.argmax(axis=1).tolist() for name, chances in gallery.members.items()}
    position = dict(zip(CLASSES["class_name"], CLASSES["label"], strict=True))
    voted = {f"{kind} vote": [position[name] for name in VOTES[kind]] for kind in ("hard", "weighted", "soft")}
    assert labels == {one.name: one.labels.tolist() for one in ANSWERS} | voted
    assert gallery.images["image_id"].tolist() == TEMPLATE["image_id"].tolist()
    assert list(gallery.voters) == ["a", "b", "민수"]


def test_page_opens_on_a_difference_from_the_own_blend_or_from_the_vote_and_never_from_the_first_of_the_alphabet() -> (
    None
):
    gallery = gather()
    assert (gallery.main, gallery.reference) == ("a", "hard vote")
    own = Answers("podium", CHANCES.argmax(axis=1), CHANCES)
    gallery = gather([*ANSWERS, own])
    assert (gallery.main, gallery.reference) == ("hard vote", "podium")


def test_only_who_gave_probabilities_is_shown_with_probabilities() -> None:
    gallery = gather()
    assert set(gallery.class_only) == {"a", "민수", "hard vote", "weighted vote", "soft vote"}
    np.testing.assert_array_equal(gallery.members["b"], CHANCES)


def test_vote_that_was_not_possible_is_no_member() -> None:
    votes = vote(ANSWERS[:1], TEMPLATE, CLASSES, CompareConfig())
    assert "soft vote" not in gather(ANSWERS[:1], votes).members


def test_teammate_called_like_a_vote_keeps_the_name() -> None:
    assert name_vote("hard", ["hard vote", "the hard vote"]) == "the the hard vote"


def test_section_counts_pairs_and_links_to_their_images() -> None:
    html = write_agreement(ANSWERS, VOTES, AGREEMENT, ["hard vote"])
    assert "3 images are contested" in html
    row = AGREEMENT.set_index(["first", "second"]).loc[("a", "민수")]
    n_different = int((ANSWERS[0].labels != ANSWERS[2].labels).sum())
    assert row["n_images"] - n_different == round(row["agreement"] * row["n_images"])
    assert f">{n_different}</a>" in html
    assert "&#34;reference&#34;: &#34;a&#34;" in html


def test_names_of_teammates_are_escaped_in_the_section() -> None:
    hostile = [Answers("<b onclick=x>'", np.array([0, 1, 2])), ANSWERS[0]]
    html = write_agreement(hostile, VOTES, measure_agreement(hostile, CLASSES), [])
    assert "<b onclick" not in html


def test_pictures_come_from_the_survey_and_are_missing_where_an_image_could_not_be_read(tmp_path: Path) -> None:
    files = {}
    for name in ("가", "다"):
        file = io.BytesIO()
        Image.new("RGB", (40, 30), (200, 10, 10) if name == "가" else (10, 10, 200)).save(file, "PNG")
        (tmp_path / f"{name}.png").write_bytes(file.getvalue())
        files[name] = file.getvalue()
    names = {hashlib.sha256(content).hexdigest(): f"{name}.png" for name, content in files.items()}
    fill_survey(tmp_path / "survey", tmp_path, names, max_pixels=10_000, n_jobs=1, progress=False)
    images = pd.DataFrame({"image_id": ["test/가", "test/다"], "sha256": list(names)})
    pictures = find_pictures(TEMPLATE["image_id"], images, {"folder": str(tmp_path / "survey")})
    assert pictures[2] == b""
    colours = [np.asarray(Image.open(io.BytesIO(picture))).mean(axis=(0, 1)).argmax() for picture in pictures[:2]]
    assert colours == [2, 0]


@pytest.mark.parametrize(("survey", "told"), [({}, "no survey was made"), ({"folder": "없음"}, "does not fit")])
def test_without_a_survey_the_page_is_written_all_the_same(
    survey: dict[str, str], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        page = show_answers(ANSWERS, VOTES, AGREEMENT, IMAGES, CLASSES, {}, survey, CompareConfig(), "새들")
    assert told in caplog.text
    assert "kedro run --pipeline survey" in caplog.text
    assert "새들: answers of teammates" in page
