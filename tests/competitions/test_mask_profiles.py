import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.listing import Attribute, Listing
from podium.competitions.mask_profiles import read_mask_profiles

Put = Callable[..., None]
FindCases = Callable[[Callable[[], Listing]], list[str]]
HEADER = "id,gender,race,age,path"
STEMS = ["incorrect_mask", "mask1", "mask2", "mask3", "mask4", "mask5", "normal"]


@pytest.mark.usefixtures("mask_profiles")
def test_whole_competition_is_read(root: Path) -> None:
    listing = read_mask_profiles(root)
    ids = [
        *("eval/images/t1.jpg", "eval/images/t2.jpg"),
        *(f"train/images/000001_male_Asian_24/{stem}.jpg" for stem in STEMS),
        *(f"train/images/000002_female_White_60/{name}" for name in ("mask3.png", "normal.JPEG")),
    ]
    images = pd.DataFrame(
        {
            "image_id": ids,
            "subset": ["test"] * 2 + ["train"] * 9,
            "path": ids,
            "label": pd.array([None, None, 6, 0, 0, 0, 0, 0, 12, 5, 17], dtype="Int64"),
            "group_id": pd.Series([None] * 2 + ["000001"] * 7 + ["000002"] * 2, dtype="str"),
            "mask": pd.Series([None] * 2 + ["incorrect", *["wear"] * 5, "normal", "wear", "normal"], dtype="str"),
            "gender": pd.Series([None] * 2 + ["male"] * 7 + ["female"] * 2, dtype="str"),
            "age": pd.Series([None] * 2 + ["<30"] * 7 + [">=60"] * 2, dtype="str"),
            "age_years": pd.array([None] * 2 + [24] * 7 + [60] * 2, dtype="Int64"),
        }
    )
    pd.testing.assert_frame_equal(listing.images, images)
    template = pd.DataFrame(
        {"image_id": ["eval/images/t2.jpg", "eval/images/t1.jpg"], "ImageID": ["t2.jpg", "t1.jpg"], "ans": [0, 0]}
    )
    pd.testing.assert_frame_equal(listing.template, template)


@pytest.mark.usefixtures("mask_profiles")
def test_classes_and_attributes_are_those_of_the_format(root: Path) -> None:
    listing = read_mask_profiles(root)
    masks, genders, ages = ("wear", "incorrect", "normal"), ("male", "female"), ("<30", "30-59", ">=60")
    assert listing.attributes == {
        "mask": Attribute(masks),
        "gender": Attribute(genders),
        "age": Attribute(ages, raw_column="age_years", edges=(30, 60)),
    }
    assert len(listing.classes) == 18
    for row in listing.classes.itertuples():
        assert (
            row.label == row.target == masks.index(row.mask) * 6 + genders.index(row.gender) * 3 + ages.index(row.age)
        )
        assert row.class_name == f"{row.mask} {row.gender} {row.age}"
    assert listing.classes["class_name"][[0, 10, 14]].tolist() == [
        "wear male <30",
        "incorrect female 30-59",
        "normal male >=60",
    ]


def test_every_age_and_gender_gets_the_label_of_the_formula(root: Path, put: Put) -> None:
    rows = [(age, gender) for age in range(121) for gender in ("male", "female")]
    names = [f"{number:06d}_{gender}_x_{age}" for number, (age, gender) in enumerate(rows)]
    lines = [f"{name[:6]},{gender},x,{age},{name}" for name, (age, gender) in zip(names, rows, strict=True)]
    put("train/train.csv", text="\n".join([HEADER, *lines]))
    put(*(f"train/images/{name}/{stem}.jpg" for name in names for stem in ("mask1", "incorrect_mask", "normal")))
    images = read_mask_profiles(root).images.set_index("image_id")
    for name, (age, gender) in zip(names, rows, strict=True):
        band = 0 if age < 30 else 1 if age < 60 else 2
        expected = [mask * 6 + (3 if gender == "female" else 0) + band for mask in range(3)]
        stems = ("mask1", "incorrect_mask", "normal")
        assert [images.at[f"train/images/{name}/{stem}.jpg", "label"] for stem in stems] == expected


@pytest.mark.usefixtures("mask_profiles")
def test_order_of_listings_does_not_matter(root: Path, shuffle_listings: Callable[[], None]) -> None:
    before = read_mask_profiles(root)
    shuffle_listings()
    after = read_mask_profiles(root)
    pd.testing.assert_frame_equal(before.images, after.images)
    pd.testing.assert_frame_equal(before.template, after.template)


def test_korean_and_decomposed_folders_meet(root: Path, put: Put) -> None:
    people = ["가나_male_한국_59", "다라_female_한국_29"]
    lines = [",".join([*person.split("_"), person]) for person in people]
    put("train/train.csv", text="\n".join([HEADER, *lines]))
    put(*(unicodedata.normalize("NFD", f"train/images/{person}/normal.jpg") for person in people))
    images = read_mask_profiles(root).images
    assert images["image_id"].tolist() == [f"train/images/{person}/normal.jpg" for person in people]
    assert images["group_id"].tolist() == ["가나", "다라"]
    assert images["label"].tolist() == [13, 15]
    assert all((root / path).is_file() for path in images["path"])


@pytest.mark.usefixtures("mask_profiles")
def test_without_answers_file_the_images_go_by_name(root: Path) -> None:
    (root / "eval/info.csv").unlink()
    template = read_mask_profiles(root).template
    assert template["ImageID"].tolist() == ["t1.jpg", "t2.jpg"]
    assert list(template.columns) == ["image_id", "ImageID", "ans"]


@pytest.mark.usefixtures("mask_profiles")
def test_test_part_may_be_absent(root: Path) -> None:
    (root / "eval").rename(root / "kept apart")
    listing = read_mask_profiles(root)
    assert len(listing.images) == 9
    assert listing.template.empty


@pytest.mark.usefixtures("mask_profiles")
def test_misspelt_test_part_is_named(root: Path, find_cases: FindCases) -> None:
    (root / "eval/info.csv").rename(root / "eval/infos.csv")
    (root / "eval/images").rename(root / "eval/image")
    expected = ["eval/: holds neither eval/info.csv nor eval/images/; add them or remove the folder"]
    assert find_cases(lambda: read_mask_profiles(root)) == expected


def test_one_class_only_is_named(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train/train.csv", text=f"{HEADER}\n1,male,x,20,1_male_x_20\n2,male,x,29,2_male_x_29\n")
    put("train/images/1_male_x_20/mask1.jpg", "train/images/2_male_x_29/mask2.jpg")
    expected = ["train/train.csv: all 2 images are of class 'wear male <30'; two classes are needed"]
    assert find_cases(lambda: read_mask_profiles(root)) == expected


def test_everything_missing_is_said_once_each(root: Path, find_cases: FindCases) -> None:
    assert find_cases(lambda: read_mask_profiles(root)) == [
        "train/train.csv: there is no such file",
        "train/images/: there is no such folder; the images belong there",
    ]


@pytest.mark.usefixtures("mask_profiles")
def test_empty_image_folder_is_one_case(root: Path, find_cases: FindCases) -> None:
    (root / "train/images").rename(root / "kept apart")
    (root / "train/images").mkdir()
    assert find_cases(lambda: read_mask_profiles(root)) == [
        "train/images/: holds no file; the images belong there",
    ]


@pytest.mark.usefixtures("mask_profiles")
def test_faults_of_every_part_come_together(root: Path, put: Put, find_cases: FindCases) -> None:
    put(
        "train/train.csv", text=f"{HEADER}\n000001,man,Asian,24,000001_male_Asian_24\n000003,male,x,4,000003_male_x_4\n"
    )
    put("train/images/000001_male_Asian_24/mask6.jpg")
    put("eval/images/t3.jpg")
    assert find_cases(lambda: read_mask_profiles(root)) == [
        "train/train.csv line 2: gender 'man' is unknown; allowed: female, male",
        "train/train.csv line 2: path '000001_male_Asian_24' says gender 'male', the column says 'man'; "
        "they must agree",
        "train/images/000001_male_Asian_24/mask6.jpg: is none of the seven images of a person; did you mean 'mask5'?",
        "train/train.csv line 3: path '000003_male_x_4': no folder train/images/000003_male_x_4/; "
        "add it or remove the row",
        "train/images/000002_female_White_60/: has no row in train/train.csv; add one or remove the folder",
        "eval/images/t3.jpg: has no row in eval/info.csv; add one or remove the image",
    ]


def test_real_set_has_the_counts_of_its_paper(real_data_root: Path) -> None:
    root = real_data_root / "mask18_ffhq_utk"
    listing = read_mask_profiles(root)
    train = listing.images[listing.images["subset"] == "train"]
    counts = [25, 76, 10, 87, 61, 3, 63, 149, 19, 151, 121, 3, 85, 85, 85, 85, 85, 85]
    assert train["label"].value_counts().sort_index().tolist() == counts
    assert train["group_id"].nunique() == 1249
    sheet = (root / "eval/info.csv").read_text().split()
    assert [f"{row.ImageID},{row.ans}" for row in listing.template.itertuples()] == sheet[1:]
    assert len(listing.template) == listing.images["subset"].eq("test").sum() == 655
    assert all((root / path).is_file() for path in listing.images["path"])
