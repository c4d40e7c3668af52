"""How processes share a batch: what all of them make of it is what one would."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from podium.vision.ranks import Ranks, gather_numbers
from vision.shared_training import run_ranks


@pytest.mark.parametrize("n_ranks", [2, 3, 7])
@pytest.mark.parametrize("n", [7, 8, 9, 64])
def test_parts_follow_one_another_and_differ_by_one_image_at_most(n: int, n_ranks: int) -> None:
    parts = [Ranks(rank, n_ranks).begin_batch(n) for rank in range(n_ranks)]
    assert [*np.concatenate([np.arange(n)[part] for part in parts])] == list(range(n))
    sizes = [part.stop - part.start for part in parts]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert all(a >= b for a, b in pairwise(sizes)), "the first part is as long as any"
    ranks = Ranks(n_ranks - 1, n_ranks)
    ranks.begin_batch(n)
    assert ranks.part_sizes == (max(sizes), min(sizes)), "each knows of all"


def test_a_batch_of_fewer_images_than_ranks_is_computed_whole_by_each() -> None:
    for rank in range(4):
        ranks = Ranks(rank, 4)
        assert ranks.begin_batch(3) == slice(0, 3)
        assert not ranks.is_sharing
        assert ranks.part_sizes == (3, 3)
        assert ranks.loss_weight == 1.0
        logits = torch.ones(3, 2)
        assert ranks.gather(logits) is logits, "nobody is asked"


def test_one_process_takes_all_and_asks_nobody() -> None:
    alone, logits = Ranks(), torch.ones(5, 2)
    assert alone.begin_batch(5) == slice(0, 5)
    assert alone.gather(logits) is logits
    assert alone.loss_weight == 1.0


def test_what_batches_draw_is_common_and_what_networks_draw_is_not() -> None:
    def draw(ranks: Ranks) -> tuple[list[Any], list[Any]]:
        ranks.seed(5)
        common, own = [], []
        for _ in range(3):
            own.append(torch.rand(2 + ranks.rank).tolist())  # a larger part draws more
            with ranks.draw_in_common():
                common.append(torch.rand(2).tolist())
        return common, own

    torch.manual_seed(5)
    expected = [torch.rand(2).tolist() for _ in range(3)]
    (first, a), (second, b) = draw(Ranks(0, 2)), draw(Ranks(1, 2))
    assert first == second == expected, "one process that draws for batches alone draws these"
    assert a[0] != b[0][:2] and a[0] != expected[0], "no two pictures share a dropout"
    torch.manual_seed(5)
    in_turn = [torch.rand(2).tolist() for _ in range(6)]
    common, own = draw(Ranks())
    assert [value for pair in zip(own, common, strict=True) for value in pair] == in_turn, "one process has one state"


def test_gradients_of_a_shared_loss_are_those_of_the_whole(tmp_path: Path) -> None:
    """Also of a loss that no sum over images gives, such as an F1."""
    torch.manual_seed(1)
    pixels, weights = torch.rand(7, 4), torch.rand(4, 3)

    def score(logits: Tensor) -> Tensor:
        return (logits.softmax(dim=1).sum(dim=0) ** 2).prod() * logits.std()

    def compute(ranks: Ranks) -> tuple[Tensor, float]:
        own = weights.clone().requires_grad_()
        part = ranks.begin_batch(len(pixels))
        loss = score(ranks.gather(pixels[part] @ own))
        (loss * ranks.loss_weight).backward()
        torch.distributed.all_reduce(own.grad)
        return own.grad / ranks.n_ranks, loss.item()

    whole = weights.clone().requires_grad_()
    loss = score(pixels @ whole)
    loss.backward()
    for gradient, told in run_ranks(3, compute):
        assert torch.allclose(gradient, whole.grad, rtol=1e-5)
        assert told == pytest.approx(loss.item(), rel=1e-6)


def test_every_rank_learns_the_numbers_of_every_rank() -> None:
    told = run_ranks(2, lambda ranks: gather_numbers([ranks.rank, 10 - ranks.rank], torch.device("cpu")))
    assert told == [[[0, 10], [1, 9]]] * 2
