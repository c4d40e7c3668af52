import itertools
import math

import pytest
import torch

from podium.vision.recipe import ScheduleConfig
from podium.vision.schedules import make_schedule


def list_factors(steps_per_epoch: int = 10, n_epochs: int = 5, **config: object) -> list[float]:
    factor = make_schedule(ScheduleConfig.model_validate(config), steps_per_epoch, n_epochs)
    return [factor(step) for step in range(steps_per_epoch * n_epochs + 1)]


def test_cosine_is_torchs_own_without_warm_up() -> None:
    factors = list_factors(name="cosine", warmup_epochs=0, final_lr_share=0.1)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.1)
    expected = []
    for _ in range(51):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert factors == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["cosine", "constant"])
@pytest.mark.parametrize(("warmup_epochs", "n_steps"), [(1.0, 10), (2.0, 20), (0.5, 5), (0.26, 3)])
def test_warm_up_rises_evenly_from_zero_to_the_peak(name: str, warmup_epochs: float, n_steps: int) -> None:
    factors = list_factors(name=name, warmup_epochs=warmup_epochs)
    rise = [0.0, *factors[: n_steps + 1]]
    assert factors[n_steps] == 1.0
    assert [b - a for a, b in itertools.pairwise(rise)] == pytest.approx([1 / (n_steps + 1)] * (n_steps + 1))


def test_constant_stays_at_the_peak() -> None:
    assert list_factors(name="constant", warmup_epochs=1.0)[10:] == [1.0] * 41


@pytest.mark.parametrize("final_lr_share", [0.0, 0.01, 0.5, 1.0])
def test_cosine_falls_to_its_final_share(final_lr_share: float) -> None:
    factors = list_factors(name="cosine", warmup_epochs=1.0, final_lr_share=final_lr_share)
    falling = factors[10:]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == pytest.approx(final_lr_share, abs=1e-12)
    assert falling[20] == pytest.approx((1 + final_lr_share) / 2)  # half way


def test_cosine_stays_at_its_final_share_beyond_the_end() -> None:
    factor = make_schedule(ScheduleConfig(final_lr_share=0.25), 10, 3)
    assert factor(30) == factor(31) == factor(1000) == pytest.approx(0.25)


@pytest.mark.parametrize("name", ["cosine", "constant"])
@pytest.mark.parametrize(("steps_per_epoch", "n_epochs"), [(1, 1), (10, 1), (10, 2), (1, 30)])
def test_every_factor_is_positive_and_at_most_one(name: str, steps_per_epoch: int, n_epochs: int) -> None:
    for warmup_epochs in (0.0, 1.0, 5.0):
        factors = list_factors(steps_per_epoch, n_epochs, name=name, warmup_epochs=warmup_epochs)
        assert all(0 < factor <= 1 and math.isfinite(factor) for factor in factors)
