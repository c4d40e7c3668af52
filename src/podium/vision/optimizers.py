"""Optimizers by name, and which parameters learn how fast."""

import inspect
from typing import Any

import timm.optim
import torch
from timm.optim import get_optimizer_info
from torch import nn

from podium.errors import raise_if_any, suggest
from podium.vision.freezing import list_never_trained
from podium.vision.layers import list_layers
from podium.vision.recipe import FreezingConfig, OptimizerConfig, Recipe

_LOOKAHEAD = "lookahead_"
_COMPILED = "it compiles its own kernels while training, which needs a C++ compiler and the package opt_einsum"
_REFUSED = {
    "adahessian": "it needs second derivatives, which training does not compute",
    "kron": _COMPILED,
    "kronc": _COMPILED,
    "kronw": _COMPILED,
}
_STEPS_TO_SHOW = 8  # lookahead keeps a copy of the weights from its sixth step on
# Not SGD: its kernel wants all momenta of a group to begin at the same step, and parameters that thaw begin later.
_FUSED = (torch.optim.Adam, torch.optim.AdamW)


def list_optimizers() -> list[str]:
    """List the names that a recipe may give, in order; each also goes behind ``lookahead_`` (Zhang et al., 2019)."""
    return [name for name in map(str, timm.optim.list_optimizers()) if not _find_obstacle(name)]


def require_optimizer(recipe: Recipe) -> None:
    """Try the optimizer where training will look for it, before anything else takes time.

    Raises:
        InputError: Its name is unknown, or that of an optimizer that does not work here, or it does not take the
            options.
    """
    config, key = recipe.optimizer, f"recipes.{recipe.name}.optimizer"
    name = config.name.lower().removeprefix(_LOOKAHEAD)
    if name not in timm.optim.list_optimizers():
        case = f"{key}.name: timm has no '{config.name}'; {suggest(name, list_optimizers())}"
        raise_if_any("The recipe's optimizer is unknown:", [case])
    obstacle = _find_obstacle(name)
    if obstacle:
        raise_if_any(
            "The recipe's optimizer does not work here:",
            [f"{key}.name: '{config.name}' cannot be used: {obstacle}; '{_find_stand_in(name)}' can"],
        )
    raise_if_any("The recipe's optimizer does not take these options:", _list_wrong_options(config, name, key))


def make_optimizer(
    network: nn.Module, config: OptimizerConfig, freezing: FreezingConfig | None = None
) -> torch.optim.Optimizer:
    """Make the optimizer of all parameters that ever learn, each in one group.

    With a ``layer_decay`` of 1 there are two groups, ``decay`` and ``no_decay``: parameters of one dimension or none
    (norms and biases), and those that the backbone's own ``no_weight_decay()`` names, are not decayed. With less there
    are up to two for the head and for each layer of the backbone, as in ``head.decay`` and ``layer_3.no_decay``, where
    layer 0 is next to the input; those n layers below the head learn at ``lr * layer_decay**n`` (Clark et al., 2020).
    The head's groups come first, so ``param_groups[0]["lr"]`` is its rate.

    Args:
        network: Has a ``backbone`` and a ``head``.
        config: Name, rates and options.
        freezing: Leaves out what it never lets learn; what only learns later is in. None freezes nothing.

    Raises:
        InputError: ``freezing`` does not fit the backbone.
    """
    never_trained = set(list_never_trained(network, freezing or FreezingConfig()))
    distances = _measure_distances(network) if config.layer_decay < 1.0 else {}
    undecayed = _list_undecayed(network)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in network.named_parameters():
        if name in never_trained or not parameter.requires_grad:
            continue
        distance, is_decayed = distances.get(name, 0), name not in undecayed
        group = groups.setdefault(
            (distance, not is_decayed),
            {
                "name": _name_group(distance, max(distances.values(), default=0), is_decayed),
                "params": [],
                "lr": config.lr * config.layer_decay**distance,
                "weight_decay": config.weight_decay if is_decayed else 0.0,
            },
        )
        group["params"].append(parameter)
    return _create([groups[key] for key in sorted(groups)], config)


def measure_state_share(config: OptimizerConfig) -> tuple[float, int]:
    """Let an optimizer make a few steps on a small matrix, and see what it keeps.

    Returns:
        Bytes of its state for each byte of weights, and the number of tensors that it keeps for each of them.
    """
    weight = nn.Parameter(torch.ones(64, 64))
    optimizer = _create([weight], config)
    with torch.random.fork_rng(devices=[]):  # some draw
        for _ in range(_STEPS_TO_SHOW):
            weight.grad = torch.ones_like(weight)
            optimizer.step()
    states = optimizer.state_dict()["state"].values()  # what a checkpoint takes; lookahead's lies in another optimizer
    kept = [part for state in states for part in state.values() if isinstance(part, torch.Tensor)]
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in kept)
    return n_bytes / (weight.numel() * weight.element_size()), len(kept)


def _create(parameters: list[Any], config: OptimizerConfig) -> torch.optim.Optimizer:
    options = {"fused": True, **config.options} if _can_fuse(config) else config.options
    return timm.optim.create_optimizer_v2(
        parameters, config.name, lr=config.lr, weight_decay=config.weight_decay, **options
    )


def _can_fuse(config: OptimizerConfig) -> bool:
    """Say whether one kernel can read and write each parameter once a step, in half of the time or less.

    Lightning does not clip the gradients of such an optimizer in mixed precision.
    """
    name = config.name.lower().removeprefix(_LOOKAHEAD)
    is_plain = config.clip_norm is None and not {"foreach", "differentiable"} & config.options.keys()
    return is_plain and timm.optim.get_optimizer_class(name, bind_defaults=False) in _FUSED


def _measure_distances(network: nn.Module) -> dict[str, int]:
    """Count for each parameter the layers between it and the output: 0 for the head, 1 for the last of the backbone."""
    backbone: Any = network.get_submodule("backbone")
    layers = list_layers(backbone)
    distances = {
        f"backbone.{name}": distance for distance, layer in enumerate(reversed(layers), start=1) for name in layer
    }
    return {name: distances.get(name, 0) for name, _ in network.named_parameters()}


def _list_undecayed(network: nn.Module) -> set[str]:
    backbone: Any = network.get_submodule("backbone")
    exempt = backbone.no_weight_decay() if hasattr(backbone, "no_weight_decay") else ()
    names = {name for name, parameter in network.named_parameters() if parameter.ndim <= 1}
    return names | {f"backbone.{name}" for name in exempt}


def _name_group(distance: int, n_layers: int, is_decayed: bool) -> str:
    decay = "decay" if is_decayed else "no_decay"
    if n_layers == 0:
        return decay
    return f"head.{decay}" if distance == 0 else f"layer_{n_layers - distance}.{decay}"


def _find_obstacle(name: str) -> str | None:
    """Say why an optimizer that timm knows does not work here; None where it does."""
    optimizer_class = get_optimizer_info(name).opt_class
    if isinstance(optimizer_class, str):
        return f"it comes from the package {optimizer_class.split('.')[0]} and runs on nothing but a GPU"
    return _REFUSED.get(name)


def _find_stand_in(name: str) -> str:
    """Name what an optimizer's own name is built from, as ``lamb`` for ``fusedlamb``, or what suits most recipes."""
    plain = name.removeprefix("fused").removeprefix("bnb").removesuffix("8bit")
    return plain if plain in list_optimizers() else "adamw"


def _list_wrong_options(config: OptimizerConfig, name: str, key: str) -> list[str]:
    # timm's factory drops some options in silence and takes others for its own, so they are looked up first.
    parameters = inspect.signature(timm.optim.get_optimizer_class(name, bind_defaults=False)).parameters
    accepted = [option for option in parameters if option not in {"params", "lr", "weight_decay"}]
    cases = []
    for option in config.options:
        if option in OptimizerConfig.model_fields:
            cases.append(f"{key}.options.{option}: belongs one level higher, as {key}.{option}")
        elif option not in accepted:
            cases.append(f"{key}.options.{option}: '{config.name}' has no such option; {suggest(option, accepted)}")
    if cases:
        return cases
    weight = nn.Parameter(torch.ones(2, 3))
    weight.grad = torch.ones_like(weight)
    try:
        _create([weight], config).step()
    except Exception as error:  # each optimizer refuses values in its own way
        message = " ".join(str(error).split())[:200]
        return [f"{key}.options: {config.options} is refused by '{config.name}': {message or type(error).__name__}"]
    return []
