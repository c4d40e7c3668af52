"""Pseudo labels are taken by recipes that ask for them, and only while they fit and leak nothing."""

from typing import Any

import pandas as pd
import pytest

from podium.copies.search import NO_PAIRS
from podium.copies.sets import collect_copies
from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.extra_images import choose_extra_images
from podium.pipelines.training.member import digest_content
from podium.vision.recipe import Recipe

IMAGES = pd.DataFrame(
    {
        "image_id": ["가", "나", "시험1", "시험2"],
        "subset": ["train", "train", "test", "test"],
        "label": pd.array([0, 1, None, None], dtype="Int64"),
        "group_id": ["a", "b", None, None],
        "sha256": ["1", "2", "3", "2"],
    }
)
FOLDS = pd.DataFrame({"image_id": ["가", "나"], "fold": [0, 1]})
LABELS = pd.DataFrame(
    {"image_id": ["시험1", "시험2", "시험1"], "fold": [1, 0, 0], "label": [0, 1, 0], "probability": 0.9}
)
DIGESTS = {"split_digest": digest_table(FOLDS), "content_digest": digest_content(IMAGES)}


def choose(table: pd.DataFrame, takes: bool = True, **attrs: Any) -> pd.DataFrame:
    table = table.copy()
    table.attrs = {**DIGESTS, **attrs}
    recipe = Recipe(name="의사", pseudo_labels=takes)
    return choose_extra_images(
        recipe, table, IMAGES, FOLDS, collect_copies(IMAGES, NO_PAIRS), SplittingConfig(n_folds=2)
    )


def test_recipe_that_takes_them_gets_them_by_fold() -> None:
    chosen = choose(LABELS)
    assert list(chosen) == ["image_id", "fold", "label"]
    assert chosen.to_numpy().tolist() == [["시험1", 0, 0], ["시험2", 0, 1], ["시험1", 1, 0]]
    assert digest_table(chosen) == digest_table(choose(LABELS.iloc[::-1])), "the order of rows makes no other member"


def test_recipe_that_does_without_never_looks_at_them() -> None:
    for table in (pd.DataFrame(), LABELS.assign(label=99)):
        chosen = choose(table, takes=False, split_digest="other")
        assert chosen.empty and list(chosen) == ["image_id", "fold", "label"]


@pytest.mark.parametrize("table", [pd.DataFrame(), LABELS.iloc[:0]])
def test_recipe_that_takes_them_says_how_they_are_made(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="'의사' is trained on pseudo labels, and there are none") as error:
        choose(table)
    assert "kedro run --pipeline pseudo_label" in error.value.cases[0]


def test_pseudo_labels_of_another_split_and_other_images_are_refused_naming_both() -> None:
    with pytest.raises(InputError, match="other images or another split") as error:
        choose(LABELS, split_digest="s", content_digest="c")
    assert [case.split(";")[0] for case in error.value.cases] == [
        f"split_digest: s, not {DIGESTS['split_digest']}", f"content_digest: c, not {DIGESTS['content_digest']}",
    ]  # fmt: skip


def test_every_row_that_cannot_be_is_named() -> None:
    wrong = pd.DataFrame(
        {"image_id": ["가", "시험1", "시험1", "시험2"], "fold": [0, 0, 0, 1], "label": [0, 1, 1, 2], "probability": 0.9}
    )
    with pytest.raises(InputError, match="pseudo labels are wrong") as error:
        choose(wrong)
    assert error.value.cases == [
        "가: is no test image",
        "시험1: stands twice in fold 0",
        "시험2: label 2 is no class, 0 to 1",
        "시험2: shows the same as an image of fold 1, whose model must not see it",
    ]


def test_fold_without_pseudo_labels_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert choose(LABELS[LABELS["fold"] == 0])["fold"].tolist() == [0, 0]
    assert "fold 1 is trained without pseudo labels" in caplog.text
    caplog.clear()
    choose(LABELS)
    assert "without" not in caplog.text
