"""Batches that ranks make in turn, and hand to all others.

The random numbers of a policy are drawn image after image within a batch, so a part of a batch cannot be augmented as
it would be within the whole. Were every rank to make every batch, the work of augmentation would grow with the number
of ranks. So rank r makes the batches r, r + n, r + 2n, … whole, just as one process would make them, and each travels
once, as bytes, between the devices.
"""

from collections.abc import Iterator

import torch
import torch.distributed
from torch import Tensor
from torch.utils.data import DataLoader

from podium.vision.batches import BatchPlan
from podium.vision.ranks import Ranks


class DealtBatches:
    """All batches of a plan, on the device of each rank: images uint8 (batch, height, width, 3), labels int64 (batch,).

    Args:
        loader: Of this rank's own batches.
        plan: Of all batches.
        size_px: Height and width of images.
        ranks: Who makes which batch.
        device: Where batches go.

    Attributes:
        sampler: The plan, which Lightning tells the epoch.
    """

    def __init__(
        self,
        loader: DataLoader[tuple[Tensor, Tensor]],
        plan: BatchPlan,
        size_px: tuple[int, int],
        ranks: Ranks,
        device: torch.device,
    ) -> None:
        self.sampler = plan
        self._loader = loader
        self._size_px = size_px
        self._ranks = ranks
        self._device = device

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        own = iter(self._loader)
        made: tuple[Tensor, Tensor] | None = None
        for number, n_images in enumerate(self.sampler.sizes):
            maker = number % self._ranks.n_ranks
            if maker == 0:  # a round begins: all make their batches at the same time
                made = next(own, None)
            yield self._hand_around(made if maker == self._ranks.rank else None, n_images, maker)

    def _hand_around(self, made: tuple[Tensor, Tensor] | None, n_images: int, maker: int) -> tuple[Tensor, Tensor]:
        if made is None:
            images = torch.empty((n_images, *self._size_px, 3), dtype=torch.uint8, device=self._device)
            labels = torch.empty(n_images, dtype=torch.int64, device=self._device)
        else:
            images, labels = (part.to(self._device, non_blocking=True) for part in made)
        torch.distributed.broadcast(images, src=maker)
        torch.distributed.broadcast(labels, src=maker)
        return images, labels
