"""Backbones of a few thousand weights stand for all of timm's."""

import json
import os
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from podium.errors import InputError
from podium.vision.backbones import InputSpec, build_model, resolve_input
from podium.vision.recipe import ModelConfig, Recipe


def make_weights(n_classes: int = 7, backbone: str = "test_resnet") -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return timm.create_model(backbone, num_classes=n_classes).state_dict()


def make_recipe(**values: Any) -> Recipe:
    return Recipe.model_validate({"name": "기준", "model": {"backbone": "test_resnet"}, **values})


def list_cases(error: pytest.ExceptionInfo[InputError]) -> str:
    return "\n".join(error.value.cases)


@pytest.mark.parametrize("n_classes", [2, 18])
@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_model_has_a_head_for_the_classes(backbone: str, n_classes: int) -> None:
    model = build_model(ModelConfig(backbone=backbone), n_classes).eval()
    size = timm.create_model(backbone).default_cfg["input_size"]
    assert model(torch.zeros(2, *size)).shape == (2, n_classes)


def test_regularisation_reaches_the_model() -> None:
    model = build_model(ModelConfig(backbone="test_vit", drop_rate=0.3, drop_path_rate=0.2), 3)
    assert model.head_drop.p == 0.3
    assert max(getattr(module, "drop_prob", 0) or 0 for module in model.modules()) == pytest.approx(0.2)


def test_unknown_backbone_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        build_model(ModelConfig(backbone="resnet10tt"), 2)
    assert error.value.cases == ["model.backbone: timm has no 'resnet10tt'; did you mean 'resnet10t'?"]


def test_backbone_that_resembles_none_is_answered_with_where_to_look() -> None:
    with pytest.raises(InputError) as error:
        build_model(ModelConfig(backbone="한글"), 2)
    assert "timm has no '한글'; python -c" in list_cases(error)


def test_backbone_that_takes_no_drop_path_says_so() -> None:
    with pytest.raises(InputError, match="'vgg11' cannot be made") as error:
        build_model(ModelConfig(backbone="vgg11", drop_path_rate=0.1), 2)
    assert "drop_path_rate" in list_cases(error)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_local_weights_are_loaded_but_for_the_head(tmp_path: Path, suffix: str) -> None:
    weights, path = make_weights(n_classes=7), tmp_path / f"가중치{suffix}"
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    model = build_model(ModelConfig(backbone="test_resnet", pretrained=path), 3)
    own = model.state_dict()
    head = {name for name in own if name.startswith("fc.")}
    assert head == {"fc.weight", "fc.bias"}
    assert own["fc.weight"].shape[0] == 3
    assert all(torch.equal(own[name], weights[name]) for name in own if name not in head)


def test_head_of_the_same_width_is_not_loaded_either(tmp_path: Path) -> None:
    weights = make_weights(n_classes=3)
    save_file(weights, tmp_path / "w.safetensors")
    own = build_model(ModelConfig(backbone="test_resnet", pretrained=tmp_path / "w.safetensors"), 3).state_dict()
    assert not torch.equal(own["fc.weight"], weights["fc.weight"])


def test_weights_without_a_head_are_enough(tmp_path: Path) -> None:
    weights = {name: value for name, value in make_weights().items() if not name.startswith("fc.")}
    save_file(weights, tmp_path / "w.safetensors")
    own = build_model(ModelConfig(backbone="test_resnet", pretrained=tmp_path / "w.safetensors"), 3).state_dict()
    assert all(torch.equal(own[name], weights[name]) for name in weights)


def test_caller_with_trained_weights_needs_no_starting_weights(tmp_path: Path) -> None:
    for pretrained in (True, tmp_path / "gone.safetensors"):
        build_model(ModelConfig(backbone="test_resnet", pretrained=pretrained), 3, load_weights=False)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing") as error:
        build_model(ModelConfig(backbone="test_resnet", pretrained=tmp_path / "없음.safetensors"), 3)
    assert error.value.cases == [f"model.pretrained: there is no file '{tmp_path / '없음.safetensors'}'"]


def test_every_weight_of_another_backbone_is_named(tmp_path: Path) -> None:
    weights = make_weights()
    names = [name for name in weights if not name.startswith("fc.") and weights[name].ndim == 4][:2]
    weights[names[0]] = torch.zeros(1, 2, 3, 3)
    del weights[names[1]]
    weights["남.weight"] = torch.zeros(5)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors does not hold weights of this backbone") as error:
        build_model(ModelConfig(backbone="test_resnet", pretrained=tmp_path / "w.safetensors"), 3)
    assert sorted(error.value.cases) == sorted(
        [f"{names[0]}: (1, 2, 3, 3) in the file", f"{names[1]}: not in the file", "남.weight: (5,) in the file"]
    )


class Evil:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_pickle_in_weights_is_refused_and_never_run(tmp_path: Path, suffix: str) -> None:
    path, mark = tmp_path / f"w{suffix}", tmp_path / "mark"
    torch.save({"w": Evil(mark)}, path) if suffix == ".pth" else path.write_bytes(pickle.dumps(Evil(mark)))
    with pytest.raises(InputError, match="cannot be read") as error:
        build_model(ModelConfig(backbone="test_resnet", pretrained=path), 3)
    assert f"model.pretrained: {path}: " in list_cases(error)
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [{"state_dict": make_weights(), "epoch": 3}, torch.zeros(3), [1, 2], {"epoch": 3}],
    ids=["training checkpoint", "one tensor", "list", "numbers"],
)
def test_file_that_is_no_plain_mapping_of_weights_is_refused_by_name(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(InputError) as error:
        build_model(ModelConfig(backbone="test_resnet", pretrained=tmp_path / "w.pth"), 3)
    assert str(tmp_path / "w.pth") in str(error.value)


def test_input_is_the_backbones_own_unless_a_recipe_says_otherwise() -> None:
    own = timm.create_model("test_resnet").default_cfg
    spec = resolve_input(make_recipe())
    assert (spec.height_px, spec.width_px) == tuple(own["input_size"][1:])
    assert (spec.mean, spec.std) == (tuple(own["mean"]), tuple(own["std"]))
    assert spec.resize == "stretch"
    other = resolve_input(make_recipe(input={"size_px": [48, 40], "resize": "pad"}))
    assert (other.height_px, other.width_px, other.resize) == (48, 40, "pad")
    assert (other.mean, other.std) == (spec.mean, spec.std)


def test_size_that_a_backbone_cannot_take_is_named_with_its_own() -> None:
    recipe = make_recipe(model={"backbone": "test_vit"}, input={"size_px": [40, 48]})
    with pytest.raises(InputError, match="Recipe '기준' asks for an impossible size") as error:
        resolve_input(recipe)
    (case,) = error.value.cases
    assert case.startswith("recipes.기준.input.size_px: test_vit cannot take 40x48 px (")
    assert case.endswith("its own size is 160x160")


def test_spec_is_the_same_after_json() -> None:
    spec = InputSpec(64, 48, "crop", (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    read = json.loads(json.dumps(spec.to_dict()))
    assert InputSpec(**read).to_dict() | {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]} == read


def test_finding_the_input_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    resolve_input(make_recipe(model={"backbone": "test_resnet", "pretrained": True}))


def test_unknown_optimizer_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match="optimizer is unknown") as error:
        resolve_input(make_recipe(optimizer={"name": "adamww"}))
    cases = list_cases(error)
    assert "optimizer.name: timm has no 'adamww'" in cases
    assert "did you mean 'adamw'" in cases


@pytest.mark.parametrize("name", ["sgd", "adamw", "AdamW", "lamb"])
def test_optimizer_that_training_can_make_is_taken(name: str) -> None:
    recipe = make_recipe(optimizer={"name": name})
    resolve_input(recipe)
    timm.optim.create_optimizer_v2(build_model(recipe.model, 2), opt=name, lr=0.1)
