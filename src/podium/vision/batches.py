"""From the image store to batches: a plan of what is drawn, and workers that only augment."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from podium.vision.augmentation import Step, augment_batch, build_policy
from podium.vision.image_store import ImageStore
from podium.vision.recipe import Sampler as SamplerName
from podium.vision.samplers import Labels, count_draws, draw_epoch
from podium.vision.seeds import derive_seed

Rows = npt.NDArray[np.int64]

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
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration plans; Lightning calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(self._n_draws, self._batch_size)
        return full + (rest > 1)

    def __iter__(self) -> Iterator[PlannedBatch]:
        rng = np.random.default_rng(derive_seed(self._seed, self._epoch))
        drawn = draw_epoch(self._sampler, self._labels, self._n_variants, rng)
        for number in range(len(self)):
            positions = drawn[number * self._batch_size : (number + 1) * self._batch_size]
            yield PlannedBatch(positions, derive_seed(self._seed, self._epoch, number, 1))


class AugmentedBatches(Dataset[tuple[Tensor, Tensor]]):
    """Training batches: pixels from the store, augmented on uint8.

    An item is a whole planned batch: images uint8 (batch, height, width, 3) and labels int64 (batch,).
    """

    def __init__(self, store: ImageStore, rows: Rows, labels: npt.NDArray[np.int64], policy: Sequence[Step]) -> None:
        self._store = store
        self._rows = rows
        self._labels = labels.copy()  # tables hand out read-only views
        self._policy = build_policy(policy)

    def __getitem__(self, batch: PlannedBatch) -> tuple[Tensor, Tensor]:
        pixels = np.asarray(self._store.pixels[self._rows[batch.positions]])
        images = augment_batch(self._policy, pixels, batch.seed)
        return torch.from_numpy(images), torch.from_numpy(self._labels[batch.positions])


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
        pixels = np.ascontiguousarray(self._store.pixels[self._rows[part]])
        return torch.from_numpy(pixels), torch.from_numpy(self._labels[part])


def load_training_batches(
    batches: AugmentedBatches, plan: BatchPlan, num_workers: int, pin_memory: bool
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Let ``num_workers`` processes augment the planned batches; the result does not depend on their number."""
    return DataLoader(
        batches,
        sampler=plan,
        batch_size=None,  # an item of the dataset is a whole batch already
        num_workers=num_workers,
        pin_memory=pin_memory,
        persistent_workers=num_workers > 0,
        prefetch_factor=4 if num_workers else None,
        generator=torch.Generator(),  # else the loader would take its numbers from the model's random state
    )


def load_stored_batches(batches: StoredBatches, pin_memory: bool) -> DataLoader[tuple[Tensor, Tensor]]:
    """Read batches in order in this process: there is nothing to compute that a worker could take over."""
    return DataLoader(batches, batch_size=None, pin_memory=pin_memory, generator=torch.Generator())
