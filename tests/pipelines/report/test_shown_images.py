import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.report.drawn_members import GOOD, make_reported
from podium.pipelines.report.shown_images import (
    choose_images,
    find_original,
    list_images,
    name_folders,
    spread_over_images,
)

N_TRAIN, N_TEST = 60, 30


def make_table() -> tuple[pd.DataFrame, np.ndarray]:
    """Draw images of both subsets, in no order, and what is said of all but the last two of training."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "image_id": [f"사진{i:03d}" for i in rng.permutation(N_TRAIN + N_TEST)],
            "subset": ["train"] * N_TRAIN + ["test"] * N_TEST,
            "label": pd.array([*rng.integers(0, 3, N_TRAIN), *[None] * N_TEST], dtype="Int64"),
        }
    )
    said = rng.dirichlet(np.ones(3), N_TRAIN + N_TEST).astype(np.float32)
    said[N_TRAIN - 2 : N_TRAIN] = np.nan
    return table, said


def test_all_images_are_shown_where_there_is_room() -> None:
    table, said = make_table()
    assert choose_images(table, said, set(), N_TRAIN + N_TEST).all()


def test_mistakes_and_suspects_come_first_then_both_subsets_in_proportion() -> None:
    table, said = make_table()
    labels = table["label"].fillna(-1).to_numpy(np.int64)
    is_wrong = (labels >= 0) & ~np.isnan(said[:, 0]) & (np.nan_to_num(said).argmax(axis=1) != labels)
    suspects = set(table.loc[(labels >= 0) & ~is_wrong, "image_id"].head(4))
    is_first = is_wrong | table["image_id"].isin(suspects).to_numpy()
    n_first, n_other_train = int(is_first.sum()), N_TRAIN - int(is_first.sum())
    room = n_first + (n_other_train + N_TEST) // 2
    chosen = choose_images(table, said, suspects, room).to_numpy()
    assert chosen.sum() == room
    assert chosen[is_first].all()
    is_test = (table["subset"] == "test").to_numpy()
    assert chosen[is_test].sum() == pytest.approx(N_TEST / 2, abs=1)
    top = np.sort(said, axis=1)
    leads = top[:, -1] - top[:, -2]
    assert leads[is_test & chosen].max() <= leads[is_test & ~chosen].min()
    assert not chosen[N_TRAIN - 2 : N_TRAIN].any()  # nothing is said of these


def test_of_too_many_mistakes_the_largest_losses_stay() -> None:
    table, said = make_table()
    chosen = choose_images(table, said, set(), 5).to_numpy()
    labels = table["label"].fillna(0).to_numpy(np.int64)
    chances = np.where(table["subset"] == "train", said[np.arange(len(said)), labels], np.nan)
    is_wrong = (np.nan_to_num(said).argmax(axis=1) != labels) & ~np.isnan(chances)
    assert sorted(chances[chosen]) == sorted(chances[is_wrong])[:5]


def test_choice_does_not_depend_on_the_order_of_images() -> None:
    table, said = make_table()
    order = np.random.default_rng(1).permutation(len(table))
    chosen = choose_images(table, said, set(), 40)
    shuffled = choose_images(table.iloc[order].reset_index(drop=True), said[order], set(), 40)
    assert set(table.loc[chosen, "image_id"]) == set(table.iloc[order]["image_id"][shuffled.to_numpy()])


def test_what_is_said_stands_beside_its_image_and_nothing_beside_others() -> None:
    reported = make_reported()
    members = reported.members
    ids = pd.Series([members.test_ids[3], "unknown", members.images["image_id"][5]])
    spread = spread_over_images(reported, GOOD, ids)
    assert spread.dtype == np.float32
    np.testing.assert_array_equal(spread[0], reported.get_test(GOOD)[3])
    assert np.isnan(spread[1]).all()
    np.testing.assert_array_equal(spread[2], reported.get_oof(GOOD)[5])


def test_images_are_listed_by_id_with_the_fold_that_held_them_out() -> None:
    images = pd.DataFrame(
        {
            "image_id": ["나", "다", "가"], "subset": ["train", "test", "train"], "path": ["b", "c", "a"],
            "label": pd.array([1, None, 0], dtype="Int64"), "group_id": ["q", None, "p"], "sha256": ["2", "3", "1"],
        }
    )  # fmt: skip
    table = list_images(images, pd.DataFrame({"image_id": ["나"], "fold": [2]}))
    assert table["image_id"].tolist() == ["가", "나", "다"]
    assert table["fold"].tolist() == [pd.NA, 2, pd.NA] and table["fold"].dtype == "Int64"


def test_original_is_found_from_the_page(tmp_path: Path) -> None:
    root, page_dir = tmp_path / "원본 자료", tmp_path / "data" / "08"
    found = find_original(page_dir, root, "train/가 나.jpg")
    assert found == "../../원본 자료/train/가 나.jpg"
    assert Path(os.path.normpath(page_dir / found)) == root / "train/가 나.jpg"
    assert find_original(None, root, "train/가.jpg") == ""


def test_original_on_another_drive_has_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", refuse)
    assert find_original(Path("page"), Path("root"), "a.jpg") == ""


def test_pairs_of_classes_whose_folders_would_be_called_alike_have_two() -> None:
    names = ["a", "b_as_c", "a_as_b", "c"]
    folders = name_folders(np.array([0, 2, 0, 2]), np.array([1, 3, 1, 2]), names)
    assert folders[0] == folders[2] == "a_as_b_as_c"
    assert len(set(folders)) == 3 and folders[3] == "a_as_b_as_a_as_b"
