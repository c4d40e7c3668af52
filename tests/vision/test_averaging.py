"""Averages of weights, against the sums written out."""

import numpy as np
import pytest
import torch
from torch import nn

from podium.vision.averaging import is_due, make_average
from podium.vision.recipe import AveragingConfig


def follow(config: AveragingConfig, values: list[float]) -> list[float]:
    """Give the average after each update of a network whose one weight takes these values."""
    network = nn.Linear(1, 1, bias=False)
    average = make_average(network, config)
    assert average is not None
    seen = []
    for value in values:
        nn.init.constant_(network.weight, value)
        average.update()
        seen.append(average.module.weight.item())
    return seen


def test_exponential_average_forgets_its_start_soon_and_then_decays_as_stated() -> None:
    values = np.random.default_rng(0).normal(size=60).tolist()
    expected, averages = values[0], [values[0]]
    for n, value in enumerate(values[1:], start=1):
        decay = min(0.8, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
        averages.append(expected)
    assert follow(AveragingConfig(name="ema", decay=0.8), values) == pytest.approx(averages, abs=1e-5)


def test_stochastic_weight_averaging_is_the_plain_mean() -> None:
    values = [3.0, 5.0, 10.0]
    assert follow(AveragingConfig(name="swa"), values) == pytest.approx([3.0, 4.0, 6.0])


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_statistics_of_norms_are_averaged_too_and_no_gradient_reaches_the_average(name: str) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = make_average(network, AveragingConfig(name=name, decay=0.5))  # type: ignore[arg-type]
    assert average is not None
    for _ in range(3):
        network(torch.randn(8, 2) + 5)
        average.update()
    assert (average.module[1].running_mean != 0).all()
    assert not torch.equal(average.module[1].running_mean, network[1].running_mean)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_what_has_no_mean_is_carried_over_as_it_is(name: str) -> None:
    network = nn.BatchNorm1d(1)
    network.register_buffer("numbers", torch.arange(17))
    average = make_average(network, AveragingConfig(name=name))  # type: ignore[arg-type]
    assert average is not None
    for _ in range(200):
        network(torch.randn(4, 1))
        average.update()
    assert average.module.numbers.tolist() == list(range(17))
    if name == "ema":
        assert average.module.num_batches_tracked == 200


def test_average_follows_a_network_that_moves_with_it() -> None:
    both = nn.ModuleList([network := nn.BatchNorm1d(2)])
    average = make_average(network, AveragingConfig(name="swa"))
    assert average is not None
    both.append(average)
    average.update()
    both.double()  # as a move to another device does, this makes new buffers
    nn.init.constant_(network.running_mean, 3.0)
    average.update()
    assert average.module.running_mean.tolist() == [1.5, 1.5]


def test_without_averaging_there_is_nothing() -> None:
    assert make_average(nn.Linear(1, 1), AveragingConfig()) is None


def test_average_is_due_at_every_step_or_at_the_end_of_late_epochs() -> None:
    ema, swa = AveragingConfig(name="ema"), AveragingConfig(name="swa", start_epoch=2)
    assert is_due(ema, 0, False)
    assert [is_due(swa, epoch, True) for epoch in range(4)] == [False, False, True, True]
    assert not is_due(swa, 3, False)
    assert not is_due(AveragingConfig(), 3, True)
