"""Backbones by name, and what pictures they want."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import timm
import timm.optim
import torch
from safetensors.torch import load_file
from timm.data import resolve_data_config
from torch import nn

from podium.errors import InputError, suggest
from podium.vision.recipe import ModelConfig, Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InputSpec:
    """What a backbone wants to be shown.

    Attributes:
        height_px, width_px: Size of its input.
        resize: How pictures of another shape come to that size.
        mean, std: Per channel (R, G, B), on the scale of 0 to 1.
    """

    height_px: int
    width_px: int
    resize: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def build_model(config: ModelConfig, n_classes: int, load_weights: bool = True) -> nn.Module:
    """Create the backbone with a linear head for ``n_classes``.

    Args:
        config: Name, starting weights and regularisation.
        n_classes: Width of the head.
        load_weights: Without it the ``pretrained`` choice is ignored, for a caller that brings trained weights.

    Raises:
        InputError: timm does not know the backbone, or the weights cannot be loaded.
    """
    model = _create_model(config, n_classes, pretrained=load_weights and config.pretrained is True)
    if load_weights and isinstance(config.pretrained, Path):
        _load_local_weights(model, config.pretrained)
    return model


def resolve_input(recipe: Recipe) -> InputSpec:
    """Find the input size, mean and std of the recipe's backbone, and try that size once.

    Raises:
        InputError: The backbone or the optimizer is unknown, or the backbone cannot take pictures of that size or the
            local file's weights; the message says what it wants.
    """
    _require_optimizer(recipe)
    model = _create_model(recipe.model, n_classes=2, pretrained=False)
    if isinstance(recipe.model.pretrained, Path):
        _load_local_weights(model, recipe.model.pretrained)
    wanted = resolve_data_config({}, model=model)
    height_px, width_px = recipe.input.size_px or wanted["input_size"][1:]
    spec = InputSpec(height_px, width_px, recipe.input.resize, tuple(wanted["mean"]), tuple(wanted["std"]))
    _try_size(recipe, model, spec, wanted["input_size"][1:])
    return spec


def _create_model(config: ModelConfig, n_classes: int, pretrained: bool) -> nn.Module:
    if not timm.is_model(config.backbone):
        raise InputError(
            "The recipe's backbone is unknown:",
            [f"model.backbone: timm has no '{config.backbone}'; {_suggest_backbone(config.backbone)}"],
        )
    options: dict[str, Any] = {"num_classes": n_classes, "drop_rate": config.drop_rate}
    if config.drop_path_rate:  # not every backbone takes the argument
        options["drop_path_rate"] = config.drop_path_rate
    try:
        return timm.create_model(config.backbone, pretrained=pretrained, **options)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"The backbone '{config.backbone}' cannot be made:",
            [f"{' '.join(str(error).split())[:400]} (model: {config.model_dump(mode='json')})"],
        ) from error


def _require_optimizer(recipe: Recipe) -> None:
    """Look the optimizer's name up where training will, before anything else takes time."""
    name, known = recipe.optimizer.name, [str(known) for known in timm.optim.list_optimizers()]
    if name.lower().removeprefix("lookahead_") not in known:
        raise InputError(
            "The recipe's optimizer is unknown:",
            [f"recipes.{recipe.name}.optimizer.name: timm has no '{name}'; {suggest(name, known)}"],
        )


def _suggest_backbone(name: str) -> str:
    hint = suggest(name, timm.list_models())
    return hint if hint.startswith("did you") else "python -c 'import timm; print(timm.list_models())' lists them"


def _load_local_weights(model: nn.Module, path: Path) -> None:
    """Load all weights that fit, but the head's; nothing is ever unpickled beyond plain tensors."""
    if not path.is_file():
        raise InputError("Starting weights are missing:", [f"model.pretrained: there is no file '{path}'"])
    try:
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # any reader's own error type: they share no base class
        raise InputError("Starting weights cannot be read:", [f"model.pretrained: {path}: {error}"]) from error
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise InputError(
            "Starting weights are no plain mapping:",
            [f"model.pretrained: {path}: save model.state_dict() itself, names to tensors, and nothing around it"],
        )
    config: Any = model.default_cfg
    names = config["classifier"]  # distilled models have two heads
    heads = tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))
    own = model.state_dict()
    body = {k: v for k, v in weights.items() if not k.startswith(heads)}
    wrong = [f"{k}: {tuple(v.shape)} in the file" for k, v in body.items() if k not in own or own[k].shape != v.shape]
    missing = [f"{k}: not in the file" for k in own if k not in body and not k.startswith(heads)]
    missing = [case for case in missing if "num_batches_tracked" not in case]
    if wrong or missing:
        raise InputError(f"{path} does not hold weights of this backbone:", wrong + missing)
    model.load_state_dict(body, strict=False)
    logger.info("loaded %d starting weights from %s", len(body), path)


def _try_size(recipe: Recipe, model: nn.Module, spec: InputSpec, own_size: tuple[int, int]) -> None:
    """Run one black picture through the backbone, since timm says nothing of the sizes that a model accepts."""
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 3, spec.height_px, spec.width_px))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"Recipe '{recipe.name}' asks for an impossible size:",
            [
                f"recipes.{recipe.name}.input.size_px: {recipe.model.backbone} cannot take {spec.height_px}x"
                f"{spec.width_px} px ({' '.join(str(error).split())[:200]}); "
                f"its own size is {own_size[0]}x{own_size[1]}"
            ],
        ) from error
