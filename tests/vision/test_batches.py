"""Batches are a function of (seed, epoch) alone, and hold what the plan says."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from podium.vision.augmentation import resolve_policy
from podium.vision.batches import (
    AugmentedBatches,
    BatchPlan,
    StoredBatches,
    load_stored_batches,
    load_training_batches,
)
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Sampler as SamplerName

N_IMAGES = 23
SPEC = InputSpec(16, 16, "stretch", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
POLICY = [{"HorizontalFlip": {"p": 0.5}}, {"RandomBrightnessContrast": {"p": 1.0}}]


@pytest.fixture
def store(tmp_path: Path) -> tuple[ImageStore, np.ndarray]:
    """A store of noise pictures, and their rows in order of name."""
    rng = np.random.default_rng(5)
    names = [f"그림_{i:02d}.png" for i in range(N_IMAGES)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(tmp_path / name)
    filled = fill_store(
        folder=tmp_path / "store", root=tmp_path, paths=names, spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False
    )
    opened = ImageStore(tmp_path / "store")
    return opened, opened.rows_of(filled.table["sha256"])


def plan_of(
    n_variants: list[int],
    batch_size: int = 4,
    seed: int = 1,
    sampler: SamplerName = "none",
    labels: np.ndarray | None = None,
) -> BatchPlan:
    labels = np.zeros(len(n_variants), dtype=np.int64) if labels is None else labels
    return BatchPlan(sampler, labels, np.array(n_variants), batch_size, seed)


def test_an_epoch_draws_every_variant_once() -> None:
    drawn = np.concatenate([batch.positions for batch in plan_of([1, 3, 2, 2])])
    assert np.bincount(drawn).tolist() == [1, 3, 2, 2]


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_plans_differ_between_epochs_and_seeds_and_repeat_for_the_same(sampler: SamplerName) -> None:
    labels = np.array([0] * 25 + [1] * 15)

    def order(seed: int, epoch: int) -> tuple[list[int], list[int]]:
        plan = plan_of([1] * 40, seed=seed, sampler=sampler, labels=labels)
        plan.set_epoch(epoch)
        batches = list(plan)
        return np.concatenate([batch.positions for batch in batches]).tolist(), [batch.seed for batch in batches]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0)[0] != order(1, 1)[0]
    assert order(1, 0)[0] != order(2, 0)[0]
    seeds = [seed for epoch in range(3) for seed in order(1, epoch)[1]]
    assert len(set(seeds)) == len(seeds), "two batches would be augmented alike"


def test_an_epoch_is_the_same_whichever_epochs_were_planned_before() -> None:
    """So that an interrupted training goes on as if it had not been."""
    labels = np.array([0] * 25 + [1] * 15)

    def third(n_before: int) -> list[list[int]]:
        plan = plan_of([1] * 40, sampler="oversample", labels=labels)
        for epoch in range(3 - n_before, 3):
            plan.set_epoch(epoch)
            list(plan)
        plan.set_epoch(3)
        return [batch.positions.tolist() for batch in plan]

    assert third(0) == third(3)


@pytest.mark.parametrize(("n", "sizes"), [(8, [4, 4]), (9, [4, 4]), (10, [4, 4, 2])])
def test_a_last_batch_of_one_is_dropped_since_a_batch_norm_cannot_train_on_it(n: int, sizes: list[int]) -> None:
    plan = plan_of([1] * n)
    assert [len(batch.positions) for batch in plan] == sizes
    assert len(plan) == len(sizes)


@pytest.mark.parametrize(
    ("sampler", "n_drawn"), [("none", 11), ("weighted", 11), ("imbalanced", 11), ("oversample", 14)]
)
@pytest.mark.parametrize("batch_size", [2, 4, 5, 10, 13])
def test_a_plan_is_as_long_as_it_says_and_draws_what_its_sampler_draws(
    sampler: SamplerName, n_drawn: int, batch_size: int
) -> None:
    labels = np.array([0] * 5 + [2] * 2)
    plan = plan_of([1] * 5 + [4, 2] if sampler == "none" else [1, 1, 1, 2, 2, 2, 2], batch_size, 1, sampler, labels)
    sizes = [len(batch.positions) for batch in plan]
    assert len(plan) == len(sizes)
    assert sum(sizes) == n_drawn - (n_drawn % batch_size == 1)
    assert set(sizes[:-1]) <= {batch_size}


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than this machine may have cores
@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_batches_do_not_depend_on_the_number_of_workers(
    store: tuple[ImageStore, np.ndarray], sampler: SamplerName
) -> None:
    opened, rows = store
    policy = resolve_policy("test", POLICY, (16, 16))
    classes = np.repeat([0, 1, 2, 3], [8, 6, 6, 3])

    def read(num_workers: int) -> list[tuple[bytes, list[int]]]:
        batches = AugmentedBatches(opened, rows, np.arange(N_IMAGES), policy)
        plan = plan_of([2] * N_IMAGES, sampler=sampler, labels=classes)
        plan.set_epoch(1)
        loader = load_training_batches(batches, plan, num_workers, pin_memory=False)
        return [(images.numpy().tobytes(), labels.tolist()) for images, labels in loader]

    alone = read(0)
    assert len(alone) == (16 if sampler == "oversample" else 12)
    assert read(1) == alone
    assert read(4) == alone


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("num_workers", [1, 3])
def test_batches_that_were_taken_stay_as_they_are(store: tuple[ImageStore, np.ndarray], num_workers: int) -> None:
    """Workers write into the same memory again and again, also after an epoch that was left early."""
    opened, rows = store
    batches = AugmentedBatches(opened, rows, np.arange(N_IMAGES), resolve_policy("test", POLICY, (16, 16)))
    plan = plan_of([8] * N_IMAGES)
    loader = load_training_batches(batches, plan, num_workers, pin_memory=False)
    next(iter(loader))
    for epoch in range(2):
        plan.set_epoch(epoch)
        expected = [batches[batch] for batch in plan]
        taken = list(loader)
        assert len(taken) == len(expected) == 46
        for (images, labels), (other_images, other_labels) in zip(taken, expected, strict=True):
            assert torch.equal(images, other_images)
            assert torch.equal(labels, other_labels)


def test_epochs_open_no_picture_and_write_no_file(store: tuple[ImageStore, np.ndarray], tmp_path: Path) -> None:
    opened, rows = store
    for path in tmp_path.glob("*.png"):
        path.unlink()  # what is not there cannot be decoded
    before = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    batches = AugmentedBatches(opened, rows, np.arange(N_IMAGES), resolve_policy("test", POLICY, (16, 16)))
    loader = load_training_batches(batches, plan_of([2] * N_IMAGES), 0, pin_memory=False)
    assert [sum(len(images) for images, _ in loader) for _ in range(2)] == [46, 46]
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == before


def test_loading_takes_no_numbers_from_the_models_random_state(store: tuple[ImageStore, np.ndarray]) -> None:
    opened, rows = store
    batches = AugmentedBatches(opened, rows, np.arange(N_IMAGES), resolve_policy("test", POLICY, (16, 16)))
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    list(load_training_batches(batches, plan_of([1] * N_IMAGES), 0, pin_memory=False))
    assert torch.equal(torch.rand(4), expected)


def test_stored_batches_hold_the_pixels_as_stored_in_order(store: tuple[ImageStore, np.ndarray]) -> None:
    opened, rows = store
    order = rows[::-1].copy()
    labels = np.arange(N_IMAGES)
    read = list(load_stored_batches(StoredBatches(opened, order, labels, 5), pin_memory=False))
    assert torch.cat([images for images, _ in read]).numpy().tolist() == opened.read_rows(order).tolist()
    assert torch.cat([part for _, part in read]).tolist() == labels.tolist()
    unlabelled = list(load_stored_batches(StoredBatches(opened, order, None, 5), pin_memory=False))
    assert {int(label) for _, part in unlabelled for label in part} == {-1}


def test_a_part_without_images_gives_no_batches(store: tuple[ImageStore, np.ndarray]) -> None:
    nothing = StoredBatches(store[0], np.array([], dtype=np.int64), None, 5)
    assert list(load_stored_batches(nothing, pin_memory=False)) == []
