"""Parts of a network that keep their starting weights, for a while or for good."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.errors import InputError
from podium.vision.layers import list_stages
from podium.vision.recipe import FreezingConfig


def list_frozen(network: nn.Module, config: FreezingConfig) -> list[str]:
    """List the parameters that do not learn at the start of training, in the network's own order.

    Args:
        network: Has a ``backbone`` and a ``head``.
        config: Which parts keep their starting weights.

    Returns:
        Names as in ``network.named_parameters()``.

    Raises:
        InputError: The backbone has fewer stages than are to be kept.
    """
    if config.name == "none":
        return []
    backbone: Any = network.get_submodule("backbone")
    names = {name for name, _ in backbone.named_parameters()}
    if config.name == "first_stages":
        stages = list_stages(backbone)
        if config.n_stages > len(stages):
            raise InputError(
                "The recipe keeps more stages than its backbone has:",
                [f"freezing.n_stages: {config.n_stages} is too many; this backbone has {len(stages)}, with its stem"],
            )
        names = {name for stage in stages[: config.n_stages] for name in stage}
    return [f"backbone.{name}" for name, _ in backbone.named_parameters() if name in names]


def list_never_trained(network: nn.Module, config: FreezingConfig) -> list[str]:
    """List the parameters that do not learn in any epoch, in the network's own order.

    Args, Returns and Raises are those of :func:`list_frozen`.
    """
    return [] if config.name == "melting" else list_frozen(network, config)


class PartFreezing(Callback):
    """Keep parts of ``pl_module.network`` as they are while the trainer fits the rest.

    Frozen parameters ask for no gradient, so no optimizer moves them or keeps a state for them. A module all of whose
    parameters are frozen is in evaluation mode, so its batch norms keep their statistics, and dropout and stochastic
    depth in it are off: it computes the same features in each epoch. ``melting`` undoes both at the start of its thaw
    epoch. Parameters that the backbone itself holds fixed are never touched.

    With ``norm_statistics`` all batch norms of the network normalise by their running means and variances and keep
    them, while their weights and biases go on learning.

    Both hold from the first batch of an epoch on, and follow from the epoch alone, so a resumed run goes on alike.

    Args:
        config: Which parts keep what.
    """

    def __init__(self, config: FreezingConfig):
        self._config = config
        self._parameters: list[nn.Parameter] = []
        self._modules: list[nn.Module] = []
        self._norms: list[nn.Module] = []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        network = pl_module.get_submodule("network")
        frozen = [network.get_parameter(name) for name in list_frozen(network, self._config)]
        self._parameters = [parameter for parameter in frozen if parameter.requires_grad]
        self._modules = _list_modules_within(network, frozen)
        self._norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # Not once an epoch: someone may call train() in between, and a run resumed within an epoch skips its start.
        thawed = self._config.name == "melting" and trainer.current_epoch >= self._config.thaw_epoch
        for parameter in self._parameters:
            parameter.requires_grad_(thawed)
        for module in self._modules:
            module.train(thawed)
        if self._config.norm_statistics:
            for norm in self._norms:
                norm.training = False  # not eval(): timm's batch norms hold other layers, which go on as they are


def _list_modules_within(network: nn.Module, parameters: list[nn.Parameter]) -> list[nn.Module]:
    """List the modules that have parameters, and none but ``parameters``."""
    within = {id(parameter) for parameter in parameters}
    found = []
    for module in network.modules():
        own = {id(parameter) for parameter in module.parameters()}
        if own and own <= within:
            found.append(module)
    return found
