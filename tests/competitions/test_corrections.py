"""Marks on drawn competitions of all formats, against plain pandas and against what a person would write down."""

import hashlib
import logging
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.competitions import IdTarget, ImageFolder, Listing, MaskProfiles, read_competition
from podium.competitions.corrections import COLUMNS, apply_corrections
from podium.competitions.demo import DemoDrawing
from podium.competitions.listing import CHANGE_COLUMNS, LabelVersion
from podium.errors import InputError

Put = Callable[..., None]
Mark = tuple[str, ...]  # image_id, mark, class_name, class_before, note; what is left out at the end is empty

LOGGER = "podium.competitions.corrections"


@pytest.fixture
def listing(root: Path, put: Put) -> Listing:
    """Six training images of three classes and a test image."""
    put("train/장미/1.jpg", "train/장미/2.jpg", "train/daisy/1.jpg", "train/daisy/2.jpg", "train/튤립/1.jpg")
    put("train/튤립/2.jpg", "test/a.jpg")
    return read_competition(ImageFolder(format="image_folder", root=root))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write marks as a file beside the competition."""

    def make(name: str, *marks: Mark) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [(*mark, *[""] * (len(COLUMNS) - len(mark))) for mark in marks]
        pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(path, index=False)
        return path

    return make


def find_cases(listing: Listing, *files: Path) -> list[str]:
    with pytest.raises(InputError) as error:
        apply_corrections(listing, files, "꽃")
    return error.value.cases


def name_classes(listing: Listing) -> dict[str, str]:
    """Name the class of each training image."""
    train = listing.images[listing.images["subset"] == "train"].merge(listing.classes, on="label")
    return dict(zip(train["image_id"], train["class_name"], strict=True))


def test_no_files_leave_the_listing_as_it_is(listing: Listing) -> None:
    assert apply_corrections(listing, [], "꽃") is listing
    assert listing.version.name == "organisers"
    assert listing.version.changes.dtypes.astype(str).to_dict() == CHANGE_COLUMNS


def test_marks_do_what_they_say_and_nothing_else(listing: Listing, write: Callable[..., Path]) -> None:
    before = listing.images.copy()
    file = write(
        "표시.csv",
        ("train/daisy/2.jpg", "exclude", "", "daisy", "흐림"),
        ("train/장미/1.jpg", "label_wrong", "튤립", "장미", 'a "tulip", surely'),
        ("test/a.jpg", "look_again", "", "", "두 줄\n메모"),
        ("train/튤립/1.jpg", "look_again", "", "튤립"),
    )

    corrected = apply_corrections(listing, [file], "꽃")

    expected = name_classes(listing) | {"train/장미/1.jpg": "튤립"}
    del expected["train/daisy/2.jpg"]
    assert name_classes(corrected) == expected
    pd.testing.assert_frame_equal(listing.images, before)  # the organisers' listing itself is not touched
    pd.testing.assert_frame_equal(corrected.classes, listing.classes)
    untouched = before[before["image_id"].isin(expected) & (before["image_id"] != "train/장미/1.jpg")]
    kept = corrected.images[corrected.images["image_id"].isin(untouched["image_id"])]
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), untouched.reset_index(drop=True))
    assert corrected.images.index.tolist() == list(range(6))
    moved = corrected.images.set_index("image_id").loc["train/장미/1.jpg"]
    assert moved["group_id"] == "train/장미/1.jpg"
    version = corrected.version
    assert (version.n_relabelled, version.n_excluded, version.n_to_look_at) == (1, 1, 2)
    assert version.files == ({"path": file.as_posix(), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},)
    changes = version.changes
    assert changes.dtypes.astype(str).to_dict() == CHANGE_COLUMNS
    assert changes[["image_id", "mark", "class_before", "class_after", "note", "line"]].to_numpy().tolist() == [
        ["test/a.jpg", "look_again", "", "", "두 줄\n메모", 4],
        ["train/daisy/2.jpg", "exclude", "daisy", "", "흐림", 2],
        ["train/장미/1.jpg", "label_wrong", "장미", "튤립", 'a "tulip", surely', 3],
        ["train/튤립/1.jpg", "look_again", "튤립", "튤립", "", 6],
    ]
    assert changes["stands"].all()


def test_what_is_only_to_be_looked_at_again_is_no_new_version(listing: Listing, write: Callable[..., Path]) -> None:
    corrected = apply_corrections(listing, [write("m.csv", ("train/장미/1.jpg", "look_again"))])
    pd.testing.assert_frame_equal(corrected.images, listing.images)
    assert (corrected.version.name, corrected.version.n_to_look_at) == ("organisers", 1)


def test_version_is_named_by_the_labels_and_not_by_how_they_came_about(
    listing: Listing, write: Callable[..., Path]
) -> None:
    rose, daisy = ("train/장미/1.jpg", "label_wrong", "튤립", "장미"), ("train/daisy/1.jpg", "exclude")
    one = apply_corrections(listing, [write("one.csv", rose, daisy)]).version
    two = apply_corrections(listing, [write("a.csv", daisy), write("b.csv", (*rose, "메모"))]).version
    other = apply_corrections(listing, [write("c.csv", rose)]).version
    assert one.name == two.name
    assert len({one.name, other.name, "organisers"}) == 3


def test_korean_names_of_a_mac_are_the_same_names(listing: Listing, write: Callable[..., Path]) -> None:
    mark = ("train/장미/1.jpg", "label_wrong", "튤립", "장미")
    composed = write("nfc.csv", mark)
    apart = write("nfd.csv", tuple(unicodedata.normalize("NFD", part) for part in mark))
    assert composed.read_bytes() != apart.read_bytes()
    first, second = (apply_corrections(listing, [file]) for file in (composed, apart))
    assert first.version.name == second.version.name
    assert name_classes(second)["train/장미/1.jpg"] == "튤립"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_files_that_went_through_a_spreadsheet_are_read(listing: Listing, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "저장.csv"
    header = "note,class_before,class_name,mark,image_id,이름"
    path.write_bytes(f"{header}\r\n메모,장미,튤립,label_wrong,train/장미/1.jpg,김\r\n".encode(encoding))
    assert name_classes(apply_corrections(listing, [path]))["train/장미/1.jpg"] == "튤립"


def test_a_later_file_takes_an_earlier_mark_back(listing: Listing, write: Callable[..., Path]) -> None:
    first = write("1.csv", ("train/장미/1.jpg", "label_wrong", "튤립", "장미"))
    back = write("2.csv", ("train/장미/1.jpg", "label_wrong", "장미", "튤립"))
    corrected = apply_corrections(listing, [first, back])
    pd.testing.assert_frame_equal(corrected.images, listing.images)
    assert corrected.version.name == "organisers"
    assert corrected.version.changes[["class_before", "class_after", "stands"]].to_numpy().tolist() == [
        ["장미", "튤립", False],
        ["튤립", "장미", True],
    ]


def test_a_later_file_brings_an_image_back_that_was_taken_out(listing: Listing, write: Callable[..., Path]) -> None:
    out = write("1.csv", ("train/장미/1.jpg", "exclude", "", "장미"))
    back = write("2.csv", ("train/장미/1.jpg", "label_wrong", "장미", "장미"))
    corrected = apply_corrections(listing, [out, back])
    assert corrected.version.name == "organisers"
    assert corrected.version.n_excluded == 0


def test_files_made_side_by_side_agree_or_the_last_one_counts_and_the_log_says_so(
    listing: Listing, write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    kim = write(
        "kim.csv", ("train/장미/1.jpg", "label_wrong", "튤립", "장미"), ("train/장미/2.jpg", "exclude", "", "장미")
    )
    lee = write(
        "lee.csv", ("train/장미/1.jpg", "label_wrong", "튤립", "장미"), ("train/장미/2.jpg", "exclude", "", "장미")
    )
    park = write(
        "park.csv",
        ("train/장미/1.jpg", "label_wrong", "daisy", "장미"),
        ("train/장미/2.jpg", "label_wrong", "튤립", "장미"),
    )
    with caplog.at_level(logging.WARNING, LOGGER):
        agreed = apply_corrections(listing, [kim, lee])
    assert "marked differently" not in caplog.text
    assert agreed.version.name == apply_corrections(listing, [kim]).version.name
    with caplog.at_level(logging.WARNING, LOGGER):
        last = apply_corrections(listing, [kim, park])
    told = "2 image(s) are marked differently by several files; the last one counts: train/장미/1.jpg, train/장미/2.jpg"
    assert told in caplog.messages
    assert name_classes(last)["train/장미/1.jpg"] == "daisy"
    assert name_classes(last)["train/장미/2.jpg"] == "튤립"


def test_a_look_that_a_later_file_answered_is_no_longer_asked_for(listing: Listing, write: Callable[..., Path]) -> None:
    look = write("1.csv", ("train/장미/1.jpg", "look_again"), ("train/장미/2.jpg", "look_again"))
    answer = write("2.csv", ("train/장미/1.jpg", "label_wrong", "튤립", "장미"))
    assert apply_corrections(listing, [look, answer]).version.n_to_look_at == 1
    assert apply_corrections(listing, [answer, look]).version.n_to_look_at == 2


def test_every_fault_of_every_file_is_listed_at_once(listing: Listing, write: Callable[..., Path]) -> None:
    first = write(
        "1.csv",
        ("train/장미/9.jpg", "exclude"),
        ("train/DAISY/1.jpg", "exclude"),
        ("train/장미/1.jpg", "wrong", "튤립"),
        ("train/장미/2.jpg", "label_wrong", "튤릿", "장미"),
        ("train/튤립/1.jpg", "label_wrong", "", "튤립"),
        ("train/튤립/2.jpg", "exclude", "장미", "튤립"),
        ("test/a.jpg", "label_wrong", "장미"),
        ("", "exclude"),
    )
    second = write(
        "2.csv",
        ("test/a.jpg", "exclude"),
        ("test/a.jpg", "look_again", "", "장미"),
        ("train/daisy/1.jpg", "exclude", "", "장미"),
        ("train/daisy/2.jpg", "label_wrong", "daisy", "daisy"),
        ("train/장미/1.jpg", "label_wrong", "튤립", "장미"),
        ("train/장미/1.jpg", "exclude", "", "장미"),
    )
    a, b = first.as_posix(), second.as_posix()
    assert sorted(find_cases(listing, first, second)) == sorted([
        f"{a} line 9: has no value for image_id; fill it in or remove the row",
        f"{a} line 2: image_id 'train/장미/9.jpg' is no image of this competition; did you mean 'train/장미/2.jpg'?",
        f"{a} line 3: image_id 'train/DAISY/1.jpg' is no image of this competition; did you mean 'train/daisy/1.jpg'?",
        f"{a} line 4: mark 'wrong' is no mark; did you mean 'label_wrong'?",
        f"{a} line 5: class_name '튤릿' is no class; allowed: daisy, 장미, 튤립",
        f"{a} line 6: image_id 'train/튤립/1.jpg' is marked label_wrong without the right class; write it as "
        "class_name",
        f"{a} line 7: class_name '장미' belongs to no mark but label_wrong; leave it empty",
        f"{a} line 8: image_id 'test/a.jpg' is a test image, which the organisers score as it is; only look_again is "
        "possible",
        f"{b} line 2: image_id 'test/a.jpg' is a test image, which the organisers score as it is; only look_again is "
        "possible",
        f"{b} line 3: class_before '장미' is not the class of 'test/a.jpg', which is none by organisers; the mark was "
        "made on other labels: look again, then correct the row or remove it",
        f"{b} line 4: class_before '장미' is not the class of 'train/daisy/1.jpg', which is 'daisy' by organisers; the "
        "mark was made on other labels: look again, then correct the row or remove it",
        f"{b} line 5: class_name 'daisy' is the class that 'train/daisy/2.jpg' has already",
        f"{b} lines 6, 7: image_id 'train/장미/1.jpg' is marked label_wrong → 튤립 and exclude; keep one",
    ])  # fmt: skip


def test_a_mark_on_labels_that_never_were_names_all_that_were(listing: Listing, write: Callable[..., Path]) -> None:
    first = write("1.csv", ("train/장미/1.jpg", "label_wrong", "튤립", "장미"))
    stale = write("2.csv", ("train/장미/1.jpg", "label_wrong", "장미", "daisy"))
    assert find_cases(listing, first, stale) == [
        f"{stale.as_posix()} line 2: class_before 'daisy' is not the class of 'train/장미/1.jpg', which is '장미' by "
        f"organisers, then '튤립' by {first.as_posix()}; the mark was made on other labels: look again, then correct "
        "the row or remove it"
    ]


def test_taking_a_mark_back_without_saying_so_is_told_how(listing: Listing, write: Callable[..., Path]) -> None:
    first = write("1.csv", ("train/장미/1.jpg", "label_wrong", "튤립", "장미"))
    again = write("2.csv", ("train/장미/1.jpg", "label_wrong", "장미", "장미"))
    assert find_cases(listing, first, again) == [
        f"{again.as_posix()} line 2: class_name '장미' is the class that 'train/장미/1.jpg' has already; to take an "
        "earlier mark back, write '튤립' as class_before"
    ]


def test_marks_of_another_competition_are_all_named_without_a_search_through_everything(
    listing: Listing, write: Callable[..., Path]
) -> None:
    foreign = write("m.csv", *((f"train/cat/{number}.png", "exclude") for number in range(5_000)))
    cases = find_cases(listing, foreign)
    assert len(cases) == 5_000
    assert cases[0].endswith("is no image of this competition; its images are named like 'test/a.jpg'")


def test_files_that_are_not_there_or_stand_twice_are_named_by_their_key(
    listing: Listing, write: Callable[..., Path], tmp_path: Path
) -> None:
    there = write("kim.csv", ("train/장미/1.jpg", "exclude"))
    cases = find_cases(listing, there, tmp_path / "kin.csv", there)
    assert cases == [
        f"competitions.꽃.corrections: '{there.as_posix()}' stands there 2 times; keep one",
        f"competitions.꽃.corrections: there is no file '{(tmp_path / 'kin.csv').as_posix()}' (looked for "
        f"{tmp_path / 'kin.csv'}); did you mean '{there.as_posix()}'?",
    ]


def test_a_file_is_found_in_the_other_unicode_form_too(listing: Listing, write: Callable[..., Path]) -> None:
    apart = write(unicodedata.normalize("NFD", "표시.csv"), ("train/장미/1.jpg", "exclude"))
    composed = apart.with_name("표시.csv")
    assert composed.name != apart.name
    version = apply_corrections(listing, [composed]).version
    assert version.n_excluded == 1
    assert version.files[0]["sha256"] == hashlib.sha256(apart.read_bytes()).hexdigest()


def test_a_folder_is_no_file(listing: Listing, tmp_path: Path) -> None:
    assert find_cases(listing, tmp_path)[0].startswith(f"{tmp_path.as_posix()}: cannot be read")


def test_a_file_may_be_a_link_to_anywhere(listing: Listing, write: Callable[..., Path], tmp_path: Path) -> None:
    file, link = write("team/kim.csv", ("train/장미/1.jpg", "exclude")), tmp_path / "here" / "kim.csv"
    link.parent.mkdir()
    link.symlink_to(file)
    assert apply_corrections(listing, [link]).version.n_excluded == 1


def test_wrong_columns_are_told_with_the_right_ones(listing: Listing, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,mark,class_name,class_before,note\na,exclude,,,\n")
    (case,) = find_cases(listing, tmp_path / "m.csv")
    assert "expected image_id,mark,class_name,class_before,note (image_id: did you mean 'image'?)" in case


def test_a_class_that_loses_its_last_image_is_logged_and_stays_a_class(
    listing: Listing, write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    file = write("m.csv", ("train/장미/1.jpg", "exclude"), ("train/장미/2.jpg", "label_wrong", "daisy"))
    with caplog.at_level(logging.WARNING):
        corrected = apply_corrections(listing, [file])
    assert caplog.messages == ["1 of 3 classes have no training image: 장미"]
    assert corrected.classes["class_name"].tolist() == ["daisy", "장미", "튤립"]


def test_a_class_that_never_had_an_image_is_not_told_of_again(
    root: Path, put: Put, write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    put("train.csv", text="ID,target\na.jpg,0\nb.jpg,1\nc.jpg,1\n")
    put("meta.csv", text="target,class_name\n0,개\n1,고양이\n2,토끼\n")
    put("train/a.jpg", "train/b.jpg", "train/c.jpg")
    listing = read_competition(IdTarget(format="id_target", root=root))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        apply_corrections(listing, [write("m.csv", ("train/b.jpg", "exclude"))])
    assert caplog.messages == []


def test_the_same_mark_twice_is_no_contradiction(listing: Listing, write: Callable[..., Path]) -> None:
    mark = ("train/장미/1.jpg", "label_wrong", "튤립", "장미")
    corrected = apply_corrections(
        listing, [write("m.csv", mark, (*mark, "merged"), ("train/장미/1.jpg", "look_again"))]
    )
    assert (corrected.version.n_relabelled, corrected.version.n_to_look_at) == (1, 1)
    assert corrected.version.changes["stands"].tolist() == [True, True, True]


def test_a_class_whose_name_ends_with_a_space_is_found(root: Path, put: Put, write: Callable[..., Path]) -> None:
    put("train/개 /1.jpg", "train/고양이/1.jpg", "train/고양이/2.jpg")
    listing = read_competition(ImageFolder(format="image_folder", root=root))
    corrected = apply_corrections(listing, [write("m.csv", ("train/고양이/1.jpg", "label_wrong", "개 ", "고양이"))])
    assert name_classes(corrected)["train/고양이/1.jpg"] == "개 "


def test_one_class_or_none_that_is_left_is_refused(listing: Listing, write: Callable[..., Path]) -> None:
    ids = list(name_classes(listing))
    roses = [image_id for image_id in ids if "장미" in image_id]
    one = write("one.csv", *((image_id, "exclude") for image_id in ids if image_id not in roses))
    none = write("none.csv", *((image_id, "exclude") for image_id in roses))
    assert find_cases(listing, one) == [f"{one.as_posix()}: all 2 images are of class '장미'; two classes are needed"]
    assert find_cases(listing, one, none) == [
        f"{one.as_posix()}, {none.as_posix()}: every training image is marked exclude; images of two classes are needed"
    ]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Listing:
    """A drawn competition of mask, gender and age."""
    drawing = DemoDrawing(n_people=20, n_test_people=2, image_size_px=32)
    root = tmp_path_factory.mktemp("사람들")
    return read_competition(MaskProfiles(format="mask_profiles", root=root, draw=drawing))


def test_relabelled_images_carry_the_attributes_of_their_class_and_no_age_of_another_band(
    people: Listing, write: Callable[..., Path]
) -> None:
    train = people.images[people.images["subset"] == "train"]
    names = people.classes["class_name"]
    rng = np.random.default_rng(5)
    chosen = train.sample(60, random_state=5)
    shift = rng.integers(1, 18, len(chosen))
    label = (chosen["label"].astype("int64") + shift) % 18
    marks = zip(chosen["image_id"], names[label], names[chosen["label"].astype("int64")], strict=True)

    corrected = apply_corrections(
        people, [write("표시.csv", *((image, "label_wrong", now, before) for image, now, before in marks))]
    ).images

    # A reference of its own: the class is mask * 6 + gender * 3 + age band, as the organisers define it.
    expected = train.set_index("image_id").copy()
    for image_id, new in zip(chosen["image_id"], label, strict=True):
        old = int(expected.loc[image_id, "label"])
        expected.loc[image_id, "label"] = new
        expected.loc[image_id, "mask"] = ["wear", "incorrect", "normal"][new // 6]
        expected.loc[image_id, "gender"] = ["male", "female"][new // 3 % 2]
        expected.loc[image_id, "age"] = ["<30", "30-59", ">=60"][new % 3]
        if old % 3 != new % 3:
            expected.loc[image_id, "age_years"] = pd.NA
    got = corrected[corrected["subset"] == "train"].set_index("image_id")
    pd.testing.assert_frame_equal(got, expected)
    assert 0 < got["age_years"].isna().sum() < 60
    assert got["group_id"].equals(train.set_index("image_id")["group_id"])


def test_targets_that_are_not_counted_from_0_are_named_by_their_class(
    root: Path, put: Put, write: Callable[..., Path]
) -> None:
    put("train.csv", text="ID,target\na.jpg,7\nb.jpg,30\nc.jpg,7\n")
    put("meta.csv", text="target,class_name\n30,고양이\n7,개\n")
    put("train/a.jpg", "train/b.jpg", "train/c.jpg")
    listing = read_competition(IdTarget(format="id_target", root=root))
    corrected = apply_corrections(listing, [write("m.csv", ("train/a.jpg", "label_wrong", "고양이", "개"))])
    assert corrected.images["label"].tolist() == [1, 1, 0]
    assert corrected.classes["target"].tolist() == [7, 30]


def test_taking_every_correction_back_gives_the_organisers_table_again(
    people: Listing, write: Callable[..., Path]
) -> None:
    names = people.classes["class_name"].tolist()
    train = people.images[people.images["subset"] == "train"].head(30)
    there = [(row.image_id, "label_wrong", names[(row.label + 1) % 18], names[row.label]) for row in train.itertuples()]
    back = [(image_id, mark, before, after) for image_id, mark, after, before in there]
    corrected = apply_corrections(people, [write("1.csv", *there), write("2.csv", *back)])
    pd.testing.assert_frame_equal(corrected.images, people.images)
    assert corrected.version.name == LabelVersion().name


def test_doubts_of_a_real_set_become_a_version(real_data_root: Path, write: Callable[..., Path]) -> None:
    listing = read_competition(IdTarget(format="id_target", root=real_data_root / "doc17_rvl_sroie"))
    classes = listing.classes["class_name"].tolist()
    train = listing.images[listing.images["subset"] == "train"].reset_index(drop=True)
    wrong, out = train.iloc[:5], train.iloc[5:8]
    marks = [(row.image_id, "label_wrong", classes[row.label - 1], classes[row.label]) for row in wrong.itertuples()]
    marks += [(row.image_id, "exclude", "", classes[row.label]) for row in out.itertuples()]
    corrected = apply_corrections(listing, [write("doc17_marks.csv", *marks)])
    expected = train.assign(label=train["label"].where(train.index >= 5, (train["label"] - 1) % len(classes)))
    expected = expected.drop(index=out.index).reset_index(drop=True)
    got = corrected.images[corrected.images["subset"] == "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(got, expected)
    assert len(corrected.images) == len(listing.images) - 3
    assert (corrected.version.n_relabelled, corrected.version.n_excluded) == (5, 3)
