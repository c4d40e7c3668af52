"""A backbone's parameters by depth, for learning rates and freezing that depend on it."""

from collections.abc import Iterator
from typing import Any

from timm.models._manipulate import group_with_matcher
from torch import nn
from torchvision.models.maxvit import MaxVitBlock
from torchvision.models.regnet import AnyStage
from torchvision.models.swin_transformer import PatchMerging, PatchMergingV2
from torchvision.models.vision_transformer import Encoder

from podium.vision.backbones import Backbone

# Modules of torchvision that only line up others; their subclasses (a convolution and its norm) are one layer.
ROWS = (nn.Sequential, nn.ModuleList, AnyStage, Encoder, MaxVitBlock)


def list_layers(backbone: Backbone) -> list[list[str]]:
    """List the names of a backbone's parameters by depth, input first: about one list a block.

    A norm, and whatever timm does not assign to a block, belongs to the block before it. Every name occurs once.
    """
    if hasattr(backbone, "group_matcher"):
        return _group_timm(backbone, coarse=False)
    return [names for names, _ in _group_torchvision(backbone)]


def list_stages(backbone: Backbone) -> list[list[str]]:
    """List the names of a backbone's parameters by stage, input first: the stem, then one list a stage.

    Where timm does not say, the stem ends before the first block of several convolutions, and a stage begins where the
    resolution falls. Networks that keep one resolution, such as vision transformers, have as many stages as blocks.
    Every name occurs once.
    """
    if hasattr(backbone, "group_matcher"):
        try:
            return _group_timm(backbone, coarse=True)
        except AssertionError:  # a few of timm's networks know no stages
            return list_layers(backbone)
    layers = _group_torchvision(backbone)
    n_dimensions = {name: value.ndim for name, value in backbone.named_parameters()}
    stages: list[list[str]] = []
    is_stem = True
    for names, lowers_resolution in layers:
        is_block = sum(n_dimensions[name] > 1 for name in names) > 1
        if not stages or lowers_resolution or (is_stem and is_block):
            stages.append([])
        stages[-1] += names
        is_stem = is_stem and not is_block
    return stages if len(stages) > 2 else [names for names, _ in layers]


def _group_timm(model: Any, coarse: bool) -> list[list[str]]:
    """Group names with timm's own patterns.

    timm puts all that they do not match, as a last norm may be, beside the classifier. The classifier is gone here, so
    it is named once more to find that group, which then joins the last block.
    """
    names = [name for name, _ in model.named_parameters()]
    classifier = "the classifier"
    groups = group_with_matcher(((name, name) for name in [*names, classifier]), model.group_matcher(coarse=coarse))
    layers = [list(groups[depth]) for depth in sorted(groups)]
    *blocks, beside_classifier = layers
    beside_classifier.remove(classifier)
    if not blocks:
        return [beside_classifier]
    blocks[-1] += beside_classifier
    return blocks


def _group_torchvision(model: nn.Module) -> list[tuple[list[str], bool]]:
    """List each layer's parameters, and whether it lowers the resolution, in the order of the forward pass."""
    layers: list[tuple[list[str], bool]] = []
    first = [name for name, _ in model.named_parameters(recurse=False)]  # tokens and positions
    is_lower = False
    for prefix, module in _walk(model):
        if isinstance(module, Encoder):
            first += [f"{prefix}.{name}" for name, _ in module.named_parameters(recurse=False)]
            continue
        is_lower = is_lower or _lowers_resolution(module)
        parameters = [(f"{prefix}.{name}", value) for name, value in module.named_parameters()]
        if not parameters:
            continue
        names = [name for name, _ in parameters]
        if layers and all(value.ndim < 2 for _, value in parameters):
            layers[-1][0].extend(names)
        else:
            layers.append((names, is_lower))
            is_lower = False
    layers[0][0][:0] = first
    return layers


def _walk(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that rows line up, and an encoder before its own."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if isinstance(child, Encoder):
            yield path, child
        if type(child) in ROWS:
            yield from _walk(child, f"{path}.")
        else:
            yield path, child


def _lowers_resolution(module: nn.Module) -> bool:
    strides = [child.stride for child in module.modules() if isinstance(child, nn.Conv2d | nn.MaxPool2d)]
    return any(isinstance(child, PatchMerging | PatchMergingV2) for child in module.modules()) or any(
        stride not in (1, (1, 1)) for stride in strides
    )
