"""Small networks of each family stand for all of both libraries, whose own forward pass is the reference."""

import os
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.layers import DropPath, resample_abs_pos_embed
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from podium.errors import InputError
from podium.vision.backbones import build_backbone, find_library, get_own_input, resolve_input
from podium.vision.recipe import ModelConfig, Recipe

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

# Name: side in pixels, normalisation and interpolation, as the model cards say.
TIMM_INPUTS: dict[str, tuple[int, Any, str]] = {
    "convnext_tiny": (224, IMAGENET, "bicubic"),
    "convnext_small": (224, IMAGENET, "bicubic"),
    "convnext_base": (224, IMAGENET, "bicubic"),
    "swin_tiny_patch4_window7_224": (224, IMAGENET, "bicubic"),
    "swin_small_patch4_window7_224": (224, IMAGENET, "bicubic"),
    "swin_base_patch4_window7_224": (224, IMAGENET, "bicubic"),
    "efficientnet_b0": (224, IMAGENET, "bicubic"),
    "efficientnet_b2": (256, IMAGENET, "bicubic"),
    "efficientnet_b5": (448, IMAGENET, "bicubic"),
    "efficientnet_b6": (528, IMAGENET, "bicubic"),
    "tf_efficientnet_b0": (224, IMAGENET, "bicubic"),
    "tf_efficientnet_b5": (456, IMAGENET, "bicubic"),
    "tf_efficientnet_b6": (528, IMAGENET, "bicubic"),
    "tf_efficientnetv2_s": (300, HALVES, "bicubic"),
    "tf_efficientnetv2_m": (384, HALVES, "bicubic"),
    "tf_efficientnetv2_l": (384, HALVES, "bicubic"),
    "densenet121": (224, IMAGENET, "bicubic"),
    "densenet201": (224, IMAGENET, "bicubic"),
    "resnet18": (224, IMAGENET, "bicubic"),
    "resnet34": (224, IMAGENET, "bicubic"),
    "resnet50": (224, IMAGENET, "bicubic"),
    "resnext50_32x4d": (224, IMAGENET, "bicubic"),
    "mobilenetv2_100": (224, IMAGENET, "bicubic"),
    "mobilenetv3_large_100": (224, IMAGENET, "bicubic"),
    "tf_efficientnet_lite0": (224, HALVES, "bicubic"),
    "tf_efficientnet_lite1": (240, HALVES, "bicubic"),
    "tf_efficientnet_lite2": (260, HALVES, "bicubic"),
    "vit_small_patch16_224": (224, HALVES, "bicubic"),
    "test_resnet": (160, HALVES, "bilinear"),
}
TORCHVISION_INPUTS: dict[str, tuple[int, Any, str]] = {
    "mobilenet_v2": (224, IMAGENET, "bilinear"),
    "shufflenet_v2_x1_0": (224, IMAGENET, "bilinear"),
    "squeezenet1_1": (224, IMAGENET, "bilinear"),
    "swin_t": (224, IMAGENET, "bicubic"),
    "swin_s": (224, IMAGENET, "bicubic"),
    "swin_b": (224, IMAGENET, "bicubic"),
    "vit_b_16": (224, IMAGENET, "bilinear"),
    "efficientnet_v2_s": (384, IMAGENET, "bilinear"),
}

TIMM_SIZES = {
    "test_resnet": (48, 32),
    "test_vit": (160, 160),
    "test_convnext": (64, 64),
    "test_efficientnet": (64, 48),
    "densenet121": (64, 48),
    "mobilenetv3_small_050": (64, 48),  # a hidden layer after the pool
    "swin_tiny_patch4_window7_224": (64, 64),
}
TORCHVISION_SIZES = {
    "mobilenet_v2": (64, 48),
    "mobilenet_v3_small": (64, 48),  # a hidden layer before the last one
    "shufflenet_v2_x0_5": (64, 48),
    "squeezenet1_1": (64, 48),  # a convolution as its last layer
    "swin_t": (64, 48),
    "googlenet": (64, 48),  # further heads, and dropout of its own
    "regnet_y_400mf": (64, 48),
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may open a connection."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def make_weights(n_classes: int = 7, backbone: str = "test_resnet") -> dict[str, Tensor]:
    torch.manual_seed(3)
    return timm.create_model(backbone, num_classes=n_classes).state_dict()


def make_recipe(**values: Any) -> Recipe:
    return Recipe.model_validate({"name": "기준", "model": {"backbone": "test_resnet"}, **values})


def build(backbone: str, size_px: tuple[int, int], weights: Path | None = None, **values: float) -> nn.Module:
    return build_backbone(ModelConfig.model_validate({"backbone": backbone, **values}), size_px, weights)


def save(weights: dict[str, Tensor], path: Path) -> Path:
    save_file({name: value.contiguous() for name, value in weights.items()}, path)
    return path


def shake(model: nn.Module) -> nn.Module:
    """Give norms weights and statistics of their own, so that one that is lost is missed."""
    generator = torch.Generator().manual_seed(5)
    for name, value in model.state_dict().items():
        if value.ndim == 1:
            value.copy_(torch.rand(value.shape, generator=generator) + (0.5 if "bias" not in name else 0.0))
    return model.eval()


def draw_images(size_px: tuple[int, int]) -> Tensor:
    return torch.randn(2, 3, *size_px, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", [*TIMM_INPUTS, *TORCHVISION_INPUTS])
def test_required_backbone_wants_what_its_model_card_says(name: str) -> None:
    side_px, (mean, std), interpolation = (TIMM_INPUTS | TORCHVISION_INPUTS)[name]
    spec = get_own_input(name)
    assert find_library(name) == ("timm" if name in TIMM_INPUTS else "torchvision")
    assert (spec.size_px, spec.mean, spec.std) == ((side_px, side_px), mean, std)
    assert (spec.interpolation, spec.center_crop_px) == (interpolation, None)


@pytest.mark.parametrize("name", TIMM_SIZES)
def test_features_are_what_timm_would_give_its_classifier(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    options = {"img_size": TIMM_SIZES[name]} if name.startswith("swin") else {}
    whole: Any = shake(timm.create_model(name, num_classes=7, **options))
    images = draw_images(TIMM_SIZES[name])
    backbone = build(name, TIMM_SIZES[name], save(whole.state_dict(), tmp_path / "w.safetensors")).eval()
    with torch.inference_mode():
        expected = whole.forward_head(whole.forward_features(images), pre_logits=True)
        features = backbone(images)
    assert features.shape == (2, backbone.n_features)
    torch.testing.assert_close(features, expected)


@pytest.mark.parametrize("name", TORCHVISION_SIZES)
def test_features_are_what_reaches_the_last_layer_of_torchvision(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    options = {"init_weights": True, "transform_input": True} if name == "googlenet" else {}
    whole = shake(torchvision.models.get_model(name, weights=None, num_classes=7, **options))
    *_, last = [module for module in whole.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    seen: list[Tensor] = []
    last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    images = draw_images(TORCHVISION_SIZES[name])
    torch.save(whole.state_dict(), tmp_path / "w.pth")
    backbone = build(name, TORCHVISION_SIZES[name], tmp_path / "w.pth").eval()
    with torch.inference_mode():
        whole(images)
        features = backbone(images)
    assert features.shape == (2, backbone.n_features)
    torch.testing.assert_close(features, seen[0] if seen[0].ndim == 2 else seen[0].mean((2, 3)))


@pytest.mark.parametrize(
    "name", ["test_efficientnet", "mobilenet_v2", "mobilenet_v3_small", "googlenet", "squeezenet1_1"]
)
def test_no_dropout_is_left_to_the_backbone(name: str) -> None:
    rates = [module.p for module in build(name, (64, 64)).modules() if isinstance(module, nn.Dropout)]
    assert not any(rates)


@pytest.mark.parametrize("n_rows", [0, 1])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_backbone_is_the_same_with_and_without_a_file(tmp_path: Path, name: str, n_rows: int) -> None:
    size_px = get_own_input(name).size_px
    path = save(make_weights(n_rows, name), tmp_path / "w.safetensors")
    loaded, drawn = build(name, size_px, path), build(name, size_px)
    assert list(loaded.state_dict()) == list(drawn.state_dict())
    assert str(loaded) == str(drawn)


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "test_vit"])
def test_backbone_of_a_fixed_size_takes_a_portrait_all_the_same(name: str) -> None:
    backbone = build(name, (96, 64)).eval()
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 3, 96, 64)).shape == (1, backbone.n_features)


def test_positions_are_resized_as_timm_does(tmp_path: Path) -> None:
    weights = make_weights(backbone="test_vit")
    backbone = build("test_vit", (96, 64), save(weights, tmp_path / "w.safetensors"))
    expected = resample_abs_pos_embed(weights["pos_embed"], (6, 4), num_prefix_tokens=1)
    torch.testing.assert_close(backbone.state_dict()["pos_embed"], expected)


@pytest.mark.slow
def test_positions_of_torchvision_are_resized_too(tmp_path: Path) -> None:
    whole = torchvision.models.vit_b_32(weights=None)
    positions = torch.randn(whole.encoder.pos_embedding.shape)
    weights = {
        name: value.half() for name, value in (whole.state_dict() | {"encoder.pos_embedding": positions}).items()
    }
    backbone = build("vit_b_32", (64, 64), save(weights, tmp_path / "w.safetensors"))
    own = backbone.state_dict()["encoder.pos_embedding"]
    grid = positions.half().float()[:, 1:].transpose(1, 2).reshape(1, -1, 7, 7)
    smaller = nn.functional.interpolate(grid, (2, 2), mode="bicubic", align_corners=True).flatten(2).transpose(1, 2)
    assert torch.equal(own[:, :1], positions.half().float()[:, :1])
    torch.testing.assert_close(own[:, 1:], smaller, atol=2e-3, rtol=1e-2)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("test_resnet", ".safetensors"),
        ("test_resnet", ".pth"),
        ("swin_tiny_patch4_window7_224", ".safetensors"),
        ("shufflenet_v2_x0_5", ".safetensors"),
    ],
)
def test_file_that_podium_wrote_gives_its_backbone(tmp_path: Path, name: str, suffix: str) -> None:
    torch.manual_seed(4)
    size_px = get_own_input(name).size_px
    own = build(name, size_px).state_dict()
    weights = {f"backbone.{key}": value for key, value in own.items()} | {"head.last.weight": torch.zeros(3, 2)}
    path = tmp_path / f"가중치{suffix}"
    save(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    loaded = build(name, size_px, path).state_dict()
    assert all(torch.equal(loaded[key], own[key]) for key in own)


@pytest.mark.parametrize("name", ["test_resnet", "mobilenet_v2"])
def test_counts_of_batches_may_be_missing(tmp_path: Path, name: str) -> None:
    whole = build(name, (64, 64)).state_dict()
    weights = {key: value for key, value in whole.items() if not key.endswith("num_batches_tracked")}
    assert len(weights) < len(whole)
    torch.save(type(whole)(weights), tmp_path / "w.pth")
    build(name, (64, 64), tmp_path / "w.pth")


def test_weights_of_the_file_do_not_stay_in_memory_twice(tmp_path: Path) -> None:
    backbone: Any = build("test_resnet", (32, 32), save(make_weights(), tmp_path / "w.safetensors"))
    assert not backbone.pretrained_cfg["state_dict"]


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing") as error:
        build("test_resnet", (32, 32), tmp_path / "없음.safetensors")
    assert error.value.cases == [f"model.pretrained: there is no file '{tmp_path / '없음.safetensors'}'"]


@pytest.mark.parametrize("name", ["test_resnet", "mobilenet_v2"])
def test_every_wrong_weight_is_named(tmp_path: Path, name: str) -> None:
    weights = build(name, (32, 32)).state_dict()
    wrong, missing = [key for key, value in weights.items() if value.ndim == 4][3:5]
    weights[wrong] = torch.zeros(1, 2, 3, 3)
    del weights[missing]
    weights["남.weight"] = torch.zeros(5)
    path = save(weights, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=rf"w\.safetensors does not hold weights of the backbone '{name}'") as error:
        build(name, (32, 32), path)
    assert len(error.value.cases) == 3
    for key in (wrong, missing, "남.weight"):
        assert sum(key in case for case in error.value.cases) == 1


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
        build("test_resnet", (32, 32), path)
    assert f"model.pretrained: {path}: " in error.value.cases[0]
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [{"state_dict": make_weights(), "epoch": 3}, torch.zeros(3), [1, 2], {"epoch": 3}, {}],
    ids=["training checkpoint", "one tensor", "list", "numbers", "nothing"],
)
def test_file_that_is_no_plain_mapping_of_weights_is_refused_by_name(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(InputError, match="no plain mapping") as error:
        build("test_resnet", (32, 32), tmp_path / "w.pth")
    assert str(tmp_path / "w.pth") in str(error.value)


def list_drop_rates(model: nn.Module) -> list[float]:
    rates = [module.drop_prob if isinstance(module, DropPath) else module.p for module in model.modules()
             if isinstance(module, DropPath | StochasticDepth)]  # fmt: skip
    return [float(rate or 0.0) for rate in rates]


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "swin_t"])
def test_blocks_are_dropped_only_on_request_whatever_the_library_is_used_to(name: str) -> None:
    assert max(list_drop_rates(build(name, (224, 224)))) == 0.0


def test_drop_rates_of_torchvision_rise_as_its_authors_set_them() -> None:
    authors = list_drop_rates(torchvision.models.swin_t(weights=None))
    assert max(authors) == pytest.approx(0.2)
    assert list_drop_rates(build("swin_t", (224, 224), drop_path_rate=0.2)) == pytest.approx(authors)


def test_drop_path_rate_reaches_timm() -> None:
    assert max(list_drop_rates(build("test_vit", (160, 160), drop_path_rate=0.2))) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["densenet121", "shufflenet_v2_x0_5"])
def test_backbone_without_stochastic_depth_says_so(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' has no stochastic depth") as error:
        build(name, (64, 64), drop_path_rate=0.1)
    assert error.value.cases == ["model.drop_path_rate: 0.1; set it to 0, or choose another backbone"]


@pytest.mark.parametrize(
    ("name", "meant"), [("resnet10tt", "did you mean 'resnet10t'"), ("shufflnet_v2_x1_0", "'shufflenet_v2_x1_0'")]
)
def test_unknown_backbone_is_named_with_the_nearest_of_both_libraries(name: str, meant: str) -> None:
    with pytest.raises(InputError) as error:
        find_library(name)
    assert error.value.cases[0].startswith(f"model.backbone: neither timm nor torchvision has '{name}'; did you mean ")
    assert meant in error.value.cases[0]


@pytest.mark.parametrize("name", ["한글", "hf-hub:timm/resnet18.a1_in1k"])
def test_backbone_that_resembles_none_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="backbone is unknown"):
        find_library(name)


def test_unknown_weights_of_a_known_backbone_are_named_with_the_known_ones() -> None:
    with pytest.raises(InputError) as error:
        find_library("resnet18.mine")
    assert "timm has no weights 'resnet18.mine'; allowed: " in error.value.cases[0]
    assert "resnet18.a1_in1k" in error.value.cases[0]


def test_input_is_the_backbones_own_unless_a_recipe_says_otherwise() -> None:
    spec = resolve_input(make_recipe())
    assert spec == get_own_input("test_resnet")
    asked = {"size_px": [48, 40], "resize": "pad", "center_crop_px": [50, 60], "interpolation": "lanczos"}
    other = resolve_input(make_recipe(input=asked))
    assert (other.size_px, other.resize, other.center_crop_px, other.interpolation) == (
        (48, 40), "pad", (50, 60), "lanczos",
    )  # fmt: skip
    assert (other.mean, other.std) == (spec.mean, spec.std)


@pytest.mark.parametrize(
    ("name", "size_px", "own"), [("test_vit", [8, 8], "160x160"), ("vit_b_32", [64, 96], "224x224")]
)
def test_size_that_a_backbone_cannot_take_is_named_with_its_own(name: str, size_px: list[int], own: str) -> None:
    recipe = make_recipe(model={"backbone": name}, input={"size_px": size_px})
    with pytest.raises(InputError, match="Recipe '기준' asks for an impossible size") as error:
        resolve_input(recipe)
    (case,) = error.value.cases
    assert case.startswith(f"recipes.기준.input.size_px: {name} cannot take {size_px[0]}x{size_px[1]} px (")
    assert case.endswith(f"its own size is {own}")
