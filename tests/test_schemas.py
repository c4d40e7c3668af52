"""Right tables pass unchanged; everything wrong with a table is said at once."""

from collections.abc import Callable

import pandas as pd
import pytest

from podium.errors import InputError
from podium.schemas import check_classes, check_folds, check_images, check_targets, check_variants


def make_images() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image_id": ["test/다.jpg", "train/가.jpg", "train/나.jpg"],
            "subset": ["test", "train", "train"],
            "path": ["test/다.jpg", "train/가.jpg", "train/나.jpg"],
            "label": pd.array([None, 0, 1], dtype="Int64"),
            "group_id": [None, "사람1", "사람2"],
            "sha256": ["aa", "bb", "cc"],
            "perceptual_hash": ["0" * 64, "1" * 64, "2" * 64],
            "width_px": [4, 5, 6],
            "height_px": [4, 5, 6],
            "n_bytes": [10, 11, 12],
        }
    )


def make_classes() -> pd.DataFrame:
    return pd.DataFrame({"label": [0, 1], "class_name": ["마스크 착용", "미착용"], "target": [7, 3]})


FOLDS = pd.DataFrame({"image_id": ["가", "나"], "fold": [0, 1]})
TARGETS = pd.DataFrame({"image_id": ["가", "나"], "label": [0, 1], "training_label": [1, 1]})
VARIANTS = pd.DataFrame({"image_id": ["가", "나"], "n_variants": [1, 5]})
RIGHT: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], pd.DataFrame]] = [
    (check_images, make_images()),
    (check_classes, make_classes()),
    (check_folds, FOLDS),
    (check_targets, TARGETS),
    (check_variants, VARIANTS),
]


def list_cases(check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame) -> list[str]:
    with pytest.raises(InputError) as error:
        check(table)
    assert error.value.heading == f"The table '{check.__name__.removeprefix('check_')}' is wrong:"
    return error.value.cases


@pytest.mark.parametrize(("check", "table"), RIGHT)
def test_a_right_table_comes_back_as_it_is(check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame) -> None:
    before = table.copy()
    assert check(table) is table
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(("check", "table"), RIGHT)
def test_further_columns_are_welcome(check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame) -> None:
    assert "나이" in check(table.assign(나이="젊음"))


@pytest.mark.parametrize(("check", "table"), RIGHT)
def test_an_empty_table_of_any_types_is_right(
    check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame
) -> None:
    empty = pd.DataFrame({name: pd.Series(dtype="float64") for name in table})
    assert check(empty) is empty


@pytest.mark.parametrize(("check", "table"), RIGHT)
def test_every_missing_column_is_named(check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame) -> None:
    cases = list_cases(check, table.rename(columns={name: f"{name}_" for name in table}))
    assert sorted(case.split(":")[0] for case in cases) == sorted(table)
    assert all("there is no such column among" in case and f"{table.columns[0]}_" in case for case in cases)


@pytest.mark.parametrize(("check", "table"), RIGHT)
def test_every_column_of_another_kind_is_named_with_its_type(
    check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame
) -> None:
    wrong = pd.DataFrame({name: [0.5] * len(table) for name in table})
    cases = list_cases(check, wrong)
    assert sorted(case.split(":")[0] for case in cases) == sorted(table)
    assert all("float64, not " in case for case in cases)


def test_doubled_images_are_all_named() -> None:
    images = make_images().assign(image_id=["x", "x", "x"])
    assert list_cases(check_images, images).count("image_id: 'x' stands twice") == 2


def test_doubled_paths_are_named() -> None:
    images = make_images().assign(path=["a", "같음", "같음"])
    assert list_cases(check_images, images) == ["path: '같음' stands twice"]


def test_unknown_subset_is_named() -> None:
    images = make_images().assign(subset=["test", "train", "valid"])
    assert "subset: 'valid' is neither train nor test" in list_cases(check_images, images)


def test_each_training_image_without_label_or_group_is_named() -> None:
    images = make_images()
    images.loc[[1, 2], "label"] = pd.NA
    images.loc[2, "group_id"] = None
    assert list_cases(check_images, images) == [
        "label of train/가.jpg: training images have one, test images have none",
        "label of train/나.jpg: training images have one, test images have none",
        "group_id of train/나.jpg: training images have one, test images have none",
    ]


def test_test_image_with_label_is_named() -> None:
    images = make_images().assign(label=pd.array([1, 0, 1], dtype="Int64"))
    assert list_cases(check_images, images) == ["label of test/다.jpg: training images have one, test images have none"]


@pytest.mark.parametrize("labels", [[1, 0], [0, 2], [1, 2]])
def test_labels_of_classes_have_to_run_from_0(labels: list[int]) -> None:
    cases = list_cases(check_classes, make_classes().assign(label=labels))
    assert f"label: {labels}, not 0 to 1 in order" in cases


def test_doubled_classes_are_named() -> None:
    classes = pd.DataFrame({"label": [0, 0], "class_name": ["개", "개"], "target": [3, 3]})
    assert list_cases(check_classes, classes) == [
        "label: '0' stands twice",
        "class_name: '개' stands twice",
        "target: '3' stands twice",
        "label: [0, 0], not 0 to 1 in order",
    ]


@pytest.mark.parametrize(
    ("check", "table"), [(check_folds, FOLDS), (check_targets, TARGETS), (check_variants, VARIANTS)]
)
def test_doubled_rows_are_named(check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame) -> None:
    assert list_cases(check, pd.concat([table, table])) == [
        "image_id: '가' stands twice",
        "image_id: '나' stands twice",
    ]


@pytest.mark.parametrize(
    ("check", "table", "column", "least"),
    [
        (check_folds, FOLDS, "fold", 0),
        (check_targets, TARGETS, "label", 0),
        (check_targets, TARGETS, "training_label", 0),
        (check_variants, VARIANTS, "n_variants", 1),
    ],
)
def test_every_number_that_is_too_small_is_named(
    check: Callable[[pd.DataFrame], pd.DataFrame], table: pd.DataFrame, column: str, least: int
) -> None:
    cases = list_cases(check, table.assign(**{column: [least - 1, least - 2]}))
    assert cases == [
        f"{column} of 가: {least - 1}, less than {least}",
        f"{column} of 나: {least - 2}, less than {least}",
    ]
