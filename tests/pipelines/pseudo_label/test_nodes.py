"""Pseudo labels are certain, few, of no fold's copies, and worth what the same members' mistakes out of fold say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from podium.copies.search import NO_PAIRS
from podium.copies.sets import collect_copies
from podium.digests import digest_table
from podium.errors import InputError
from podium.pipelines.pseudo_label.config import PseudoLabelConfig
from podium.pipelines.pseudo_label.nodes import (
    blend_each_fold,
    choose_pseudo_labels,
    measure_pseudo_label_gain,
    tabulate_pseudo_labels,
)
from podium.pipelines.splitting.config import SplittingConfig
from podium.pipelines.training.member import digest_content, digest_recipe
from podium.probabilities import make_table, to_matrix
from podium.vision.recipe import Recipe

TRAIN = ["가", "나", "다", "라", "마", "바"]
TEST = ["시험1", "시험2", "시험3", "시험4"]
FOLDS = pd.DataFrame({"image_id": TRAIN, "fold": [0, 0, 0, 1, 1, 1]})
TARGETS = pd.DataFrame({"image_id": TRAIN, "label": [0, 1, 0, 1, 0, 1]})
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["고양이", "개"]})
TWO = SplittingConfig(n_folds=2)


def make_images(**changes: Any) -> pd.DataFrame:
    n = len(TRAIN) + len(TEST)
    columns = {
        "image_id": [*TRAIN, *TEST],
        "subset": ["train"] * len(TRAIN) + ["test"] * len(TEST),
        "label": pd.array([*TARGETS["label"], *[None] * len(TEST)], dtype="Int64"),
        "group_id": [*TRAIN, *[None] * len(TEST)],
        "sha256": [f"{number:02d}" for number in range(n)],
    }
    return pd.DataFrame({**columns, **changes})


IMAGES = make_images()
DIGESTS = {"split_digest": digest_table(FOLDS), "content_digest": digest_content(IMAGES)}


def save(tables: dict[str, pd.DataFrame], **attrs: Any) -> dict[str, Callable[[], pd.DataFrame]]:
    for table in tables.values():
        table.attrs = {**DIGESTS, **attrs}
    return {name: lambda table=table: table for name, table in tables.items()}  # type: ignore[misc]


def predict(member: str, first: float, **attrs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Say of every image that class 0 has the chance ``first``, on the test part a tenth more in fold 1."""
    oof, test = {}, {}
    for fold in (0, 1):
        held_out = FOLDS.loc[FOLDS["fold"] == fold, "image_id"]
        for tables, ids, chance in ((oof, held_out, first), (test, pd.Series(TEST), first + fold / 10)):
            rows = np.tile(np.array([[chance, 1 - chance]], np.float32), (len(ids), 1))
            tables[f"{member}/fold_{fold}"] = make_table(ids[::-1], fold, rows)
    return save(oof, **attrs), save(test, **attrs)


def test_each_fold_is_labelled_by_its_own_models_alone() -> None:
    oof, test = (a | b for a, b in zip(predict("가-1", 0.2), predict("나-2", 0.6), strict=True))
    weights = pd.DataFrame({"member": ["나-2", "가-1", "다-3"], "weight": [0.3, 0.1, 0.0]})
    blended = blend_each_fold(weights, oof, test, IMAGES, FOLDS, TWO)
    expected = 0.25 * 0.2 + 0.75 * 0.6
    tables = blended["fold_oof"], blended["fold_test_probabilities"]
    assert tables[0]["image_id"].tolist() == TRAIN
    assert tables[1]["image_id"].tolist() == TEST * 2
    assert tables[1]["fold"].tolist() == [0] * 4 + [1] * 4
    assert to_matrix(tables[0])[:, 0] == pytest.approx([expected] * 6)
    assert to_matrix(tables[1])[:, 0] == pytest.approx([expected] * 4 + [expected + 0.1] * 4)


def test_member_without_a_model_a_fold_is_left_out_and_the_others_weigh_as_much_together() -> None:
    oof, test = predict("가-1", 0.2)
    weights = pd.DataFrame({"member": ["가-1", "동료"], "weight": [0.25, 0.75]})
    blended = blend_each_fold(weights, oof, test, IMAGES, FOLDS, TWO)
    assert to_matrix(blended["fold_oof"])[:, 0] == pytest.approx([0.2] * 6)
    with pytest.raises(InputError, match="no member to label"):
        blend_each_fold(weights.iloc[1:], oof, test, IMAGES, FOLDS, TWO)


def test_member_of_another_split_or_other_images_is_refused_naming_both() -> None:
    oof, test = predict("가-1", 0.2, split_digest="other")
    with pytest.raises(InputError, match="another split") as error:
        blend_each_fold(pd.DataFrame({"member": ["가-1"], "weight": [1.0]}), oof, test, IMAGES, FOLDS, TWO)
    assert error.value.cases == [f"가-1: split_digest other, not {DIGESTS['split_digest']}"]


def test_competition_without_a_test_part_is_refused() -> None:
    images = IMAGES[IMAGES["subset"] == "train"]
    with pytest.raises(InputError, match="nothing to label"):
        blend_each_fold(pd.DataFrame({"member": [], "weight": []}), {}, {}, images, FOLDS, TWO)


def make_chances(*first: float, fold: int = 0) -> pd.DataFrame:
    chances = np.array(first, np.float32)
    ids = TEST if len(first) == len(TEST) else TRAIN
    return make_table(pd.Series(ids), fold, np.stack([chances, 1 - chances], axis=1))


def choose(
    chances: pd.DataFrame, images: pd.DataFrame = IMAGES, pairs: pd.DataFrame = NO_PAIRS, **config: Any
) -> pd.DataFrame:
    return choose_pseudo_labels(
        chances, images, FOLDS, TARGETS, collect_copies(images, pairs), PseudoLabelConfig(**config)
    )


def test_only_what_reaches_the_threshold_is_taken_under_its_most_probable_class() -> None:
    kept = choose(make_chances(0.95, 0.9, 0.5, 0.02), threshold=0.9, max_share_per_class=10)
    assert kept["image_id"].tolist() == ["시험1", "시험2", "시험4"]
    assert kept["label"].tolist() == [0, 0, 1]
    assert kept["probability"].tolist() == pytest.approx([0.95, 0.9, 0.98])
    assert kept.attrs == DIGESTS


def test_class_takes_no_more_than_its_share_and_the_most_certain_first() -> None:
    # Fold 0 is trained on 마 (class 0), and on 라 and 바 (class 1).
    chances = make_chances(0.95, 0.97, 0.99, 0.97)
    assert choose(chances, max_share_per_class=1.0)["image_id"].tolist() == ["시험3"]
    assert choose(chances, max_share_per_class=2.0)["image_id"].tolist() == ["시험2", "시험3"], "a tie goes by the id"
    assert choose(chances, max_share_per_class=0.01)["image_id"].tolist() == ["시험3"], "rounded up"
    of_fold_1 = choose(chances.assign(fold=1), max_share_per_class=1.0)
    assert of_fold_1["image_id"].tolist() == ["시험2", "시험3"], "fold 1 is trained on two of class 0"


def test_order_of_rows_does_not_matter() -> None:
    chances = pd.concat([make_chances(0.95, 0.97, 0.99, 0.97), make_chances(0.01, 0.95, 0.95, 0.95, fold=1)])
    one, other = (choose(table, max_share_per_class=1.0) for table in (chances, chances.iloc[::-1]))
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("how", ["bytes", "edited"])
def test_copy_of_a_held_out_image_does_not_train_its_fold_but_may_train_others(how: str) -> None:
    values = IMAGES["sha256"].tolist()
    ends = {"first": [values[0]], "second": [values[len(TRAIN)]]}  # 시험1 shows 가, of fold 0
    pairs = pd.DataFrame({**ends, "kind": "edited", "n_bits": pd.NA, "similarity": 0.9, "change": "cut"})
    values[len(TRAIN)] = values[0]
    found = (make_images(sha256=values), NO_PAIRS) if how == "bytes" else (IMAGES, pairs)
    chances = pd.concat([make_chances(0.95, 0.95, 0.95, 0.95, fold=fold) for fold in (0, 1)])
    kept = choose(chances, *found, max_share_per_class=10)
    assert kept.loc[kept["fold"] == 0, "image_id"].tolist() == ["시험2", "시험3", "시험4"]
    assert kept.loc[kept["fold"] == 1, "image_id"].tolist() == TEST


def test_nothing_certain_is_an_empty_table_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    kept = choose(make_chances(0.5, 0.6, 0.4, 0.5), threshold=0.99)
    assert kept.empty and list(kept) == ["image_id", "fold", "label", "probability"]
    assert "the largest probability is 0.600" in caplog.text


def test_table_of_classes_counts_by_fold_and_expects_the_mistakes_made_out_of_fold() -> None:
    chances = pd.concat([make_chances(0.95, 0.97, 0.5, 0.02, fold=fold) for fold in (0, 1)])
    # Out of fold, 가, 나, 다 and 마 are taken for class 0 with certainty; 나 is wrong. 바 is not certain enough.
    oof = make_chances(0.95, 0.93, 0.99, 0.5, 0.91, 0.2).assign(fold=FOLDS["fold"].to_numpy())
    config = PseudoLabelConfig(threshold=0.9, max_share_per_class=0.5)
    kept = choose_pseudo_labels(chances, IMAGES, FOLDS, TARGETS, collect_copies(IMAGES, NO_PAIRS), config)
    table = tabulate_pseudo_labels(kept, chances, oof, FOLDS, TARGETS, CLASSES, config).set_index("class_name")
    assert table.loc["고양이", ["n_train", "n_offered", "n_kept", "n_judged"]].tolist() == [1.5, 2.0, 1.0, 4.0]
    assert table.loc["고양이", "share"] == pytest.approx(1 / 1.5)
    assert table.loc["고양이", "purity"] == 0.75
    assert table.loc["고양이", "n_wrong_expected"] == 0.25
    assert table.loc["개", ["n_offered", "n_kept", "n_judged"]].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(table.loc["개", "purity"]) and np.isnan(table.loc["개", "n_wrong_expected"])


RECIPES: dict[str, Any] = {"기준": {"epochs": 3}, "의사": {"based_on": "기준", "pseudo_labels": True}}


def finish(name: str, member: str, chances: list[float], **attrs: Any) -> Any:
    recipe = Recipe.model_validate({"name": name, "epochs": 3, "pseudo_labels": name == "의사"})
    whole = make_chances(*chances).assign(fold=FOLDS["fold"].to_numpy())
    attrs = {"recipe": name, "recipe_digest": digest_recipe(recipe), **attrs}
    oof = {f"{member}/fold_{fold}": rows.reset_index(drop=True) for fold, rows in whole.groupby("fold")}
    return save(oof, **attrs), save({key: pd.DataFrame({"epoch": [0]}) for key in oof}, **attrs)


def measure(*members: Any) -> pd.DataFrame:
    oof, history = (
        {key: value for part in parts for key, value in part.items()} for parts in zip(*members, strict=True)
    )
    return measure_pseudo_label_gain(oof, history, RECIPES, IMAGES, FOLDS, TARGETS, CLASSES, TWO)


RIGHT, HALF = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1], [0.9, 0.1, 0.9, 0.9, 0.1, 0.9]


def test_gain_is_over_the_same_recipe_without_pseudo_labels_whole_and_by_fold() -> None:
    table = measure(finish("의사", "의사-1", RIGHT), finish("기준", "기준-2", HALF))
    assert table["fold"].tolist() == ["all", "0", "1"]
    assert table["n_images"].tolist() == [6, 3, 3]
    assert set(table["member"]) == {"의사-1"} and set(table["without"]) == {"기준-2"}
    assert table["macro_f1"].tolist() == [1.0, 1.0, 1.0]
    assert table["gain"].tolist() == pytest.approx((table["macro_f1"] - table["macro_f1_without"]).tolist())
    assert table["gain"].tolist()[1:] == pytest.approx([0.0, 1.0])
    assert table["gain_sd"].tolist()[1] == 0.0 < table["gain_sd"].tolist()[0]


@pytest.mark.parametrize("other", [{"recipe_digest": "x"}, {"split_digest": "x"}, {"content_digest": "x"}])
def test_member_of_another_recipe_split_or_images_is_not_compared(other: dict[str, str]) -> None:
    table = measure(finish("의사", "의사-1", RIGHT), finish("기준", "기준-2", HALF, **other))
    assert table.empty and "gain" in table


def test_every_round_of_pseudo_labels_is_compared() -> None:
    table = measure(finish("의사", "의사-1", RIGHT), finish("의사", "의사-3", HALF), finish("기준", "기준-2", HALF))
    assert table.loc[table["fold"] == "all", "member"].tolist() == ["의사-1", "의사-3"]
