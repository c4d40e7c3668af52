"""How many images of a batch a device computes at once: as many as were asked for, or as it turns out to bear."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from podium.vision.classifier import Classifier
from podium.vision.freezing import list_never_trained
from podium.vision.micro_batches import Division, count_norms, find_micro_batch, keep_running_statistics, log_division
from podium.vision.network import to_float
from podium.vision.optimizers import measure_state_share
from podium.vision.ranks import Ranks, gather_numbers

MicroBatch = Literal["auto"] | int | None
"""Images at once: as many as the device bears, a number, or None: all."""

_SPARE_SHARE = 0.05
"""Of the device's memory that a probe leaves alone: what is computed with lies in it in pieces, never without gaps."""


class DivideBatches(Callback):
    """Decide before the first batch how each device works off its share.

    Of several devices that find out by themselves, all take the smallest number that any of them found.

    Args:
        micro_batch: What is asked for; ``auto`` tries on a GPU, and computes the whole on a CPU.
        on_division: Called with what was decided; not where nothing is asked for.
    """

    def __init__(self, micro_batch: MicroBatch, on_division: Callable[[Division], None] = log_division):
        self._micro_batch = micro_batch
        self._on_division = on_division

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._micro_batch is None:
            return
        assert isinstance(pl_module, Classifier)
        recipe, ranks = pl_module.recipe, pl_module.ranks
        n_images = -(-recipe.batch_size // ranks.n_ranks)
        n_norms = 0 if recipe.freezing.norm_statistics else count_norms(pl_module.network)
        micro_batch = min(n_images, self._micro_batch) if self._micro_batch != "auto" else n_images
        if self._micro_batch == "auto" and pl_module.device.type == "cuda":
            micro_batch = find_micro_batch(
                n_images, 2 if n_norms else 1, lambda n: try_step(pl_module, trainer, Division(n_images, n, n_norms))
            )
            if ranks.n_ranks > 1:
                micro_batch = min(found for (found,) in gather_numbers([micro_batch], pl_module.device))
        pl_module.division = Division(n_images, micro_batch, n_norms)
        self._on_division(pl_module.division)


def try_step(classifier: Classifier, trainer: pl.Trainer, division: Division) -> None:
    """Compute the gradient of black pictures as training will, and leave everything as it was.

    Pictures have their full size, also where training begins with smaller ones, and what thaws later is thawed. The
    optimizer's state, which comes with its first step, is reserved. No other rank is waited for: one whose memory runs
    out would leave the others waiting.

    Args:
        classifier: On its device.
        trainer: Its precision and optimizer.
        division: What is tried.

    Raises:
        RuntimeError: Memory ran out.
    """
    device, recipe = classifier.device, classifier.recipe
    with _probing(classifier, division), trainer.precision_plugin.train_step_context():
        reserved = _reserve(classifier, trainer)
        part = classifier.ranks.begin_batch(division.n_images)
        images = torch.zeros((recipe.batch_size, *classifier.spec.size_px, 3), dtype=torch.uint8, device=device)
        targets = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
        if classifier.mix is None:
            pixels = to_float(images[part])
        else:
            pixels, targets = classifier.mix(to_float(images), targets)
            pixels = pixels[part]
        loss = classifier.compute_loss(pixels, targets[part], part)
        learning = [parameter for parameter in classifier.network.parameters() if parameter.requires_grad]
        torch.autograd.grad(loss, learning, allow_unused=True)  # not backward(): it would tell other ranks
        del reserved


@contextmanager
def _probing(classifier: Classifier, division: Division) -> Iterator[None]:
    """Let a classifier compute alone and in parts for a while; weights, statistics and random states stay."""
    ranks, before = classifier.ranks, classifier.division
    frozen = [
        parameter
        for name in list_never_trained(classifier.network, classifier.recipe.freezing)
        if (parameter := classifier.network.get_parameter(name)).requires_grad
    ]
    devices = [classifier.device] if classifier.device.type == "cuda" else []
    classifier.ranks, classifier.division = Ranks(), division
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        with torch.random.fork_rng(devices), keep_running_statistics(classifier.network):
            yield
    finally:
        classifier.ranks, classifier.division = ranks, before
        for parameter in frozen:
            parameter.requires_grad_(True)


def _reserve(classifier: Classifier, trainer: pl.Trainer) -> Tensor:
    """Take the memory that is not there yet but will be: gradients, the optimizer's state, and some to spare."""
    optimizer: Any = trainer.optimizers[0]  # of a training that goes on, it has its state already
    share = 0.0 if optimizer.state else measure_state_share(classifier.recipe.optimizer)[0]
    parameters = [parameter for parameter in classifier.network.parameters() if parameter.requires_grad]
    n_bytes = (1 + share) * sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    if classifier.device.type == "cuda":
        n_bytes += _SPARE_SHARE * torch.cuda.get_device_properties(classifier.device).total_memory
    return torch.empty(round(n_bytes), dtype=torch.uint8, device=classifier.device)
