"""A member's name says what would have to be the same for its weights to be the same."""

import copy
from typing import Any

import pandas as pd
import pytest

from podium.digests import digest_table, digest_values
from podium.pipelines.training.member import NEWER_LEAVES, digest_content, digest_recipe, identify_member
from podium.vision.recipe import Recipe

RECIPE: dict[str, Any] = {
    "name": "기준",
    "based_on": None,
    "seed": 1,
    "model": {"backbone": "resnet10t", "pretrained": False, "drop_rate": 0.0, "drop_path_rate": 0.0},
    "join": [],
    "soup": {"recipes": [], "how": "uniform"},
    "attribute": None,
    "head": {"name": "linear", "norm": True, "n_hidden": 512, "start": "library", "margin": 0.3, "scale": 30.0},
    "input": {
        "size_px": [64, 64],
        "resize": "stretch",
        "center_crop_px": None,
        "interpolation": None,
        "progressive": {"epochs": 0, "start_share": 0.5},
    },
    "label_shift": {"age": {"at_least": 58.0, "counts_as": 60.0}},
    "policy": "light",
    "variants": {"n_per_image": 1, "min_per_class": 0},
    "sampler": "none",
    "loss": {
        "name": "cross_entropy",
        "terms": {},
        "label_smoothing": 0.0,
        "gamma": 2.0,
        "gamma_positive": 1.0,
        "gamma_negative": 4.0,
        "class_weights": "none",
        "effective_number_beta": 0.999,
    },
    "optimizer": {
        "name": "adamw",
        "lr": 0.001,
        "weight_decay": 0.05,
        "layer_decay": 1.0,
        "clip_norm": None,
        "accumulate": 1,
        "options": {},
    },
    "schedule": {
        "name": "cosine",
        "warmup_epochs": 1.0,
        "final_lr_share": 0.01,
        "factor": 0.5,
        "step_epochs": 10,
        "milestones": [30, 60, 90],
        "cycle_epochs": 10.0,
        "cycle_growth": 1.0,
        "cycle_decay": 1.0,
        "rise_share": 0.3,
        "patience_epochs": 3,
    },
    "freezing": {"name": "none", "n_stages": 2, "thaw_epoch": 1, "norm_statistics": False},
    "mixing": {"mixup_alpha": 0.0, "cutmix_alpha": 0.0, "batch_share": 1.0},
    "averaging": {"name": "none", "decay": 0.998, "start_epoch": 0},
    "distillation": {"teachers": [], "share": 0.5, "temperature": 2.0},
    "pseudo_labels": False,
    "epochs": 10,
    "batch_size": 32,
    "criterion": "macro_f1",
    "early_stopping_epochs": None,
    "prior_adjustment": 0.0,
    "test_time_views": ["none"],
}
OTHER = {
    "model.backbone": "resnet14t", "model.pretrained": True, "input.resize": "pad", "input.size_px": [64, 32],
    "sampler": "weighted", "loss.name": "focal", "optimizer.name": "sgd", "schedule.name": "none",
    "criterion": "loss", "early_stopping_epochs": 3, "test_time_views": ["none", "turn_180"], "policy": "noisy",
    "loss.label_smoothing": 0.1, "model.drop_rate": 0.1, "model.drop_path_rate": 0.1, "mixing.batch_share": 0.5,
    "schedule.final_lr_share": 0.1, "join": ["a"], "attribute": "age", "head.name": "deep", "head.norm": False,
    "head.start": "small", "input.center_crop_px": [32, 32], "input.interpolation": "nearest",
    "input.progressive.start_share": 0.25, "loss.class_weights": "inverse_frequency",
    "loss.effective_number_beta": 0.99, "optimizer.layer_decay": 0.9, "optimizer.clip_norm": 1.0,
    "optimizer.options": {"eps": 1e-7}, "schedule.factor": 0.1, "schedule.milestones": [1], "schedule.cycle_decay": 0.5,
    "schedule.rise_share": 0.5, "freezing.name": "backbone", "freezing.norm_statistics": True, "averaging.name": "ema",
    "averaging.decay": 0.9, "distillation.teachers": ["a"], "distillation.share": 0.25,
    "soup.recipes": ["a"], "soup.how": "greedy", "pseudo_labels": True,
}  # fmt: skip


def list_leaves(values: Any, prefix: str = "") -> list[str]:
    if not isinstance(values, dict) or not values:
        return [prefix]
    return [leaf for key in values for leaf in list_leaves(values[key], f"{prefix}.{key}".strip("."))]


LEAVES = [leaf for leaf in list_leaves(RECIPE) if leaf not in ("name", "based_on", "loss.terms")]


def change_recipe(leaf: str) -> Recipe:
    values = copy.deepcopy(RECIPE)
    *parts, key = leaf.split(".")
    part = values
    for name in parts:
        part = part[name]
    part[key] = OTHER[leaf] if leaf in OTHER else part[key] + 1
    return Recipe.model_validate(values)


def make_inputs() -> dict[str, Any]:
    return {
        "recipe": Recipe.model_validate(RECIPE),
        "policy": [{"HorizontalFlip": {"p": 0.5}}],
        "input_spec": {"height_px": 64, "width_px": 64, "resize": "stretch", "mean": (0.5,) * 3, "std": (0.2,) * 3},
        "images": pd.DataFrame(
            {
                "image_id": ["가", "나", "시험"],
                "subset": ["train", "train", "test"],
                "label": pd.array([0, 1, None], dtype="Int64"),
                "sha256": ["aa", "bb", "cc"],
                "path": ["1", "2", "3"],
            }
        ),
        "folds": pd.DataFrame({"image_id": ["가", "나"], "fold": [0, 1]}),
        "targets": pd.DataFrame({"image_id": ["가", "나"], "label": [0, 1], "training_label": [0, 1]}),
        "variants": pd.DataFrame({"image_id": ["가", "나"], "n_variants": [1, 2]}),
        "n_classes": 2,
        "made_of": {"starting_weights": None, "sources": [], "class_values": "ab"},
    }


def name_member(**changes: Any) -> str:
    return str(identify_member(**{**make_inputs(), **changes})["name"])


BEFORE = name_member()


def test_recipe_above_states_every_leaf_that_a_recipe_has() -> None:
    assert set(list_leaves(Recipe.model_validate(RECIPE).model_dump(mode="json"))) == set(list_leaves(RECIPE))


@pytest.mark.parametrize("leaf", LEAVES)
def test_any_changed_leaf_of_the_recipe_makes_a_new_member(leaf: str) -> None:
    assert name_member(recipe=change_recipe(leaf)) != BEFORE


def test_leaf_that_came_later_and_says_nothing_leaves_old_names_alone() -> None:
    older = {key: value for key, value in RECIPE.items() if key not in ("name", "based_on", *NEWER_LEAVES)}
    plain = Recipe.model_validate({**older, "name": "옛것"}).model_dump(mode="json")
    assert set(NEWER_LEAVES) < set(plain)
    assert digest_recipe(Recipe.model_validate(RECIPE)) == digest_values({key: plain[key] for key in older})


def test_other_pseudo_labels_make_a_new_member() -> None:
    made_of = make_inputs()["made_of"]
    names = {name_member(made_of={**made_of, **more}) for more in ({}, {"pseudo_labels": "a"}, {"pseudo_labels": "b"})}
    assert len(names) == 3


def test_other_terms_of_a_loss_make_a_new_member() -> None:
    names = {
        name_member(recipe=Recipe.model_validate({**RECIPE, "loss": {"name": "weighted_sum", "terms": terms}}))
        for terms in ({"focal": 0.6}, {"focal": 0.6, "soft_macro_f1": 0.4}, {"focal": 0.5, "soft_macro_f1": 0.4})
    }
    assert len(names) == 3


def test_order_of_keys_and_spelling_of_numbers_make_no_new_member() -> None:
    turned = {key: dict(reversed(value.items())) if isinstance(value, dict) else value
              for key, value in reversed(RECIPE.items())}  # fmt: skip
    assert name_member(recipe=Recipe.model_validate(turned)) == BEFORE
    assert name_member(recipe=Recipe.model_validate({**RECIPE, "input": {"size_px": (64, 64)}})) == BEFORE
    schedule = {"warmup_epochs": 1, "final_lr_share": 0.01}
    assert name_member(recipe=Recipe.model_validate({**RECIPE, "schedule": schedule})) == BEFORE


def test_default_that_is_written_out_makes_no_new_member() -> None:
    silent = {key: RECIPE[key] for key in ("name", "seed", "label_shift")} | {"input": {"size_px": [64, 64]}}
    assert name_member(recipe=Recipe.model_validate(silent)) == BEFORE


def test_name_and_ancestry_of_the_recipe_are_no_part_of_the_digest() -> None:
    renamed = name_member(recipe=Recipe.model_validate({**RECIPE, "name": "다른 이름", "based_on": "기준"}))
    assert renamed == f"다른 이름-{BEFORE.removeprefix('기준-')}"


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("images", "sha256", "dd"),
        ("images", "subset", "test"),
        ("images", "image_id", "다"),
        ("folds", "fold", 1),
        ("targets", "label", 1),
        ("targets", "training_label", 1),
        ("variants", "n_variants", 3),
    ],
)
def test_changed_image_fold_label_or_draw_makes_a_new_member(table: str, column: str, value: Any) -> None:
    changed = make_inputs()[table]
    changed.loc[0, column] = value
    assert name_member(**{table: changed}) != BEFORE


def test_changed_or_new_test_image_makes_a_new_member() -> None:
    images = make_inputs()["images"]
    images.loc[2, "sha256"] = "dd"
    assert name_member(images=images) != BEFORE
    assert name_member(images=make_inputs()["images"].iloc[:2]) != BEFORE


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": [{"HorizontalFlip": {"p": 0.4}}]},
        {"policy": []},
        {"input_spec": {**make_inputs()["input_spec"], "mean": (0.4, 0.5, 0.5)}},
        {"input_spec": {**make_inputs()["input_spec"], "width_px": 32}},
    ],
)
def test_changed_policy_or_input_makes_a_new_member(changes: dict[str, Any]) -> None:
    assert name_member(**changes) != BEFORE


def test_what_only_describes_an_image_makes_no_new_member() -> None:
    images = make_inputs()["images"]
    assert name_member(images=images.assign(path=["x", "y", "z"], n_bytes=[1, 2, 3])) == BEFORE
    assert name_member(images=images.iloc[::-1]) == BEFORE


def test_input_read_back_from_json_makes_no_new_member() -> None:
    spec = make_inputs()["input_spec"]
    assert name_member(input_spec={**spec, "mean": list(spec["mean"]), "std": list(spec["std"])}) == BEFORE


def test_member_says_which_split_and_images_it_is_of() -> None:
    inputs = make_inputs()
    member = identify_member(**inputs)
    assert member["recipe"] == "기준"
    assert member["recipe_digest"] == digest_recipe(inputs["recipe"])
    assert member["split_digest"] == digest_table(inputs["folds"])
    assert member["content_digest"] == digest_content(inputs["images"])
    assert member["name"].startswith("기준-")
    assert len(member["name"]) == len("기준-") + 12


def test_another_number_of_classes_makes_a_new_member() -> None:
    assert name_member(n_classes=3) != BEFORE


@pytest.mark.parametrize("made_of", [{"starting_weights": "ab"}, {"sources": ["스승-1b"]}, {"class_values": "cd"}])
def test_other_starting_weights_or_teachers_make_a_new_member(made_of: dict[str, Any]) -> None:
    assert name_member(made_of={**make_inputs()["made_of"], **made_of}) != BEFORE


@pytest.mark.parametrize("leaf", LEAVES)
def test_digest_of_a_recipe_changes_with_every_leaf(leaf: str) -> None:
    assert digest_recipe(change_recipe(leaf)) != digest_recipe(Recipe.model_validate(RECIPE))


def test_digest_of_a_recipe_is_of_what_it_says_not_of_its_name() -> None:
    renamed = Recipe.model_validate({**RECIPE, "name": "다른 이름", "based_on": "기준"})
    assert digest_recipe(renamed) == digest_recipe(Recipe.model_validate(RECIPE))
