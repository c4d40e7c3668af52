"""How many bytes the files of a training take, found out without training anything."""

from dataclasses import dataclass

import torch
from torch import nn

from podium.errors import InputError
from podium.vision.input_spec import InputSpec
from podium.vision.network import ClassValues, build_network
from podium.vision.optimizers import measure_state_share
from podium.vision.recipe import Recipe

_TENSOR_BYTES = 700
"""Of a tensor in a checkpoint besides its numbers: its names, and its place in the archive."""

_REST_BYTES = 40_000
"""Of a checkpoint besides its tensors: state of the loop, of callbacks and of the schedule."""

_HEADER_BYTES = 16_000
"""Of a file of weights: the recipe, the member, and the values of classes."""


@dataclass(frozen=True)
class Footprint:
    """Bytes of the files of one fold.

    Attributes:
        weights_bytes: The final weights.
        best_bytes: The checkpoint of the best epoch: the network, and its average where the recipe wants one.
        last_bytes: The checkpoint to go on from: the same, and the optimizer's state.
    """

    weights_bytes: int
    best_bytes: int
    last_bytes: int


def measure_footprint(
    recipe: Recipe, spec: InputSpec, n_classes: int, class_values: ClassValues | None = None
) -> Footprint:
    """Build the network of a recipe without its numbers, and add up what its files will hold.

    Args:
        recipe: What is to be trained.
        spec: Input of the backbone.
        n_classes: Width of the head.
        class_values: int64 (n_classes, n_attributes), for a head an attribute.
    """
    network = _build_empty(recipe, spec, n_classes, class_values)
    tensors = list(network.state_dict().values())
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    n_copies = 1 if recipe.averaging.name == "none" else 2
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    state_share, n_states = measure_state_share(recipe.optimizer)
    state = state_share * sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    best = n_copies * (n_bytes + _TENSOR_BYTES * len(tensors)) + _REST_BYTES
    return Footprint(
        weights_bytes=n_bytes + 200 * len(tensors) + _HEADER_BYTES,
        best_bytes=best,
        last_bytes=best + round(state) + n_states * _TENSOR_BYTES * len(parameters),
    )


def _build_empty(recipe: Recipe, spec: InputSpec, n_classes: int, class_values: ClassValues | None) -> nn.Module:
    """Build a network whose tensors have shapes and no memory, or a real one where its code does not allow that."""
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return build_network(recipe, spec, n_classes, class_values)
        except (InputError, NotImplementedError, RuntimeError):
            return build_network(recipe, spec, n_classes, class_values)
