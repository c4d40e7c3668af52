import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.image_folder import read_image_folder
from podium.competitions.listing import Listing

Put = Callable[..., None]
FindCases = Callable[[Callable[[], Listing]], list[str]]
pytestmark = pytest.mark.usefixtures("image_folder")


def test_whole_competition_is_read(root: Path) -> None:
    listing = read_image_folder(root)
    ids = ["test/a.jpg", "test/b.jpg", "train/daisy/1.jpg", "train/장미/1.jpg", "train/장미/2.png"]
    images = pd.DataFrame(
        {
            "image_id": ids,
            "subset": ["test", "test", "train", "train", "train"],
            "path": ids,
            "label": pd.array([None, None, 0, 1, 1], dtype="Int64"),
            "group_id": pd.Series([None, None, *ids[2:]], dtype="str"),
        }
    )
    pd.testing.assert_frame_equal(listing.images, images)
    classes = pd.DataFrame({"label": [0, 1], "class_name": ["daisy", "장미"], "target": [0, 1]})
    pd.testing.assert_frame_equal(listing.classes, classes)
    template = pd.DataFrame({"image_id": ids[:2], "ID": ["a.jpg", "b.jpg"], "target": [0, 0]})
    pd.testing.assert_frame_equal(listing.template, template)
    assert listing.attributes == {}


def test_order_of_listings_does_not_matter(root: Path, shuffle_listings: Callable[[], None]) -> None:
    before = read_image_folder(root)
    shuffle_listings()
    after = read_image_folder(root)
    pd.testing.assert_frame_equal(before.images, after.images)
    pd.testing.assert_frame_equal(before.classes, after.classes)
    pd.testing.assert_frame_equal(before.template, after.template)


def test_sheet_gives_columns_and_order(root: Path, put: Put) -> None:
    put("sample_submission.csv", text="filename,label\nb.jpg,x\na.jpg,y\n")
    template = read_image_folder(root).template
    expected = {"image_id": ["test/b.jpg", "test/a.jpg"], "filename": ["b.jpg", "a.jpg"], "label": [0, 0]}
    assert template.to_dict("list") == expected


def test_decomposed_class_names_are_composed(root: Path, put: Put) -> None:
    put(unicodedata.normalize("NFD", "train/민들레/1.jpg"))
    listing = read_image_folder(root)
    assert listing.classes["class_name"].tolist() == ["daisy", "민들레", "장미"]
    assert "train/민들레/1.jpg" in set(listing.images["image_id"])
    assert all((root / path).is_file() for path in listing.images["path"])


def test_test_part_may_be_absent(root: Path) -> None:
    for name in ("test/a.jpg", "test/b.jpg"):
        (root / name).unlink()
    (root / "test").rmdir()
    listing = read_image_folder(root)
    assert len(listing.images) == 3
    assert listing.template.empty


def test_faults_of_every_kind_come_together(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train/loose.jpg", "train/daisy/notes.txt", "train/daisy/more/3.jpg", "train/tulip/.DS_Store", "test/x.csv")
    (root / "train/iris").symlink_to(root.parent)
    assert sorted(find_cases(lambda: read_image_folder(root))) == sorted(
        [
            f"train/iris/: a link leads to {root.parent}, outside of the competition's root; "
            "put the files themselves there",
            "train/loose.jpg: lies in no class's folder; move it to train/<class name>/ or remove it",
            "train/daisy/more/: a folder inside a class's folder; images lie in train/<class name>/ itself",
            "train/tulip/: holds no image; add images of this class or remove the folder",
            "train/daisy/notes.txt: is no image by its name; remove it",
            "test/x.csv: is no image by its name; remove it",
        ]
    )


def test_one_class_only_is_named(root: Path, find_cases: FindCases) -> None:
    (root / "train/daisy/1.jpg").unlink()
    (root / "train/daisy").rmdir()
    expected = ["train/: all 2 images are of class '장미'; two classes are needed"]
    assert find_cases(lambda: read_image_folder(root)) == expected


def test_missing_and_empty_training_folder_are_named(root: Path, find_cases: FindCases) -> None:
    (root / "train").rename(root / "old")
    assert find_cases(lambda: read_image_folder(root)) == ["train/: there is no such folder; the images belong there"]
    (root / "train/daisy").mkdir(parents=True)
    assert find_cases(lambda: read_image_folder(root)) == ["train/: holds no file; the images belong there"]


def test_test_images_and_sheet_must_meet(root: Path, put: Put, find_cases: FindCases) -> None:
    put("sample_submission.csv", text="ID,target\na.jpg,0\nc.jpg,0\n")
    assert find_cases(lambda: read_image_folder(root)) == [
        "sample_submission.csv line 3: ID 'c.jpg': no file test/c.jpg; add the file or remove the row",
        "test/b.jpg: has no row in sample_submission.csv; add one or remove the image",
    ]
