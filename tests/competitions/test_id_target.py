import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from podium.competitions.id_target import read_id_target
from podium.competitions.listing import Listing

Put = Callable[..., None]
FindCases = Callable[[Callable[[], Listing]], list[str]]
pytestmark = pytest.mark.usefixtures("id_target")


def test_whole_competition_is_read(root: Path) -> None:
    listing = read_id_target(root)
    images = pd.DataFrame(
        {
            "image_id": ["test/y.jpg", "test/z.jpg", "train/a.jpg", "train/b.jpg", "train/c.png"],
            "subset": ["test", "test", "train", "train", "train"],
            "path": ["test/y.jpg", "test/z.jpg", "train/a.jpg", "train/b.jpg", "train/c.png"],
            "label": pd.array([None, None, 0, 1, 1], dtype="Int64"),
            "group_id": pd.Series([None, None, "train/a.jpg", "train/b.jpg", "train/c.png"], dtype="str"),
        }
    )
    pd.testing.assert_frame_equal(listing.images, images)
    classes = pd.DataFrame({"label": [0, 1], "class_name": ["고양이", "dog"], "target": [0, 1]})
    pd.testing.assert_frame_equal(listing.classes, classes)
    template = pd.DataFrame({"image_id": ["test/z.jpg", "test/y.jpg"], "ID": ["z.jpg", "y.jpg"], "target": [0, 0]})
    pd.testing.assert_frame_equal(listing.template, template)
    assert listing.attributes == {}


def test_order_of_listings_and_rows_does_not_matter(root: Path, put: Put, shuffle_listings: Callable[[], None]) -> None:
    before = read_id_target(root)
    put("train.csv", text="ID,target\nc.png,1\nb.jpg,1\na.jpg,0\n")
    put("meta.csv", text="target,class_name\n1,dog\n0,고양이\n")
    shuffle_listings()
    after = read_id_target(root)
    pd.testing.assert_frame_equal(before.images, after.images)
    pd.testing.assert_frame_equal(before.classes, after.classes)
    pd.testing.assert_frame_equal(before.template, after.template)


@pytest.mark.parametrize("targets", [(5, 2), (-1, -7), (10**18 - 1, 10**18 - 2)])
def test_labels_count_the_targets_in_ascending_order(root: Path, put: Put, targets: tuple[int, int]) -> None:
    high, low = targets
    put("meta.csv", text=f"target,class_name\n{high},high\n{low},low\n")
    put("train.csv", text=f"ID,target\na.jpg,{high}\nb.jpg,{low}.0\nc.png,{high}\n")
    listing = read_id_target(root)
    assert listing.classes["target"].tolist() == [low, high]
    assert listing.classes["class_name"].tolist() == ["low", "high"]
    labels = listing.images.dropna(subset="label").set_index("image_id")["label"]
    assert labels.to_dict() == {"train/a.jpg": 1, "train/b.jpg": 0, "train/c.png": 1}


def test_without_class_names_the_targets_name_the_classes(root: Path, put: Put) -> None:
    (root / "meta.csv").unlink()
    put("train.csv", text="ID,target\nb.jpg,10\na.jpg,9\nc.png,10.0\n")
    classes = read_id_target(root).classes
    assert classes["class_name"].tolist() == ["9", "10"]
    assert classes["target"].tolist() == [9, 10]


def test_group_column_names_the_groups(root: Path, put: Put) -> None:
    put("train.csv", text="ID,target,스캔\nb.jpg,1,NA\na.jpg,0,NA\nc.png,1,007\n")
    images = read_id_target(root, group_column=unicodedata.normalize("NFD", "스캔")).images.dropna(subset="label")
    assert images["group_id"].tolist() == ["NA", "NA", "007"]


def test_missing_group_column_is_named_with_the_nearest(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train.csv", text="ID,target,scan_id\nb.jpg,1,1\na.jpg,0,1\nc.png,1,2\n")
    cases = find_cases(lambda: read_id_target(root, group_column="scanid"))
    expected = "expected ID,target,scanid (scanid: did you mean 'scan_id'?)"
    assert cases == [f"train.csv: has the columns ID,target,scan_id, {expected}"]


def test_test_part_may_be_absent(root: Path) -> None:
    for name in ("test/y.jpg", "test/z.jpg", "sample_submission.csv"):
        (root / name).unlink()
    (root / "test").rmdir()
    listing = read_id_target(root)
    assert listing.images["subset"].eq("train").all()
    assert listing.template.empty
    assert list(listing.template.columns) == ["image_id", "ID", "target"]


def test_korean_and_decomposed_names_meet(root: Path, put: Put) -> None:
    put(unicodedata.normalize("NFD", "train/사진.jpg"), unicodedata.normalize("NFD", "test/시험.jpg"))
    put("train.csv", text="ID,target\nb.jpg,1\na.jpg,0\nc.png,1\n사진.jpg,0\n")
    put("sample_submission.csv", text="ID,target\nz.jpg,0\ny.jpg,7\n시험.jpg,0\n")
    listing = read_id_target(root)
    assert {"train/사진.jpg", "test/시험.jpg"} <= set(listing.images["image_id"])
    assert all((root / path).is_file() for path in listing.images["path"])


def test_labels_that_are_no_integers_are_all_listed(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train.csv", text="ID,target\na.jpg,cat\nb.jpg,0.5\nc.png,dog\n")
    put("meta.csv", text="target,class_name\n0,고양이\n1,dog\n")
    assert find_cases(lambda: read_id_target(root)) == [
        "train.csv line 2: target 'cat' is no integer; write the class's number, such as 0",
        "train.csv line 3: target '0.5' is no integer; write the class's number, such as 0",
        "train.csv line 4: target 'dog' is a class's name; write its number, 1",
    ]


def test_labels_that_are_no_integers_are_listed_without_class_names(
    root: Path, put: Put, find_cases: FindCases
) -> None:
    (root / "meta.csv").unlink()
    put("train.csv", text="ID,target\na.jpg,cat\nb.jpg,1\nc.png,cat\n")
    expected = "train.csv lines 2, 4: target 'cat' is no integer; write the class's number, such as 0"
    assert find_cases(lambda: read_id_target(root)) == [expected]


def test_missing_labels_are_all_listed_once(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train.csv", text="ID,target\na.jpg,\nb.jpg,1\nc.png,  \n")
    assert find_cases(lambda: read_id_target(root)) == [
        "train.csv line 2: has no value for target; fill it in or remove the row",
        "train.csv line 4: has no value for target; fill it in or remove the row",
    ]


@pytest.mark.parametrize(("other", "known"), [("1", "0 to 1"), ("7", "0, 7")])
def test_unknown_labels_are_all_listed(root: Path, put: Put, find_cases: FindCases, other: str, known: str) -> None:
    put("meta.csv", text=f"target,class_name\n0,고양이\n{other},dog\n")
    put("train.csv", text=f"ID,target\na.jpg,17\nb.jpg,{other}\nc.png,-1\n")
    assert (
        find_cases(lambda: read_id_target(root))
        == [
            f"train.csv line 4: target '-1' is not in meta.csv, which has {known}",
            f"train.csv line 2: target '17' is not in meta.csv, which has {known}",
        ][::-1]
    )


def test_faults_of_the_class_names_are_all_listed(root: Path, put: Put, find_cases: FindCases) -> None:
    put("meta.csv", text="target,class_name\n0,고양이\n1,dog\n1.0,cow\nx,hen\n2,dog\n3,\n")
    assert find_cases(lambda: read_id_target(root)) == [
        "meta.csv line 7: has no value for class_name; fill it in or remove the row",
        "meta.csv line 5: target 'x' is no integer; write the class's number, such as 0",
        "meta.csv lines 3, 4: target '1' occurs more than once; keep one row",
        "meta.csv lines 3, 6: class_name 'dog' occurs more than once; keep one row",
    ]


def test_one_class_only_is_named(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train.csv", text="ID,target\na.jpg,1\nb.jpg,1\nc.png,1\n")
    expected = ["train.csv: all 3 images are of class 'dog'; two classes are needed"]
    assert find_cases(lambda: read_id_target(root)) == expected


def test_everything_missing_is_said_once_each(root: Path, find_cases: FindCases) -> None:
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert find_cases(lambda: read_id_target(root)) == [
        "train.csv: there is no such file",
        "train/: there is no such folder; the images belong there",
    ]


def test_faults_of_every_kind_and_file_come_together(root: Path, put: Put, find_cases: FindCases) -> None:
    put("train.csv", text="ID,target\na.jpg,9\na.jpg,0\n../meta.csv,1\nb.jpg,1\n/x,\ngone.jpg,1\n")
    put("sample_submission.csv", text="ID,answer\ny.jpg,0\n")
    put("meta.csv", text="target,class_name\n0,고양이\n1,고양이\n")
    (root / "train/linked.jpg").symlink_to("/etc/hostname")
    cases = find_cases(lambda: read_id_target(root))
    assert sorted(cases) == sorted(
        [
            "train/linked.jpg: a link leads to /etc/hostname, outside of the competition's root; "
            "put the files themselves there",
            "train.csv line 6: has no value for target; fill it in or remove the row",
            "train.csv lines 2, 3: ID 'a.jpg' occurs more than once; keep one row",
            "train.csv line 4: ID '../meta.csv' leaves the folder; give a path below train/",
            "train.csv line 6: ID '/x' leaves the folder; give a path below train/",
            "train.csv line 2: target '9' is not in meta.csv, which has 0 to 1",
            "train.csv line 7: ID 'gone.jpg': no file train/gone.jpg; add the file or remove the row",
            "train/c.png: has no row in train.csv; add one or remove the image",
            "train/linked.jpg: has no row in train.csv; add one or remove the image",
            "meta.csv lines 2, 3: class_name '고양이' occurs more than once; keep one row",
            "sample_submission.csv: has the columns ID,answer, expected exactly ID,target",
        ]
    )


def test_long_lists_are_not_cut(root: Path, put: Put, find_cases: FindCases) -> None:
    put(*(f"train/extra{number:04d}.jpg" for number in range(1500)))
    cases = find_cases(lambda: read_id_target(root))
    expected = {f"train/extra{n:04d}.jpg: has no row in train.csv; add one or remove the image" for n in range(1500)}
    assert set(cases) == expected


@pytest.mark.parametrize(
    ("name", "counts", "n_test"),
    [
        ("mask3_real", [500, 48, 106], 360),
        ("doc17_rvl_sroie", [10, 10, 8, 8, 7, 10, 9, 8, 11, 8, 10, 9, 10, 10, 9, 10, 24], 115),
        ("fashion_mnist_5k", [500] * 10, 2000),
        ("cifar10_4k", [400] * 10, 846),
    ],
)
def test_real_sets_have_the_counts_of_their_papers(
    real_data_root: Path, name: str, counts: list[int], n_test: int
) -> None:
    listing = read_id_target(real_data_root / name)
    train = listing.images[listing.images["subset"] == "train"]
    assert train["label"].value_counts().sort_index().tolist() == counts
    sheet = (real_data_root / name / "sample_submission.csv").read_text().split()
    assert [f"{row.ID},{row.target}" for row in listing.template.itertuples()] == sheet[1:]
    assert len(listing.template) == listing.images["subset"].eq("test").sum() == n_test
    assert all((real_data_root / name / path).is_file() for path in listing.images["path"])


def test_real_classes_have_the_names_of_their_papers(real_data_root: Path) -> None:
    classes = read_id_target(real_data_root / "mask3_real").classes
    assert classes["class_name"].tolist() == ["with_mask", "mask_weared_incorrect", "without_mask"]
