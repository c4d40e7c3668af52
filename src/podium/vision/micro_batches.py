"""A batch that is larger than a device's memory, worked off in parts.

The batch is the recipe's, and stays it: a device computes the logits of one part after another, keeps them and forgets
all else, so that the loss is that of the whole batch, whatever the loss is made of. On the way back each part is
computed again, with the same random numbers, and its gradient is added to the others': the sum is the gradient of the
whole batch. So memory is needed for one part, and time for one more forward pass (Chen et al., 2016, "Training Deep
Nets with Sublinear Memory Cost", with the parts of a batch in place of the layers of a network).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from lightning.pytorch.utilities.memory import garbage_collection_cuda, is_oom_error
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from podium.errors import InputError

logger = logging.getLogger(__name__)

PREDICTED_AT_ONCE = 4
"""Times as many images are predicted at once as are trained on: without gradients, they need that much less memory."""

_Compute = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Division:
    """How a device works off its share of each batch.

    Attributes:
        n_images: Its share of a full batch; of several devices, the largest share.
        micro_batch: Images at once, at most.
        n_norms: Batch norms of the network that normalise by what they see, which is a part then.
    """

    n_images: int
    micro_batch: int
    n_norms: int

    @property
    def is_whole(self) -> bool:
        """Whether a share is computed at once, as if nothing had been said."""
        return self.micro_batch >= self.n_images

    def count_parts(self, largest: int, smallest: int) -> int:
        """Say into how many parts all devices divide their shares of one batch.

        It is one number for all, since batch norms wait for each other in every part. No part is without images, and
        none is of a single image where a batch norm could not normalise it: so for the sake of an odd image, a part may
        have one more than ``micro_batch``.

        Args:
            largest, smallest: Images of the largest and of the smallest share.
        """
        least = 2 if self.n_norms else 1
        return max(min(-(-largest // self.micro_batch), smallest // least), 1)

    def describe(self) -> str:
        """Say in words what happens to a batch."""
        if self.is_whole:
            return f"the whole share of {self.n_images} images of a batch at once"
        return f"at most {self.micro_batch} images at once, of a share of {self.n_images} images of a batch"


def log_division(division: Division) -> None:
    """Say in the log how batches are worked off, and warn where that changes what is trained."""
    logger.info("each device computes %s", division.describe())
    if division.n_norms and not division.is_whole:
        logger.warning(
            "%d batch norms take mean and variance from such parts instead of from whole batches: a device that holds "
            "more trains a slightly different model; freezing.norm_statistics=true in the recipe, or a network without "
            "batch norms, is trained alike on all", division.n_norms,
        )  # fmt: skip


def count_norms(network: nn.Module) -> int:
    """Count the batch norms of a network."""
    return sum(isinstance(module, _BatchNorm) for module in network.modules())


def compute_in_parts(compute: _Compute, network: nn.Module, pixels: Tensor, targets: Tensor, n_parts: int) -> Tensor:
    """Map pictures to logits part by part, as if it were done at once; gradients are those of the whole.

    Args:
        compute: Maps pictures and targets to logits.
        network: What of it has running statistics; each part goes into them once.
        pixels: float32 (batch, 3, height, width).
        targets: int64 (batch,) or float (batch, n_classes).
        n_parts: Parts of equal size, the first ones larger by one; 1 computes all at once.

    Returns:
        (batch, n_classes).
    """
    if n_parts == 1:
        return compute(pixels, targets)
    parts = zip(pixels.tensor_split(n_parts), targets.tensor_split(n_parts), strict=True)
    logits = [
        checkpoint(
            compute, *part, use_reentrant=False, context_fn=lambda: (nullcontext(), keep_running_statistics(network))
        )
        for part in parts
    ]
    return torch.cat(logits)


def map_in_parts(compute: Callable[[Tensor], Tensor], images: Tensor, at_once: int | None) -> Tensor:
    """Do without gradients what :func:`compute_in_parts` does with them; None does all at once."""
    if at_once is None or len(images) <= at_once:
        return compute(images)
    return torch.cat([compute(part) for part in images.split(at_once)])


@contextmanager
def keep_running_statistics(network: nn.Module) -> Iterator[None]:
    """Let norms write what they see into copies of their running statistics, which are then forgotten.

    Copies, and not a switch: what a norm saves for its gradient stays the same in number and shape.
    """
    kept = [
        (module._buffers, name, buffer)
        for module in network.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None and (name.startswith("running_") or name == "num_batches_tracked")
    ]
    for buffers, name, buffer in kept:
        buffers[name] = buffer.clone()
    try:
        yield
    finally:
        for buffers, name, buffer in kept:
            buffers[name] = buffer


def find_micro_batch(
    n_images: int, least: int, try_out: Callable[[int], None], release: Callable[[], None] = garbage_collection_cuda
) -> int:
    """Find how many images a device can compute at once, by halves of its share.

    Args:
        n_images: Its share of a batch.
        least: No fewer images are tried.
        try_out: Computes so many images; raises when memory runs out.
        release: Gives the memory of a try back to the device, once the error, which holds on to it, is gone.

    Returns:
        ``n_images``, its half, a quarter, …, rounded up.

    Raises:
        InputError: Memory runs out with the fewest images too.
    """
    micro_batch = n_images
    while not _fits(try_out, micro_batch):
        release()
        if micro_batch <= least:
            raise InputError(
                "The device's memory is too small for this recipe:",
                [
                    f"training.micro_batch: not even {micro_batch} image(s) at once fit; take smaller pictures "
                    "(input.size_px), a smaller backbone, or training.precision=bf16, and see with nvidia-smi whether "
                    "another program uses the device"
                ],
            )
        micro_batch = max(-(-micro_batch // 2), least)
    release()
    return micro_batch


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, in any of the ways in which torch says so."""
    return isinstance(error, torch.OutOfMemoryError) or is_oom_error(error)


@contextmanager
def explaining_out_of_memory(recipe: str, count_at_once: Callable[[], int]) -> Iterator[None]:
    """Say what to set when the device's memory runs out.

    Args:
        recipe: Its name.
        count_at_once: Says how many images a device trains on at once; asked when it is too late.

    Raises:
        InputError: Memory ran out.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        at_once = count_at_once()
        smaller = -(-at_once // 2)
        advice = (
            f"set training.micro_batch={smaller} (now up to {at_once} at once), or auto, which tries"
            if smaller < at_once
            else "take smaller pictures (input.size_px) or a smaller backbone"
        )
        message = " ".join(str(error).split())[:200]
        raise InputError(
            "The device's memory ran out:",
            [
                f"training.micro_batch: recipe '{recipe}': {advice}; the same command goes on from the last finished "
                f"epoch, the recipe's batch stays what it is ({message})"
            ],
        ) from error


def _fits(try_out: Callable[[int], None], n_images: int) -> bool:
    try:
        try_out(n_images)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
