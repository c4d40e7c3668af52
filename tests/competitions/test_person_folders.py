from collections.abc import Callable
from pathlib import Path

import pandas as pd

from podium.competitions.image_files import FolderListing, list_files
from podium.competitions.person_folders import check_folders, name_person_files

Put = Callable[..., None]
PERSON = "1_male_x_24"


def name_files(root: Path) -> tuple[pd.DataFrame, FolderListing, list[str]]:
    cases: list[str] = []
    listing = list_files(root, "images", cases)
    assert listing is not None
    return name_person_files(listing, cases), listing, cases


def check(root: Path, *paths: str) -> list[str]:
    files, listing, cases = name_files(root)
    persons = pd.DataFrame({"folder": paths, "path": paths}, index=range(2, 2 + len(paths)), dtype="str")
    check_folders(persons, listing, files, "train.csv", cases)
    return cases


def test_all_seven_files_have_their_mask_state(root: Path, put: Put) -> None:
    names = ["mask1.jpg", "mask2.png", "mask3.JPEG", "mask4.bmp", "mask5.webp", "incorrect_mask.jpg", "normal.tif"]
    put(*(f"images/{PERSON}/{name}" for name in names))
    files, _, cases = name_files(root)
    assert cases == []
    masks = dict(zip(files["name"].str.removeprefix(f"{PERSON}/"), files["mask"], strict=True))
    assert masks == {**dict.fromkeys(names[:5], "wear"), "incorrect_mask.jpg": "incorrect", "normal.tif": "normal"}
    assert files["folder"].unique().tolist() == [PERSON]


def test_other_files_are_all_listed(root: Path, put: Put) -> None:
    put(
        *(f"images/{PERSON}/{name}" for name in ("mask1.jpg", "mask6.jpg", "Normal.jpg", "x.png", "mask2", "mask3.txt"))
    )
    prefix = f"images/{PERSON}"
    assert name_files(root)[2] == [
        f"{prefix}/mask2: is no image by its name; remove it",
        f"{prefix}/mask3.txt: is no image by its name; remove it",
        f"{prefix}/Normal.jpg: is none of the seven images of a person; did you mean 'normal'?",
        f"{prefix}/mask6.jpg: is none of the seven images of a person; did you mean 'mask5'?",
        f"{prefix}/x.png: is none of the seven images of a person; "
        "allowed: incorrect_mask, mask1, mask2, mask3, mask4, mask5, normal",
    ]


def test_two_files_for_one_stem_are_named(root: Path, put: Put) -> None:
    put(*(f"images/{PERSON}/{name}" for name in ("mask1.jpg", "mask1.png", "normal.jpg")))
    put("images/2_male_x_24/mask1.jpg")
    expected = [f"images/{PERSON}/mask1.jpg, images/{PERSON}/mask1.png: 2 files for mask1; keep one"]
    assert name_files(root)[2] == expected


def test_files_outside_of_persons_folders_are_listed(root: Path, put: Put) -> None:
    put("images/mask1.jpg", f"images/{PERSON}/normal.jpg", f"images/{PERSON}/old/mask1.jpg")
    assert name_files(root)[2] == [
        "images/mask1.jpg: lies in no person's folder; move it to images/<id>_<gender>_<race>_<age>/",
        f"images/{PERSON}/old/: a folder inside a person's folder; move its images up",
    ]


def test_persons_and_folders_that_do_not_meet_are_all_listed(root: Path, put: Put) -> None:
    put(f"images/{PERSON}/normal.jpg", "images/3_male_x_1/normal.jpg", "images/odd name/normal.jpg")
    assert check(root, PERSON, "4_male_x_1", "5_male_x_1") == [
        "train.csv line 3: path '4_male_x_1': no folder images/4_male_x_1/; add it or remove the row",
        "train.csv line 4: path '5_male_x_1': no folder images/5_male_x_1/; add it or remove the row",
        "images/3_male_x_1/: has no row in train.csv; add one or remove the folder",
        "images/odd name/: has no row in train.csv (the form is <id>_<gender>_<race>_<age>); "
        "add one or remove the folder",
    ]


def test_folder_without_images_is_named(root: Path, put: Put) -> None:
    put(f"images/{PERSON}/normal.jpg", "images/2_male_x_24/.DS_Store")
    expected = "images/2_male_x_24/: holds no image; add images or remove the folder and its row"
    assert check(root, PERSON, "2_male_x_24") == [expected]


def test_refused_folder_is_not_called_empty(root: Path, put: Put) -> None:
    put(f"images/{PERSON}/normal.jpg", "../elsewhere/normal.jpg")
    (root / "images/2_male_x_24").symlink_to(root.parent / "elsewhere")
    cases = check(root, PERSON, "2_male_x_24")
    assert len(cases) == 1
    assert cases[0].startswith("images/2_male_x_24/: a link leads to ")


def test_escaping_and_blank_paths_are_left_to_the_reader_of_rows(root: Path, put: Put) -> None:
    put(f"images/{PERSON}/normal.jpg")
    assert check(root, PERSON, "../x", "") == []
