"""Batch norms that see the whole batch, however many ranks compute it."""

from abc import abstractmethod
from typing import Any, Literal

import torch
import torch.distributed
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.errors import raise_if_any
from podium.vision.ranks import Ranks

_KNOWN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, BatchNormAct2d)


class SyncedNorm(_BatchNorm):
    """A batch norm over the images of all ranks, with the parameters and buffers of an ordinary one.

    A batch that every rank computes whole is normalised as by an ordinary one.

    Args:
        norm: Its parameters, buffers and, in timm's, dropout and activation are taken over.
        ranks: Who computes the batch.
    """

    def __init__(self, norm: _BatchNorm, ranks: Ranks):
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.training = norm.training
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())
        self._ranks = ranks

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (batch, channels, …), then do what timm's norms do after it."""
        is_shared = self.training and self._ranks.is_sharing
        normalized = self.normalize_together(input) if is_shared else _BatchNorm.forward(self, input)
        return self.act(self.drop(normalized))

    @abstractmethod
    def normalize_together(self, features: Tensor) -> Tensor:
        """Normalise this rank's part of the batch by the mean and variance of the whole."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions: the norm that was here had its say."""


class GpuNorm(SyncedNorm, nn.SyncBatchNorm):
    """torch's own, which is for GPUs alone."""

    def normalize_together(self, features: Tensor) -> Tensor:
        """Normalise by torch's kernels."""
        return nn.SyncBatchNorm.forward(self, features)


class CpuNorm(SyncedNorm):
    """The same written out, for a CPU."""

    def normalize_together(self, features: Tensor) -> Tensor:
        """Add mean and variance up over the ranks."""
        values = features.float()
        axes = [axis for axis in range(values.ndim) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(values.ndim)]
        n_own = values.new_full((1,), values.numel() / values.shape[1])
        sums = add_up(torch.cat([values.sum(axes), n_own]))
        n_values, mean = sums[-1].detach(), sums[:-1] / sums[-1].detach()
        centred = values - mean.view(shape)
        variance = add_up(centred.square().sum(axes)) / n_values
        self._track(mean.detach(), variance.detach() * n_values / (n_values - 1))
        normalized = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.weight is not None:
            normalized = normalized * self.weight.view(shape)
        if self.bias is not None:
            normalized = normalized + self.bias.view(shape)
        return normalized.to(features.dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of a batch, as torch's norms do."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _AddUp(torch.autograd.Function):
    """The sum over all ranks; what it says goes to all of them, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        torch.distributed.all_reduce(total)
        return total


def add_up(own: Tensor) -> Tensor:
    """Add a tensor of one shape up over all ranks, with gradients."""
    total: Tensor = _AddUp.apply(own)
    return total


def synchronize_norms(network: nn.Module, ranks: Ranks, accelerator: Literal["cpu", "gpu"]) -> None:
    """Let each batch norm of a network see the batches of all ranks; parameters, buffers and their names stay.

    Args:
        network: Its batch norms are replaced in place.
        ranks: Who computes a batch.
        accelerator: Where they do.

    Raises:
        InputError: The network has batch norms of a kind that is not known here; every one is listed.
    """
    modules = network.named_modules(remove_duplicate=False)  # a norm may stand in two places
    norms = {name: module for name, module in modules if isinstance(module, _BatchNorm)}
    unknown = [
        f"{name}: {type(norm).__name__} cannot be shared; train this backbone with training.devices=1, training.nodes=1"
        for name, norm in norms.items()
        if type(norm) not in _KNOWN
    ]
    raise_if_any("Batch norms of the backbone see only a part of each batch:", unknown)
    kind = GpuNorm if accelerator == "gpu" else CpuNorm
    synced = {norm: kind(norm, ranks) for norm in norms.values()}
    for name, norm in norms.items():
        network.set_submodule(name, synced[norm])
