"""Backbones of timm and torchvision by name: the pictures they want, and what makes features of them."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

import timm
import torch
import torchvision
from safetensors.torch import load_file
from timm.data import resolve_data_config
from timm.layers import DropPath
from timm.models import PretrainedCfg
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings
from torchvision.ops import StochasticDepth

from podium.errors import InputError
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import ModelConfig, Recipe

logger = logging.getLogger(__name__)

OWN_PREFIX = "backbone."  # of a backbone's weights in a network that Podium trained
# What the libraries and the papers' authors call the last layer.
HEAD_NAMES = ("head.fc", "head", "fc", "classifier", "last_linear")


class Backbone(nn.Module):
    """What a timm or torchvision network is without its classifier: the library's own module, names and all.

    It takes float32 (batch, 3, height, width), normalised as its :class:`InputSpec` says, and returns float
    (batch, n_features): pooled, before any dropout.

    Attributes:
        n_features: Number of features of a picture.
    """

    n_features: int


def find_library(name: str) -> Literal["timm", "torchvision"]:
    """Say whose backbone ``name`` is; where both have one, it is timm's.

    Raises:
        InputError: Neither knows it, or timm does not know the weights named behind its dot.
    """
    if timm.is_model(name):
        try:
            timm.get_pretrained_cfg(name)
        except RuntimeError as error:
            known = timm.list_models(f"{name.partition('.')[0]}.*", include_tags=True)
            raise InputError(
                "The recipe's starting weights are unknown:",
                [f"model.backbone: timm has no weights '{name}'; allowed: {', '.join(known)}"],
            ) from error
        return "timm"
    if name in _list_torchvision():
        return "torchvision"
    near = get_close_matches(name, [*timm.list_models(), *_list_torchvision()], n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "timm.list_models() in Python lists them"
    raise InputError(
        "The recipe's backbone is unknown:", [f"model.backbone: neither timm nor torchvision has '{name}'; {hint}"]
    )


def get_timm_config(name: str) -> PretrainedCfg:
    """Return what timm says of a backbone: input size, normalisation, name of the classifier, source of weights."""
    return timm.get_pretrained_cfg(name) or PretrainedCfg()


def get_own_input(backbone: str) -> InputSpec:
    """Read from the library's configuration what its weights of a backbone were trained on; nothing is built.

    Raises:
        InputError: The backbone is unknown.
    """
    if find_library(backbone) == "timm":
        wanted = resolve_data_config(pretrained_cfg=get_timm_config(backbone).to_dict())
        _, height_px, width_px = wanted["input_size"]
        mean, std, interpolation = wanted["mean"], wanted["std"], wanted["interpolation"]
    else:
        preset = torchvision.models.get_model_weights(backbone).DEFAULT.transforms()
        (height_px,) = (width_px,) = preset.crop_size
        mean, std, interpolation = preset.mean, preset.std, preset.interpolation.value
    return InputSpec(height_px, width_px, "stretch", tuple(mean), tuple(std), interpolation)


def resolve_input(recipe: Recipe) -> InputSpec:
    """Find what the recipe's backbone wants to be shown, and try one black picture of that size.

    Raises:
        InputError: The backbone is unknown or cannot take pictures of that size; the message says what it wants.
    """
    spec = describe_input(recipe)
    _try_size(recipe, spec.size_px, get_own_input(recipe.model.backbone).size_px)
    return spec


def describe_input(recipe: Recipe) -> InputSpec:
    """Say what the recipe's backbone wants to be shown; whether it can take pictures of that size is not tried.

    Raises:
        InputError: The backbone is unknown.
    """
    own, asked = get_own_input(recipe.model.backbone), recipe.input
    height_px, width_px = asked.size_px or own.size_px
    return replace(
        own,
        height_px=height_px,
        width_px=width_px,
        resize=asked.resize,
        interpolation=asked.interpolation or own.interpolation,
        center_crop_px=asked.center_crop_px,
    )


def build_backbone(config: ModelConfig, size_px: tuple[int, int], weights: Path | None) -> Backbone:
    """Create a backbone for pictures of one size.

    Args:
        config: Its name and stochastic depth; ``pretrained`` is not looked at.
        size_px: Height and width. Tables of positions are made for it, and those of ``weights`` resized to it.
        weights: Local safetensors or state-dict file, as the library or Podium names them, with or without a head;
            None draws the weights.

    Raises:
        InputError: The backbone is unknown, has no blocks that ``drop_path_rate`` could drop, or cannot be made for
            that size; or the file is missing, is no plain state dict, or lacks, adds or misshapes weights of the
            backbone (all of them are listed).
    """
    find_library(config.backbone)
    tensors = None if weights is None else _read_weights(weights)
    try:
        backbone = _create(config, size_px, tensors)
    except InputError:
        raise
    except Exception as error:  # constructors and converters of hundreds of networks share no error type
        first, *others = str(error).strip().splitlines() or [type(error).__name__]
        if weights is None:
            heading = f"The backbone '{config.backbone}' cannot be made for pictures of {size_px[0]}x{size_px[1]} px:"
        else:
            heading = f"{weights} does not hold weights of the backbone '{config.backbone}':"
        raise InputError(heading, [line.strip() for line in others or [first]]) from error
    if tensors is not None:
        logger.info("starting from the %d tensors of %s", len(tensors), weights)
    return backbone


def _list_torchvision() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)


def _try_size(recipe: Recipe, size_px: tuple[int, int], own_size_px: tuple[int, int]) -> None:
    """Run one black picture through the backbone, since no library says which sizes a network accepts."""
    try:
        backbone = _create(recipe.model, size_px, None).eval()
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, *size_px))
    except InputError:
        raise
    except Exception as error:  # networks refuse sizes in their own ways
        raise InputError(
            f"Recipe '{recipe.name}' asks for an impossible size:",
            [
                f"recipes.{recipe.name}.input.size_px: {recipe.model.backbone} cannot take {size_px[0]}x{size_px[1]} "
                f"px ({' '.join(str(error).split())[:200]}); its own size is {own_size_px[0]}x{own_size_px[1]}"
            ],
        ) from error
    if not isinstance(features, Tensor) or features.shape != (1, backbone.n_features):
        raise InputError(
            f"Recipe '{recipe.name}' asks for a backbone that gives no plain features:",
            [f"recipes.{recipe.name}.model.backbone: {recipe.model.backbone}; choose a network that classifies images"],
        )


def _create(config: ModelConfig, size_px: tuple[int, int], weights: dict[str, Tensor] | None) -> Backbone:
    """Create a backbone with strictly loaded weights; errors are the libraries' own."""
    create = _create_timm if find_library(config.backbone) == "timm" else _create_torchvision
    return create(config, size_px, weights)


def _create_timm(config: ModelConfig, size_px: tuple[int, int], weights: dict[str, Tensor] | None) -> Backbone:
    cfg = get_timm_config(config.backbone)
    # With as many rows as the file's head has, the whole file must fit; the head comes off afterwards.
    n_rows = 0 if weights is None else _count_head_rows(weights, cfg)
    options: dict[str, Any] = {"num_classes": n_rows, "drop_rate": 0.0}
    if cfg.fixed_input_size:
        options["img_size"] = size_px
    if config.drop_path_rate:  # not every network takes the argument
        options["drop_path_rate"] = config.drop_path_rate
    if weights is not None:  # timm renames what older files call otherwise, and resizes tables of positions
        overlay = {"state_dict": weights, "num_classes": n_rows, "label_offset": 0}
        options |= {"pretrained": True, "pretrained_cfg_overlay": overlay}
    try:
        model: Any = timm.create_model(config.backbone, **options)
    except TypeError as error:
        if "drop_path_rate" in str(error):
            raise _refuse_drop_path(config) from error
        raise
    model.pretrained_cfg["state_dict"] = None  # else the file's tensors would live as long as the model
    if n_rows:
        model.reset_classifier(0)
    if not config.drop_path_rate:  # some networks have a rate of their own accord
        for module in model.modules():
            if isinstance(module, DropPath):
                module.drop_prob = 0.0
    model.n_features = getattr(model, "head_hidden_size", model.num_features)
    return cast(Backbone, model)


def _create_torchvision(config: ModelConfig, size_px: tuple[int, int], weights: dict[str, Tensor] | None) -> Backbone:
    options = _list_torchvision_options(config.backbone, size_px)
    model: Any = torchvision.models.get_model(config.backbone, weights=None, **options)
    head = _find_last_layer(model)
    model.n_features = _remove_head(model, head)
    _set_stochastic_depth(model, config)
    if weights is not None:
        unused = (f"{head}.", "aux1.", "aux2.")  # googlenet's further heads
        own = {name: tensor for name, tensor in weights.items() if not name.startswith(unused)}
        if isinstance(model, VisionTransformer) and "encoder.pos_embedding" in own:
            own = dict(interpolate_embeddings(model.image_size, model.patch_size, own))
        model.load_state_dict(own)
    return cast(Backbone, model)


def _list_torchvision_options(name: str, size_px: tuple[int, int]) -> dict[str, Any]:
    if name.startswith("vit_"):
        if size_px[0] != size_px[1]:
            raise ValueError("it takes square pictures only")
        return {"image_size": size_px[0]}
    if name.startswith("maxvit"):
        return {"input_size": size_px}
    if name == "googlenet":  # its weights are for pictures that it normalises once more
        return {"aux_logits": False, "init_weights": True, "transform_input": True, "dropout": 0.0}
    return {}


def _find_last_layer(model: nn.Module) -> str:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]


def _remove_head(model: nn.Module, name: str) -> int:
    """Let the last layer, and dropout beside it, pass everything on; return how many features came in."""
    folder, _, last_name = name.rpartition(".")
    beside, last = model.get_submodule(folder), model.get_submodule(name)
    for child_name, child in list(beside.named_children()):
        if child_name == last_name or isinstance(child, nn.Dropout):
            setattr(beside, child_name, nn.Identity())
    return last.in_features if isinstance(last, nn.Linear) else cast(nn.Conv2d, last).in_channels


def _set_stochastic_depth(model: nn.Module, config: ModelConfig) -> None:
    """Drop deeper blocks more often, evenly from 0 to the rate (Huang et al., 2016, equation 4).

    torchvision's constructors fix rates of their own.
    """
    blocks = [module for module in model.modules() if isinstance(module, StochasticDepth)]
    if config.drop_path_rate and not blocks:
        raise _refuse_drop_path(config)
    for block, rate in zip(blocks, torch.linspace(0, config.drop_path_rate, len(blocks)).tolist(), strict=True):
        block.p = rate


def _refuse_drop_path(config: ModelConfig) -> InputError:
    return InputError(
        f"The backbone '{config.backbone}' has no stochastic depth:",
        [f"model.drop_path_rate: {config.drop_path_rate}; set it to 0, or choose another backbone"],
    )


def _count_head_rows(weights: Mapping[str, Tensor], cfg: PretrainedCfg) -> int:
    classifier = cfg.classifier or ()  # distilled models have two
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    for name in (*names, *HEAD_NAMES):
        if f"{name}.weight" in weights:
            return weights[f"{name}.weight"].shape[0]
    return 0


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Read names and tensors, and nothing else: no pickle is ever run.

    From a file that Podium wrote only the backbone's are taken, under the library's names.
    """
    if not path.is_file():
        raise InputError("Starting weights are missing:", [f"model.pretrained: there is no file '{path}'"])
    try:
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # any reader's own error type: they share no base class
        raise InputError("Starting weights cannot be read:", [f"model.pretrained: {path}: {error}"]) from error
    is_mapping = isinstance(weights, dict) and all(isinstance(x, Tensor) for x in weights.values())
    if not is_mapping or not weights:
        raise InputError(
            "Starting weights are no plain mapping:",
            [f"model.pretrained: {path}: save model.state_dict() itself, names to tensors, and nothing around it"],
        )
    own = {name.removeprefix(OWN_PREFIX): x for name, x in weights.items() if name.startswith(OWN_PREFIX)}
    return own or dict(weights)
