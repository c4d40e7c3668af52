"""A handed-over member is taken as it is meant, or refused with everything that is wrong with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from podium.errors import InputError
from podium.teammates.members import Expected, HandedOverMember, inspect_members, read_members

FOLDS = pd.DataFrame({"image_id": ["train/가.jpg", "train/나.jpg", "train/다.jpg"], "fold": [0, 1, 0]})
TEMPLATE = pd.DataFrame({"image_id": ["test/b.jpg", "test/a.jpg"], "ID": ["b.jpg", "a.jpg"], "target": [0, 0]})
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["개", "새"], "target": [5, 3]})
EXPECTED = Expected(FOLDS, pd.Series(["test/a.jpg", "test/b.jpg"]), TEMPLATE, CLASSES, "0123456789ab", "ba9876543210")
OOF = pd.DataFrame({"image_id": FOLDS["image_id"], "개": [0.25, 0.5, 1.0], "새": [0.75, 0.5, 0.0]})
TEST = pd.DataFrame({"ID": ["b.jpg", "a.jpg"], "p_1": [1.0, 0.25], "p_0": [0.0, 0.75]})
CARD = "split_digest: 0123456789ab\n"


def put(
    folder: Path, name: str, card: str | None = CARD, oof: pd.DataFrame = OOF, test: pd.DataFrame | None = TEST
) -> None:
    place = folder / name
    place.mkdir()
    if card is not None:
        (place / "member.yml").write_text(card, encoding="utf-8")
    oof.to_csv(place / "oof.csv", index=False)
    if test is not None:
        test.to_parquet(place / "test_probabilities.parquet", index=False)


def list_cases(folder: Path, expected: Expected = EXPECTED) -> list[str]:
    with pytest.raises(InputError, match="handed over are refused") as error:
        read_members(folder, expected)
    return error.value.cases


def read_one(folder: Path, expected: Expected = EXPECTED) -> HandedOverMember:
    (member,) = read_members(folder, expected)
    return member


def test_member_is_laid_over_the_wanted_images_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    put(tmp_path, "민수", oof=OOF.iloc[[2, 0, 1]])
    member = read_one(tmp_path)
    assert member.name == "민수"
    assert member.oof.dtype == member.test.dtype == np.float32
    np.testing.assert_allclose(member.oof, [[0.25, 0.75], [0.5, 0.5], [1, 0]])
    np.testing.assert_allclose(member.test, [[0.75, 0.25], [0, 1]])


def test_wanted_order_decides(tmp_path: Path) -> None:
    put(tmp_path, "a")
    turned = replace(EXPECTED, folds=FOLDS.iloc[::-1], test_ids=EXPECTED.test_ids[::-1])
    np.testing.assert_array_equal(read_one(tmp_path, turned).oof, read_one(tmp_path).oof[::-1])
    np.testing.assert_array_equal(read_one(tmp_path, turned).test, read_one(tmp_path).test[::-1])


def test_test_images_may_be_named_by_image_id(tmp_path: Path) -> None:
    put(tmp_path, "a", test=TEST.assign(image_id="test/" + TEST["ID"]).drop(columns="ID"))
    np.testing.assert_allclose(read_one(tmp_path).test, [[0.75, 0.25], [0, 1]])


def test_wrong_digests_are_refused_naming_both_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "a", "split_digest: 111111111111\ncontent_digest: '222222222222'\n", OOF.iloc[:1])
    cases = list_cases(tmp_path)
    assert [case.split(":")[0] for case in cases] == ["a/member.yml", "a/member.yml"]
    assert "split_digest 111111111111 is not 0123456789ab" in cases[0]
    assert "content_digest 222222222222 is not ba9876543210" in cases[1]


@pytest.mark.parametrize("digest", ["012345670123", "123456789012", "1e2345678901", "0x1234567890"])
def test_digest_that_looks_like_a_number_stays_text(tmp_path: Path, digest: str) -> None:
    put(tmp_path, "a", f"split_digest: {digest}\ncontent_digest: ba9876543210\n")
    assert read_one(tmp_path, replace(EXPECTED, split_digest=digest)).name == "a"


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (None, "there is no such file; it holds the line 'split_digest: …'"),
        ("", "is no short list of keys and values; it holds the line 'split_digest: …'"),
        ("- a\n", "is no short list of keys and values; it holds the line 'split_digest: …'"),
        ("content_digest: ba9876543210\n", "split_digest is missing; write that of the folds which it was trained on"),
        ("split_digest: [1\n", "cannot be read ("),
        (CARD + "splitt: 3\n", "there is no such key as 'splitt'; "),
        (CARD + "a: !!python/object/apply:os.getcwd []\n", "there is no such key as 'a'; "),
    ],
)
def test_card_that_says_too_little_or_too_much_is_named(tmp_path: Path, card: str | None, told: str) -> None:
    put(tmp_path, "a", card)
    (case,) = list_cases(tmp_path)
    assert case.startswith(f"a/member.yml: {told}")


def test_oof_has_to_cover_exactly_the_held_out_images(tmp_path: Path) -> None:
    put(tmp_path, "a", oof=OOF.assign(image_id=["train/가.jpg", "train/가.jpg", "train/x.png"]))
    assert list_cases(tmp_path) == [
        "a/oof.csv line 4: image_id 'train/x.png' is unknown; did you mean 'train/다.jpg'?",
        "a/oof.csv lines 2, 3: image_id 'train/가.jpg' occurs more than once; keep one row",
        "a/oof.csv: image_id 'train/나.jpg' is missing; add its row",
        "a/oof.csv: image_id 'train/다.jpg' is missing; add its row",
    ]


def test_fold_that_is_not_the_present_one_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a", oof=OOF.assign(fold=[0, 1, 0]))
    assert read_one(tmp_path).name == "a"
    put(tmp_path, "b", oof=OOF.assign(fold=[0, 0, "x"]).iloc[::-1])
    assert list_cases(tmp_path) == [
        "b/oof.csv line 3: 'train/나.jpg' is of fold 1, not 0",
        "b/oof.csv line 2: 'train/다.jpg' is of fold 0, not x",
    ]


def test_image_that_could_not_be_read_may_be_answered_or_not(tmp_path: Path) -> None:
    fewer = replace(EXPECTED, test_ids=pd.Series(["test/a.jpg"]))
    put(tmp_path, "a")
    put(tmp_path, "b", test=TEST.iloc[1:])
    for member in read_members(tmp_path, fewer):
        np.testing.assert_allclose(member.test, [[0.75, 0.25]])
    assert list_cases(tmp_path) == ["b/test_probabilities.parquet: ID 'b.jpg' is missing; add its row"]


def test_competition_without_a_test_part_wants_no_test_probabilities(tmp_path: Path) -> None:
    put(tmp_path, "a", test=None)
    empty = replace(EXPECTED, test_ids=EXPECTED.test_ids[:0], submission_template=TEMPLATE[:0])
    assert read_one(tmp_path, empty).test.shape == (0, 2)


def test_every_fault_of_every_member_is_told_and_right_ones_are_still_read(tmp_path: Path) -> None:
    put(tmp_path, "a")
    put(tmp_path, "나", card="split_digest: 111111111111\n")
    put(tmp_path, "다", oof=OOF.assign(새=[0.75, 0.6, -1.0]))
    put(tmp_path, "라", oof=OOF.assign(image_id=["x", *OOF["image_id"][1:]]), test=None)
    (tmp_path / "라" / "weights.pt").touch()
    TEST.to_csv(tmp_path / "a" / "oof.parquet")
    (tmp_path / "x.csv").touch()
    members, cases = inspect_members(tmp_path, EXPECTED)
    assert members == []
    assert [case.partition(":")[0] for case in cases] == [
        "x.csv", "a/oof", "나/member.yml", "다/oof.csv line 4", "다/oof.csv line 3", "라/test_probabilities",
        "라/weights.pt", "라/oof.csv line 2", "라/oof.csv",
    ]  # fmt: skip
    assert list_cases(tmp_path) == cases
    (tmp_path / "a" / "oof.parquet").unlink()
    assert [member.name for member in inspect_members(tmp_path, EXPECTED)[0]] == ["a"]


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    members = tmp_path / "members"
    members.mkdir()
    put(tmp_path, "b")
    (members / "b").symlink_to(tmp_path / "b")
    put(members, "a")
    (members / "a" / "member.yml").unlink()
    (members / "a" / "member.yml").symlink_to(tmp_path / "b" / "member.yml")
    assert [case.partition(" leads to ")[0] for case in list_cases(members)] == ["b/: a link", "a/member.yml: a link"]


def test_missing_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert read_members(tmp_path / "none", EXPECTED) == []
    assert not (tmp_path / "none").exists()
