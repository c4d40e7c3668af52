"""Batches that processes make in turn are the batches that one would make."""

from pathlib import Path

import numpy as np
import pytest
import torch

from podium.vision.augmentation import resolve_policy
from podium.vision.batches import AugmentedBatches, BatchPlan, DealtPlan, load_training_batches
from podium.vision.dealt_batches import DealtBatches
from podium.vision.ranks import Ranks
from vision.shared_training import POLICY, SPEC, draw_fold, run_ranks


@pytest.mark.parametrize("num_workers", [0, 1])
def test_every_rank_gets_the_bytes_that_one_process_makes(tmp_path: Path, num_workers: int) -> None:
    data = draw_fold(tmp_path)

    def load(ranks: Ranks | None) -> list[list[tuple[bytes, list[int]]]]:
        plan = BatchPlan("none", data.training_labels, data.n_variants, 8, 7)  # five of 8, one of 3
        images = AugmentedBatches(
            data.store, data.train_rows, data.training_labels, resolve_policy("t", POLICY, (16, 16))
        )
        if ranks is None:
            loader = load_training_batches(images, plan, 0, pin_memory=False)
        else:
            own = load_training_batches(images, DealtPlan(plan, ranks), num_workers, pin_memory=False)
            loader = DealtBatches(own, plan, SPEC.size_px, ranks, torch.device("cpu"))
        epochs = []
        for epoch in (0, 3):
            loader.sampler.set_epoch(epoch)
            epochs.append([(pixels.numpy().tobytes(), labels.tolist()) for pixels, labels in loader])
        assert len(loader) == len(epochs[0])
        return epochs

    expected = load(None)
    assert [len(labels) for _, labels in expected[0]] == [8, 8, 8, 8, 8, 3]
    assert expected[0] != expected[1]
    assert run_ranks(4, load) == [expected] * 4


@pytest.mark.parametrize("n_ranks", [2, 3, 8])
def test_plans_of_all_ranks_are_the_plan(n_ranks: int) -> None:
    plan = BatchPlan("none", np.zeros(26, np.int64), np.ones(26, np.int64), 4, 1)
    dealt = [DealtPlan(plan, Ranks(rank, n_ranks)) for rank in range(n_ranks)]
    assert [len(list(own)) for own in dealt] == [len(own) for own in dealt]
    seeds = {batch.seed for own in dealt for batch in own}
    assert seeds == {batch.seed for batch in plan}
    assert sum(len(own) for own in dealt) == len(plan) == len(plan.sizes) == 7
    assert [len(batch.positions) for batch in plan] == plan.sizes
