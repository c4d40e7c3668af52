"""Whatever a user can get wrong in the parameters is named, all of it at once, with what would be right."""

import copy
from typing import Any

import pytest

from podium.errors import InputError
from podium.parameters import check_parameters

RIGHT: dict[str, Any] = {
    "competition": "얼굴",
    "competitions": {"얼굴": {"format": "mask_profiles", "root": "data/얼굴"}},
    "recipe": "기준",
    "recipes": {"기준": {"policy": "none"}, "변형": {"based_on": "기준", "optimizer": {"lr": 1e-4}}},
    "policies": {"none": [], "light": [{"HorizontalFlip": {"p": 0.5}}]},
    "ingestion": {"store_dir": "data/store"},
    "splitting": {},
    "training": {"checkpoint_dir": "data/models"},
    "weights_dir": "weights",
}


def change(*path: Any, value: Any) -> dict[str, Any]:
    """Return right parameters with one leaf set, or taken out when its value is ``...``."""
    parameters = copy.deepcopy(RIGHT)
    part = parameters
    for key in path[:-1]:
        part = part.setdefault(key, {})
    part[path[-1]] = value
    if value is ...:
        del part[path[-1]]
    return parameters


def list_cases(parameters: dict[str, Any], competition: str = "얼굴") -> list[str]:
    with pytest.raises(InputError) as error:
        check_parameters(parameters, competition)
    assert "parameters" in error.value.heading
    return error.value.cases


def test_right_parameters_pass_and_stay_unchanged() -> None:
    parameters = copy.deepcopy(RIGHT)
    check_parameters(parameters, "얼굴")
    assert parameters == RIGHT


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        (("trainning",), "training"),
        (("training", "devise"), "device"),
        (("splitting", "nfolds"), "n_folds"),
        (("ingestion", "max_pixel"), "max_pixels"),
        (("competitions", "얼굴", "label_shif"), "label_shift"),
        (("competitions", "얼굴", "draw", "n_peple"), "n_people"),
        (("recipes", "기준", "batchsize"), "batch_size"),
        (("recipes", "기준", "optimizer", "lrr"), "lr"),
        (("recipes", "변형", "model", "backbon"), "backbone"),
    ],
)
def test_misspelt_key_is_named_by_its_whole_path_with_the_nearest(path: tuple[str, ...], meant: str) -> None:
    cases = list_cases(change(*path, value=3))
    assert f"{'.'.join(path)}: there is no such key; did you mean '{meant}'?" in cases


def test_misspelt_key_of_a_competition_that_is_called_like_a_format_is_named_by_its_whole_path() -> None:
    parameters = change("competitions", "id_target", value={"format": "id_target", "root": "x", "grup_column": "y"})
    assert list_cases(parameters) == [
        "competitions.id_target.grup_column: there is no such key; did you mean 'group_column'?"
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("splitting", "scheme"), "kfold"),
        (("splitting", "n_folds"), 1),
        (("leaks", "near_duplicate_max_bits"), -1),
        (("ingestion", "on_bad_image"), "skip"),
        (("ingestion", "n_jobs"), 0),
        (("training", "num_workers"), -2),
        (("training", "num_threads"), 0),
        (("training", "precision"), "16"),
        (("recipes", "기준", "optimizer", "lr"), -1),
        (("recipes", "변형", "epochs"), 0),
        (("recipes", "변형", "loss", "label_smoothing"), 1.0),
        (("recipes", "변형", "criterion"), "f1"),
        (("policies", "light"), "strong"),
    ],
)
def test_refused_value_is_named_with_its_path(path: tuple[str, ...], value: Any) -> None:
    cases = list_cases(change(*path, value=value))
    assert len(cases) == 1
    assert cases[0].startswith(f"{'.'.join(path)}: ")
    assert cases[0].endswith(f"(got {value!r})")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("recipes", "기준", "model", "pretrained"), 3),
        (("competitions", "얼굴", "draw"), {"image_size_px": 3}),
        (("recipes", "기준", "test_time_views"), ["horizontl"]),
    ],
)
def test_place_of_a_refused_value_names_keys_alone(path: tuple[str, ...], value: Any) -> None:
    for case in list_cases(change(*path, value=value)):
        place = case.split(":")[0]
        assert not set(place) & set("[]=,"), case
        assert not place.endswith((".bool", ".constrained-int")), case


@pytest.mark.parametrize(
    "path", [("ingestion", "store_dir"), ("training", "checkpoint_dir"), ("competitions", "얼굴", "root")]
)
def test_missing_key_is_named(path: tuple[str, ...]) -> None:
    assert f"{'.'.join(path)}: is missing" in list_cases(change(*path, value=...))


@pytest.mark.parametrize("name", sorted(set(RIGHT) - {"competition", "recipe"}))
def test_each_missing_group_is_named_and_nothing_else_breaks(name: str) -> None:
    assert f"{name}: is missing" in list_cases(change(name, value=...))


def test_misspelt_choices_are_named_with_the_nearest() -> None:
    parameters = {**change("recipe", value="기준2"), "competition": "얼굴들"}
    cases = list_cases(parameters, "얼굴들")
    assert "competition: there is no competition '얼굴들'; did you mean '얼굴'?" in cases
    assert "recipe: there is no recipe '기준2'; did you mean '기준'?" in cases


def test_competition_that_paths_do_not_follow_is_refused() -> None:
    (case,) = list_cases(RIGHT, "demo")
    assert case.startswith("competition: parameters say '얼굴', but paths are made of 'demo'; set it in globals.yml")


@pytest.mark.parametrize("name", ["a/b", "a\\b", "a:b", "..", ".a", " ", "a*", "a?", "<a>", 'a"', "a|b", "[a", "a]"])
def test_competition_that_cannot_be_a_folder_is_refused(name: str) -> None:
    cases = list_cases(change("competitions", name, value={"format": "id_target", "root": "x"}))
    assert any(case.startswith(f"competitions.{name}: a name becomes a folder; leave out") for case in cases)


@pytest.mark.parametrize("name", ["a/b", "../a", "a\\b", "a:b", ".a", " ", "a[0]", "[", "]"])
def test_recipe_that_cannot_be_a_folder_is_refused(name: str) -> None:
    cases = list_cases(change("recipes", name, value={"policy": "none"}))
    assert any(case.startswith(f"recipes.{name}: ") for case in cases)


def test_misspelt_policy_is_named_with_the_nearest_wherever_it_is_inherited() -> None:
    cases = list_cases(change("recipes", "기준", value={"policy": "ligth"}))
    assert cases == [
        "recipes.기준.policy: there is no policy 'ligth'; did you mean 'light'?",
        "recipes.변형.policy: there is no policy 'ligth'; did you mean 'light'?",
    ]


def test_policy_that_no_recipe_states_is_the_default_one() -> None:
    parameters = change("recipes", "새것", value={"based_on": None})
    check_parameters(parameters, "얼굴")
    del parameters["policies"]["light"]
    assert list_cases(parameters) == ["recipes.새것.policy: there is no policy 'light'; allowed: none"]


def test_recipe_based_on_nothing_known_is_named_with_the_nearest() -> None:
    cases = list_cases(change("recipes", "변형", "based_on", value="기준1"))
    assert cases == ["recipes.변형.based_on: there is no recipe '기준1'; did you mean '기준'?"]


def test_recipes_based_on_each_other_are_named() -> None:
    cases = list_cases(change("recipes", "기준", "based_on", value="변형"))
    assert cases == ["recipes.기준.based_on: 기준 -> 변형 -> 기준", "recipes.변형.based_on: 변형 -> 기준 -> 변형"]


def test_misspelt_format_is_named_with_the_nearest() -> None:
    cases = list_cases(change("competitions", "얼굴", "format", value="mask_profile"))
    assert cases == ["competitions.얼굴: format 'mask_profile' is unknown; did you mean 'mask_profiles'?"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("recipes", "빈것"), None),
        (("recipes", "글자"), "baseline"),
        (("recipes",), ["baseline"]),
        (("recipes",), None),
        (("recipes", "기준", "policy"), ["none"]),
        (("recipes", "기준", "policy"), None),
        (("recipes", "변형", "based_on"), ["기준"]),
        (("recipe",), ["기준"]),
        (("competitions",), None),
        (("competitions", "빈것"), None),
        (("policies",), None),
        (("training",), None),
    ],
)
def test_value_of_another_shape_is_named_and_nothing_breaks(path: tuple[str, ...], value: Any) -> None:
    cases = list_cases(change(*path, value=value))
    assert any(case.startswith(".".join(path)) for case in cases)


def test_faults_of_all_groups_are_listed_at_once() -> None:
    parameters = change("splitting", "n_fold", value=3)
    parameters["recipes"]["기준"]["epoch"] = 3
    parameters["recipes"]["변형"]["policy"] = "dark"
    parameters["recipe"] = "없음"
    parameters["competitions"]["b/c"] = {"format": "image_folder"}
    starts = {case.split(":")[0] for case in list_cases(parameters)}
    assert starts >= {
        "splitting.n_fold",
        "recipes.기준.epoch",
        "recipes.변형.policy",
        "recipe",
        "competitions.b/c",
        "competitions.b/c.root",
    }


@pytest.mark.parametrize(
    ("recipe", "case"),
    [
        ({"distillation": {"teachers": ["기준1"]}}, "recipes.새것.distillation.teachers: '기준1' does not exist; did"),
        ({"join": ["나이", "없음"]}, "recipes.새것.join: '없음' does not exist"),
        ({"join": ["기준"]}, "recipes.새것.join: '기준' learns the whole class; a join takes"),
        ({"distillation": {"teachers": ["나이"]}}, "recipes.새것.distillation.teachers: '나이' learns the attribute"),
        ({"distillation": {"teachers": ["합"]}}, "recipes.새것.distillation.teachers: '합' is a join itself"),
        ({"join": ["나이"], "attribute": "age"}, "recipes.새것: a recipe with join gives the whole class"),
        ({"join": ["나이"], "distillation": {"teachers": ["기준"]}}, "recipes.새것: a recipe with join trains nothing"),
        ({"soup": {"recipes": ["기준1"]}}, "recipes.새것.soup.recipes: '기준1' does not exist; did you mean '기준'?"),
        ({"soup": {"recipes": ["새것"]}}, "recipes.새것.soup.recipes: '새것' is the recipe itself"),
        ({"soup": {"recipes": ["기준", "기준"]}}, "recipes.새것.soup.recipes: '기준' stands there twice"),
        ({"soup": {"recipes": ["합"]}}, "recipes.새것.soup.recipes: '합' is a join itself"),
        ({"soup": {"recipes": ["수프"]}}, "recipes.새것.soup.recipes: '수프' is a soup itself"),
        ({"soup": {"recipes": ["나이"]}}, "recipes.새것.soup.recipes: '나이' has attribute 'age', the soup None"),
        (
            {"model": {"backbone": "resnet18"}, "soup": {"recipes": ["나이"]}},
            "recipes.새것.soup.recipes: '나이' has model.backbone 'resnet10t', the soup 'resnet18'",
        ),
        ({"soup": {"recipes": ["밋밋"]}, "join": ["나이"]}, "recipes.새것: join multiplies probabilities"),
        ({"soup": {"recipes": ["밋밋"]}, "pseudo_labels": True}, "recipes.새것: a recipe with soup trains nothing"),
        (
            {"soup": {"recipes": ["밋밋"]}, "distillation": {"teachers": ["밋밋"]}},
            "recipes.새것: a recipe with soup trains nothing, so it has no",
        ),
        ({"soup": {"how": "greedily"}}, "recipes.새것.soup.how: "),
        ({"freezing": {"name": "melting", "thaw_epoch": 10}}, "recipes.새것.freezing.thaw_epoch: epoch 10 never"),
        ({"averaging": {"name": "swa", "start_epoch": 12}}, "recipes.새것.averaging.start_epoch: epoch 12 never comes"),
        ({"input": {"progressive": {"epochs": 12}}}, "recipes.새것.input.progressive.epochs: epoch 12 never comes"),
        ({"distillation": {"teachers": ["새것"]}}, "recipes.새것.distillation.teachers: '새것' is the recipe itself"),
        ({"join": ["나이", "나이"]}, "recipes.새것.join: '나이' stands there twice"),
        ({"head": {"name": "arcface"}, "distillation": {"teachers": ["기준"]}}, "recipes.새것.head.name: 'arcface'"),
        ({"loss": {"name": "weighted_sum"}}, "recipes.새것.loss: name 'weighted_sum' and terms go together"),
        ({"loss": {"terms": {"focl": 1.0}}}, "recipes.새것.loss.terms.focl: "),
    ],
)  # fmt: skip
def test_recipe_that_contradicts_itself_or_others_is_named(recipe: dict[str, Any], case: str) -> None:
    parameters = change("recipes", "새것", value={"policy": "none", **recipe})
    parameters["recipes"] |= {
        "나이": {"policy": "none", "attribute": "age"},
        "합": {"policy": "none", "join": ["나이"]},
        "밋밋": {"policy": "none"},
        "수프": {"policy": "none", "soup": {"recipes": ["밋밋"]}},
    }
    assert list_cases(parameters)[0].startswith(case)
