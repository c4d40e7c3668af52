"""What a process knows of the others that train the same network, and how they share a batch.

Every rank sees the whole planned batch, as one process would, and computes a part of it. What a batch says as a whole,
its loss, its statistics, its mixing, is made of all parts: so the number of ranks changes no result, apart from the
order in which floats are added, and from what a network draws by itself (dropout, drop path).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed
from torch import Tensor

from podium.vision.seeds import derive_seed


class Ranks:
    """The place of this process among ``n_ranks``; alone, all of this costs and changes nothing.

    Args:
        rank: Number of this process, counted from 0.
        n_ranks: Number of processes.

    Attributes:
        n_images: Of the batch that is computed now.
    """

    def __init__(self, rank: int = 0, n_ranks: int = 1):
        self.rank = rank
        self.n_ranks = n_ranks
        self.n_images = 0
        self._common: Tensor | None = None

    @property
    def is_sharing(self) -> bool:
        """Whether each rank computes a part of the batch; one with too few images is computed whole by all of them."""
        return self.n_images >= self.n_ranks > 1

    @property
    def loss_weight(self) -> float:
        """What a loss of the whole batch is multiplied by, so that the mean of all ranks' gradients is its own.

        A rank's gradient goes through its own part alone. The gradient of the whole is their sum, and ranks take the
        mean; of a batch that every rank computes alone, the mean is right as it is.
        """
        return float(self.n_ranks) if self.is_sharing else 1.0

    def begin_batch(self, n_images: int) -> slice:
        """Take up a batch, and return the part of it that this rank computes."""
        self.n_images = n_images
        return self.find_part(n_images, self.rank) if self.is_sharing else slice(0, n_images)

    def find_part(self, n: int, rank: int) -> slice:
        """Return which of ``n`` images a rank has: contiguous parts, the first ones larger by one."""
        each, rest = divmod(n, self.n_ranks)
        start = rank * each + min(rank, rest)
        return slice(start, start + each + (rank < rest))

    @property
    def part_sizes(self) -> tuple[int, int]:
        """Images of the largest and of the smallest part of the batch."""
        if not self.is_sharing:
            return self.n_images, self.n_images
        each, rest = divmod(self.n_images, self.n_ranks)
        return each + (rest > 0), each

    def gather(self, own: Tensor) -> Tensor:
        """Put the parts of the batch together, in order; only this rank's own part carries a gradient.

        Args:
            own: Float, (images of this rank's part, …).

        Returns:
            float32, (n_images, …); ``own`` as it is where nothing is shared.
        """
        if not self.is_sharing:
            return own
        own = own.float()
        parts = [self.find_part(self.n_images, rank) for rank in range(self.n_ranks)]
        sizes = [part.stop - part.start for part in parts]
        padded = own.new_zeros((sizes[0], *own.shape[1:]))  # the first part is as long as any
        padded[: len(own)] = own.detach()
        received = [torch.empty_like(padded) for _ in sizes]
        torch.distributed.all_gather(received, padded)
        whole = [part[:size] for part, size in zip(received, sizes, strict=True)]
        whole[self.rank] = own
        return torch.cat(whole)

    def seed(self, seed: int) -> None:
        """Set torch's random state: what networks draw differs between ranks, what batches draw does not."""
        torch.manual_seed(seed)
        if self.n_ranks > 1:
            self._common = torch.get_rng_state()
            torch.manual_seed(derive_seed(seed, self.rank))

    @contextmanager
    def draw_in_common(self) -> Iterator[None]:
        """Draw the same numbers on all ranks, from the state in which one process would be."""
        if self._common is None:
            yield
            return
        own = torch.get_rng_state()
        torch.set_rng_state(self._common)
        try:
            yield
        finally:
            self._common = torch.get_rng_state()
            torch.set_rng_state(own)


def gather_numbers(numbers: Sequence[int], device: torch.device) -> list[list[int]]:
    """Tell every rank the integers of every rank, as many of each; by rank."""
    own = torch.tensor(numbers, dtype=torch.int64, device=device)
    received = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(received, own)
    return [part.tolist() for part in received]
