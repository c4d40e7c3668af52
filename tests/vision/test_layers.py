"""Depth as the forward pass and timm's own layer decay see it."""

from itertools import chain
from typing import Any

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from podium.vision.backbones import Backbone, build_backbone
from podium.vision.layers import list_layers, list_stages
from podium.vision.recipe import ModelConfig

TIMM_SIZES = {
    "test_resnet": (32, 32),
    "test_vit": (160, 160),
    "test_convnext": (64, 64),
    "test_efficientnet": (64, 64),
    "mobilenetv3_small_050": (64, 64),
    "densenet121": (64, 64),
}
TORCHVISION_SIZES = {
    "mobilenet_v2": (64, 64),
    "mobilenet_v3_small": (64, 64),
    "shufflenet_v2_x0_5": (64, 64),
    "squeezenet1_1": (64, 64),
    "swin_t": (64, 64),
    "vit_b_32": (64, 64),
    "regnet_y_400mf": (64, 64),
    "mnasnet0_5": (64, 64),
}
SIZES = TIMM_SIZES | TORCHVISION_SIZES


def build(name: str) -> Backbone:
    return build_backbone(ModelConfig(backbone=name), SIZES.get(name, (224, 224)), None).eval()


def list_in_order_of_use(backbone: nn.Module, size_px: tuple[int, int]) -> list[str]:
    """Name the modules that hold parameters of their own in the order in which a picture reaches them."""
    used: list[str] = []
    for name, module in backbone.named_modules():
        if name and list(module.parameters(recurse=False)):
            module.register_forward_pre_hook(lambda *_, name=name: used.append(name))
    with torch.inference_mode():
        backbone(torch.zeros(1, 3, *size_px))
    return used


@pytest.mark.parametrize("name", SIZES)
def test_every_parameter_is_in_one_layer_and_one_stage_and_layers_follow_the_picture(name: str) -> None:
    backbone = build(name)
    names = sorted(name for name, _ in backbone.named_parameters())
    layers, stages = list_layers(backbone), list_stages(backbone)
    assert sorted(chain(*layers)) == names
    assert sorted(chain(*stages)) == names
    assert all(layers) and all(stages) and 2 < len(stages) <= len(layers)
    for groups in (layers, stages):
        depths = {name.rpartition(".")[0]: depth for depth, group in enumerate(groups) for name in group}
        seen = [depths[module] for module in list_in_order_of_use(backbone, SIZES[name])]
        assert seen == sorted(seen)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_layers_of_timm_are_those_of_its_own_layer_decay(name: str) -> None:
    whole: Any = timm.create_model(name, num_classes=3)
    names = {id(parameter): name for name, parameter in whole.named_parameters()}
    scales = {
        names[id(parameter)]: group["lr_scale"]
        for group in param_groups_layer_decay(whole, layer_decay=0.5)
        for parameter in group["params"]
    }
    layers = list_layers(build(name))
    own = {name: 0.5 ** (len(layers) - depth) for depth, layer in enumerate(layers) for name in layer}
    beside_classifier = {name for name, scale in scales.items() if scale == 1.0}
    assert {name: own[name] for name in own.keys() - beside_classifier} == {
        name: scale for name, scale in scales.items() if name not in beside_classifier
    }
    assert {own[name] for name in own.keys() & beside_classifier} <= {0.5}, "a last norm stays with the last block"


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("test_resnet", ["conv1", "layer1", "layer2", "layer3", "layer4"]),
        ("test_convnext", ["stem", "stages.0", "stages.1", "stages.2", "stages.3"]),
        ("test_vit", ["cls_token", *(f"blocks.{number}" for number in range(6))]),
        ("densenet121", ["features.conv0", *(f"features.denseblock{number}" for number in range(1, 5))]),
        ("swin_t", ["features.0", "features.1", "features.2", "features.4", "features.6"]),
        ("shufflenet_v2_x0_5", ["conv1", "stage2", "stage3", "stage4"]),
        ("mobilenet_v2", ["features.0", "features.1", "features.2", "features.4", "features.7", "features.14"]),
        ("squeezenet1_1", ["features.0", "features.3", "features.6", "features.9"]),
        ("maxvit_t", ["stem", "blocks.0", "blocks.1", "blocks.2", "blocks.3"]),
    ],
)
def test_stages_begin_with_the_stem_and_where_the_resolution_falls(name: str, starts: list[str]) -> None:
    stages = list_stages(build(name))
    assert len(stages) == len(starts)
    assert all(stage[0].startswith(start) for stage, start in zip(stages, starts, strict=True))


@pytest.mark.parametrize("name", ["swin_t", "mobilenet_v2", "regnet_y_400mf"])
def test_layers_of_torchvision_are_blocks(name: str) -> None:
    blocks = {"swin_t": 1 + 2 + 1 + 2 + 1 + 6 + 1 + 2, "mobilenet_v2": 1 + 17 + 1, "regnet_y_400mf": 1 + 1 + 3 + 6 + 6}
    assert len(list_layers(build(name))) == blocks[name]


def test_network_of_timm_without_stages_has_its_layers_for_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone: Any = build("test_resnet")
    matcher = backbone.group_matcher

    def refuse(coarse: bool = False) -> Any:
        assert not coarse, "coarse grouping is not implemented"
        return matcher(coarse)

    monkeypatch.setattr(backbone, "group_matcher", refuse)
    assert list_stages(backbone) == list_layers(backbone)
