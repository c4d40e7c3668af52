"""Weights averaged over training."""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from podium.vision.recipe import AveragingConfig

Tensors = tuple[Tensor, ...] | list[Tensor]


def make_average(network: nn.Module, config: AveragingConfig) -> AveragedModel | None:
    """Make the average of a network's parameters and buffers, still empty; None where the recipe wants none.

    ``ema`` decays by ``min(decay, (1 + n) / (10 + n))`` at update n, so that a short training is not ruled by its
    start. ``swa`` is the plain mean. Batch norms' statistics are averaged like weights.
    """
    if config.name == "none":
        return None
    if config.name == "swa":
        return _hold_still(AveragedModel(network, use_buffers=True))

    def average(averaged: Tensors, current: Tensors, n_averaged: Tensor | int) -> None:
        if not averaged[0].is_floating_point():  # one dtype a call; counts and numbers of classes have no mean
            for mean, value in zip(averaged, current, strict=True):
                mean.copy_(value)
            return
        n = int(n_averaged)
        get_ema_multi_avg_fn(min(config.decay, (1 + n) / (10 + n)))(averaged, current, n)

    return _hold_still(AveragedModel(network, multi_avg_fn=average, use_buffers=True))


def is_due(config: AveragingConfig, epoch: int, ends_epoch: bool) -> bool:
    """Say whether the step just done goes into the average: each one for ``ema``, each epoch's last for ``swa``."""
    return config.name == "ema" or (config.name == "swa" and ends_epoch and epoch >= config.start_epoch)


def _hold_still(average: AveragedModel) -> AveragedModel:
    """Take the average out of the gradients' reach: steps change it, not an optimizer."""
    return average.requires_grad_(False)
