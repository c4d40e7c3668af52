import numpy as np
import pandas as pd

from pipelines.report.drawn_members import ATTRIBUTES, CLASSES, GOOD, MATE, PRESENT, make_reported
from podium.browser import Gallery, Section
from podium.class_parts import list_parts
from podium.pipelines.report.explaining import HeatMaps
from podium.pipelines.report.page import (
    Shown,
    count_facts,
    describe_labels,
    describe_missing,
    describe_proof,
    make_gallery,
)

REPORTED = make_reported()
TRAIN, TEST = REPORTED.members.images["image_id"].tolist(), REPORTED.members.test_ids.tolist()
SHOWN = Shown(
    pd.DataFrame(
        {
            "image_id": [TEST[3], TRAIN[0], TRAIN[7], "학습/없음.jpg"],
            "subset": ["test", "train", "train", "train"],
            "label": pd.array([None, *REPORTED.labels[[0, 7]], 1], dtype="Int64"),
            "fold": pd.array([None, 0, 1, None], dtype="Int64"),
            "group_id": [None, "p", "q", None],
            "original": "",
        }
    ),
    [b"a", b"b", b"c", b"d"],
    11,
)
SUSPECTS = pd.DataFrame(
    {"image_id": [TRAIN[50], TRAIN[7]], "suspicion": [0.9, 0.7], "suggested_class": ["착용 여", "미착용 남"]}
)


def make(heat_maps: HeatMaps | None = None) -> Gallery:
    parts = list_parts(CLASSES, ATTRIBUTES)
    sections = [Section("제목", "overview", "<p>가</p>")]
    return make_gallery("얼굴", REPORTED, SHOWN, parts, SUSPECTS, heat_maps or HeatMaps(), sections)


def test_each_image_has_what_all_speakers_say_of_it() -> None:
    gallery = make()
    assert list(gallery.members) == ["ensemble", *REPORTED.order]
    assert gallery.main == "ensemble" and gallery.voters == REPORTED.order
    for name, said in gallery.members.items():
        np.testing.assert_array_equal(said[0], REPORTED.get_test(name)[3])
        np.testing.assert_array_equal(said[[1, 2]], REPORTED.get_oof(name)[[0, 7]])
        assert np.isnan(said[3]).all()


def test_suspects_stand_beside_their_images_and_others_have_none() -> None:
    images = make().images
    assert images["suspicion"].tolist()[2] == 0.7 and images["suspicion"].isna().sum() == 3
    assert images["suggested"].tolist() == [pd.NA, pd.NA, 2, pd.NA] and images["suggested"].dtype == "Int64"
    assert images["image_id"].tolist() == SHOWN.images["image_id"].tolist()


def test_without_suspects_there_are_none() -> None:
    parts = list_parts(CLASSES, ATTRIBUTES)
    images = make_gallery("얼굴", REPORTED, SHOWN, parts, SUSPECTS.iloc[:0], HeatMaps(), []).images
    assert images["suspicion"].isna().all() and images["suggested"].isna().all()


def test_heat_maps_go_to_the_rows_of_their_images() -> None:
    heat_map = np.ones((2, 3), np.uint8)
    gallery = make(HeatMaps(GOOD, {TRAIN[7]: heat_map, TRAIN[9]: heat_map}))
    assert list(gallery.heat_maps) == [2]
    assert GOOD in gallery.heat_map_title and make().heat_map_title == ""


def test_attributes_name_the_value_of_each_class() -> None:
    attributes = make().attributes
    assert list(attributes) == ["마스크", "성별"]
    assert [attributes["성별"].values[place] for place in attributes["성별"].of_class] == ["남", "여", "남", "여"]


def test_facts_count_images_members_folds_and_groups() -> None:
    images = pd.DataFrame({"subset": ["train"] * 120 + ["test"] * 12})
    facts = count_facts(REPORTED, images, 132, 4)
    assert facts["images"] == "120 to train on, each of them held out once; 12 to predict"
    assert facts["members"].startswith(f"3: {GOOD}, ") and MATE in facts["members"]
    assert facts["split"] == f"2 held-out folds, 60 groups of images; digest {PRESENT['split_digest']}"
    assert "images on this page" not in facts
    more = pd.DataFrame({"subset": ["train"] * 300})
    facts = count_facts(REPORTED, more, 132, 4)
    assert facts["images"] == "300 to train on, 120 of them held out; none to predict"
    assert facts["images on this page"].startswith("132 of 300 (report.max_images)")


def test_labels_say_whose_they_are() -> None:
    assert describe_labels({"version": "organisers", "n_relabelled": 0, "n_excluded": 0}) == "version organisers"
    told = describe_labels({"version": "0a", "n_relabelled": 3, "n_excluded": 1})
    assert told == "version 0a: 3 relabelled, 1 excluded"


def test_leaks_are_told_and_a_proof_of_something_else_is_none() -> None:
    present = {**PRESENT, "group_digest": "1", "settings_digest": "2"}
    proof = {**present, "n_leaks": 0, "n_conflicts": 0}
    assert describe_proof(proof, present) == "none in this split"
    assert "2 in this split, so its scores are flattered" in describe_proof({**proof, "n_leaks": 2}, present)
    assert "4 copies have labels that contradict" in describe_proof({**proof, "n_conflicts": 4}, present)
    for other in ({}, *({**proof, key: "0"} for key in present)):
        assert describe_proof(other, present).startswith("not proven")


def test_page_knows_how_many_images_there_are_beyond_those_shown() -> None:
    gallery = make()
    assert gallery.n_images_known == 11
    assert gallery.content == PRESENT["content_digest"]  # so that marks outlive another choice of images


def test_files_that_are_gone_are_told_and_none_is_not() -> None:
    assert describe_missing([]) == []
    (told,) = describe_missing(["학습/가.jpg", "학습/나.jpg"])
    assert told.startswith("The organisers' files of 2 training images are gone, such as 학습/가.jpg.")
