"""Weights averaged over training."""

import copy
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from podium.vision.recipe import AveragingConfig


class Pairs(NamedTuple):
    """Tensors of an average and of the network that goes into it, one by one."""

    averaged: list[Tensor]
    current: list[Tensor]


class Average(nn.Module):
    """The average of a network's parameters and buffers, still empty.

    The number of networks in it is a plain one: a step that asked the device for it would wait until all work before
    was done. The hundreds of tensors are looked up once and averaged by one call.

    Args:
        network: What is averaged; it goes where the average goes, as parts of one module do.
        weigh: Gives the share of the newcomer for the number of networks in the average so far, 1 or more.

    Attributes:
        module: The average, out of the gradients' reach: steps change it, not an optimizer.
        n_averaged: Networks in it; as long as that is 0 it says nothing.
    """

    def __init__(self, network: nn.Module, weigh: Callable[[int], float]):
        super().__init__()
        self.module = copy.deepcopy(network).requires_grad_(False)
        self.n_averaged = 0
        self._network = (network,)  # in a tuple, as it is no part of this module
        self._weigh = weigh
        self._pairs: tuple[Pairs, Pairs] | None = None

    @torch.no_grad()
    def update(self) -> None:
        """Take in the network as it is now; counts and numbers of classes, which have no mean, are carried over."""
        if self._pairs is None:
            self._pairs = _pair_tensors(self.module, *self._network)
        (means, values), (counts, new_counts) = self._pairs
        if self.n_averaged:
            torch._foreach_lerp_(means, values, self._weigh(self.n_averaged))
        else:
            torch._foreach_copy_(means, values)
        if counts:
            torch._foreach_copy_(counts, new_counts)
        self.n_averaged += 1

    def _apply(self, *args: Any, **kwargs: Any) -> "Average":
        self._pairs = None  # a move to another device makes new buffers
        return super()._apply(*args, **kwargs)

    def get_extra_state(self) -> int:
        """Return what checkpoints hold besides tensors."""
        return self.n_averaged

    def set_extra_state(self, state: int) -> None:
        """Take over what :meth:`get_extra_state` returned."""
        self.n_averaged = state


def make_average(network: nn.Module, config: AveragingConfig) -> Average | None:
    """Make the average of a network, still empty; None where the recipe wants none.

    ``ema`` decays by ``min(decay, (1 + n) / (10 + n))`` at update n, so that a short training is not ruled by its
    start. ``swa`` is the plain mean. Batch norms' statistics are averaged like weights.
    """
    match config.name:
        case "none":
            return None
        case "swa":
            return Average(network, lambda n: 1 / (n + 1))
        case "ema":
            return Average(network, lambda n: 1 - min(config.decay, (1 + n) / (10 + n)))


def is_due(config: AveragingConfig, epoch: int, ends_epoch: bool) -> bool:
    """Say whether the step just done goes into the average: each one for ``ema``, each epoch's last for ``swa``."""
    return config.name == "ema" or (config.name == "swa" and ends_epoch and epoch >= config.start_epoch)


def _pair_tensors(average: nn.Module, network: nn.Module) -> tuple[Pairs, Pairs]:
    """List what has a mean and what has none, each in the average and in the network."""
    means, counts = Pairs([], []), Pairs([], [])
    both = (chain(module.parameters(), module.buffers()) for module in (average, network))
    for mean, value in zip(*both, strict=True):
        pairs = means if mean.is_floating_point() else counts
        pairs.averaged.append(mean)
        pairs.current.append(value)
    return means, counts
