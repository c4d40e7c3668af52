"""From the image store to batches: a plan of what is drawn, and workers that only augment."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from podium.vision.augmentation import Images, Step, augment_batch, build_policy
from podium.vision.image_store import ImageStore
from podium.vision.ranks import Ranks
from podium.vision.recipe import Sampler as SamplerName
from podium.vision.samplers import Labels, count_draws, draw_epoch
from podium.vision.seeds import derive_seed

Rows = npt.NDArray[np.int64]

_Slot = tuple[int, int, Labels]
"""Where a batch lies: the number of its worker, that of the slot, and the labels, which tell its size."""

N_PREFETCHED = 4
"""Batches that each worker has on order."""

# The workers together use all cores already. Set before any worker is forked: a child that inherits OpenCV's pool of
# threads, but not the threads, waits for them for ever.
cv2.setNumThreads(0)


class PlannedBatch(NamedTuple):
    """What one batch holds: positions in the list of training images, and the seed of its augmentation."""

    positions: Rows
    seed: int


class BatchPlan(Sampler[PlannedBatch]):
    """The batches of an epoch, a function of (seed, fold, epoch) alone: drawn in the main process, never by workers.

    Args:
        sampler: How an epoch draws images, by name; see :func:`podium.vision.samplers.draw_epoch`.
        labels: Training labels, int64, (n,).
        n_variants: How often an epoch draws each image, int64, (n,).
        batch_size: Images a batch; a last batch of one image is dropped, since a batch norm cannot train on it.
        seed: Of the recipe, mixed with the fold.
    """

    def __init__(self, sampler: SamplerName, labels: Labels, n_variants: Rows, batch_size: int, seed: int) -> None:
        self._sampler: SamplerName = sampler
        self._labels = labels
        self._n_variants = n_variants
        self._n_draws = count_draws(sampler, labels, n_variants)
        self.batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration plans; Lightning calls this."""
        self._epoch = epoch

    @property
    def sizes(self) -> list[int]:
        """Images of each batch, the same in every epoch."""
        full, rest = divmod(self._n_draws, self.batch_size)
        return [self.batch_size] * full + [rest] * (rest > 1)

    def __len__(self) -> int:
        full, rest = divmod(self._n_draws, self.batch_size)
        return full + (rest > 1)

    def __iter__(self) -> Iterator[PlannedBatch]:
        rng = np.random.default_rng(derive_seed(self._seed, self._epoch))
        drawn = draw_epoch(self._sampler, self._labels, self._n_variants, rng)
        for number in range(len(self)):
            positions = drawn[number * self.batch_size : (number + 1) * self.batch_size]
            yield PlannedBatch(positions, derive_seed(self._seed, self._epoch, number, 1))


class DealtPlan(Sampler[PlannedBatch]):
    """The batches of a plan that one of several ranks makes: every n-th, beginning with its own number."""

    def __init__(self, plan: BatchPlan, ranks: Ranks):
        self._plan = plan
        self._ranks = ranks
        self.batch_size = plan.batch_size

    def __len__(self) -> int:
        return len(range(self._ranks.rank, len(self._plan), self._ranks.n_ranks))

    def __iter__(self) -> Iterator[PlannedBatch]:
        return itertools.islice(self._plan, self._ranks.rank, None, self._ranks.n_ranks)


class AugmentedBatches(Dataset[tuple[Tensor, Tensor]]):
    """Training batches: pixels from the store, augmented on uint8.

    An item is a whole planned batch: images uint8 (batch, height, width, 3) and labels int64 (batch,).

    Attributes:
        size_px: Height and width of images.
    """

    def __init__(self, store: ImageStore, rows: Rows, labels: npt.NDArray[np.int64], policy: Sequence[Step]) -> None:
        self._store = store
        self._rows = rows
        self._labels = labels.copy()  # tables hand out read-only views
        self._policy = build_policy(policy)
        self.size_px = store.size_px

    def __getitem__(self, batch: PlannedBatch) -> tuple[Tensor, Tensor]:
        images = np.empty((len(batch.positions), *self.size_px, 3), np.uint8)
        labels = self.write_images(batch, images)
        return torch.from_numpy(images), torch.from_numpy(labels)

    def write_images(self, batch: PlannedBatch, out: Images) -> Labels:
        """Write a batch's images to ``out``, uint8 (batch, height, width, 3), and return its labels, int64 (batch,)."""
        augment_batch(self._policy, self._store.read_rows(self._rows[batch.positions]), batch.seed, out)
        return self._labels[batch.positions]


class _BatchesInSlots(Dataset[_Slot]):
    """Batches that workers write into memory which all processes share, made once.

    A tensor that a worker hands over gets shared memory of its own, and the kernel zeroes and maps each of its pages
    anew on both sides: that was a third of all time under a light policy. A slot is written again no earlier than
    the loader has taken its batch out, as a worker never has more batches on order than it has slots, less one.

    Args:
        batches: What is written.
        batch_size: Of the largest batch.
        num_workers: At least 1.
        pin_memory: Take batches out into memory that a GPU copies from directly.
    """

    def __init__(self, batches: AugmentedBatches, batch_size: int, num_workers: int, pin_memory: bool) -> None:
        shape = (num_workers, N_PREFETCHED + 1, batch_size, *batches.size_px, 3)
        self._slots = torch.empty(shape, dtype=torch.uint8).share_memory_()
        self._batches = batches
        self._pin_memory = pin_memory
        self._n_written = 0  # by this worker

    def __getitem__(self, batch: PlannedBatch) -> _Slot:
        worker, slot = _name_worker(), self._n_written % self._slots.shape[1]
        self._n_written += 1
        images = self._slots[worker, slot, : len(batch.positions)].numpy()
        return worker, slot, self._batches.write_images(batch, images)

    def take_out(self, written: _Slot) -> tuple[Tensor, Tensor]:
        """Copy a batch out of its slot."""
        worker, slot, labels = written
        source = self._slots[worker, slot, : len(labels)]
        images = torch.empty(source.shape, dtype=torch.uint8, pin_memory=self._pin_memory)
        np.copyto(images.numpy(), source.numpy())  # torch would wake its threads for it, which the workers' cores lack
        return images, torch.from_numpy(labels)


def _name_worker() -> int:
    worker = get_worker_info()
    if worker is None:
        raise RuntimeError("slots belong to worker processes")
    return worker.id


def _hand_over(written: Any) -> Any:
    """Leave labels an array: the loader would make a tensor of them, with shared memory of its own."""
    return written


class _SlotLoader(DataLoader[Any]):
    """A loader whose workers hand over slots, and whose batches are what lies in them."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:  # type: ignore[override]
        return map(cast(_BatchesInSlots, self.dataset).take_out, super().__iter__())


class StoredBatches(Dataset[tuple[Tensor, Tensor]]):
    """Batches in order, straight from the store: for validation and prediction.

    An item is a batch: images uint8 (batch, height, width, 3) and labels int64 (batch,), -1 where there is none.
    """

    def __init__(self, store: ImageStore, rows: Rows, labels: npt.NDArray[np.int64] | None, batch_size: int) -> None:
        self._store = store
        self._rows = rows
        self._labels = np.full(len(rows), -1) if labels is None else labels.copy()  # tables hand out read-only views
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch_size)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        part = slice(number * self._batch_size, (number + 1) * self._batch_size)
        pixels = self._store.read_rows(self._rows[part])
        return torch.from_numpy(pixels), torch.from_numpy(self._labels[part])


def load_training_batches(
    batches: AugmentedBatches, plan: BatchPlan | DealtPlan, num_workers: int, pin_memory: bool
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Let ``num_workers`` processes augment the planned batches; the result does not depend on their number."""
    # An item of the dataset is a whole batch already, and from a generator of its own the loader does not take its
    # numbers from the model's random state.
    common: dict[str, Any] = {"sampler": plan, "batch_size": None, "generator": torch.Generator()}
    if not num_workers:
        return DataLoader(batches, pin_memory=pin_memory, **common)
    return _SlotLoader(
        _BatchesInSlots(batches, plan.batch_size, num_workers, pin_memory),
        num_workers=num_workers,
        collate_fn=_hand_over,
        persistent_workers=True,
        prefetch_factor=N_PREFETCHED,
        **common,
    )


def load_stored_batches(batches: StoredBatches, pin_memory: bool) -> DataLoader[tuple[Tensor, Tensor]]:
    """Read batches in order in this process: there is nothing to compute that a worker could take over."""
    return DataLoader(batches, batch_size=None, pin_memory=pin_memory, generator=torch.Generator())
