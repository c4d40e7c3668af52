import itertools
import math
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch.optim import lr_scheduler

from podium.vision.recipe import ScheduleConfig
from podium.vision.schedules import Schedule, make_schedule

NAMES = ["none", "step", "multistep", "exponential", "cosine", "cosine_restarts", "one_cycle", "cyclic", "plateau"]
WARMED_UP_ONCE = ["none", "step", "multistep", "exponential", "cosine", "plateau"]


def make(steps_per_epoch: int = 10, n_epochs: int = 5, mode: Literal["min", "max"] = "max", **config: Any) -> Schedule:
    return make_schedule(ScheduleConfig.model_validate(config), steps_per_epoch, n_epochs, mode)


def list_factors(steps_per_epoch: int = 10, n_epochs: int = 5, **config: Any) -> list[float]:
    schedule = make(steps_per_epoch, n_epochs, **config)
    return [schedule(step) for step in range(steps_per_epoch * n_epochs)]


def list_rates_of_torch(make_scheduler: Callable[[torch.optim.Optimizer], Any], n: int) -> list[float]:
    """List the n rates of torch's own scheduler, from a peak of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make_scheduler(optimizer)
    rates = [optimizer.param_groups[0]["lr"]]
    while len(rates) < n:
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize(("final_lr_share", "n_epochs"), [(0.0, 3), (0.1, 5)])
def test_cosine_is_torchs_own(final_lr_share: float, n_epochs: int) -> None:
    n = 10 * n_epochs
    factors = list_factors(n_epochs=n_epochs, name="cosine", warmup_epochs=0, final_lr_share=final_lr_share)
    expected = list_rates_of_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=n, eta_min=final_lr_share), n)
    assert factors == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("step_epochs", "factor"), [(1, 0.5), (2, 0.1), (7, 0.3)])
def test_step_is_torchs_own_epoch_by_epoch(step_epochs: int, factor: float) -> None:
    factors = list_factors(4, 9, name="step", warmup_epochs=0, final_lr_share=0, step_epochs=step_epochs, factor=factor)
    expected = list_rates_of_torch(lambda o: lr_scheduler.StepLR(o, step_epochs, factor), 9)
    assert factors == pytest.approx([rate for rate in expected for _ in range(4)])


@pytest.mark.parametrize("milestones", [(2, 3, 7), (1,), (5, 2)])
def test_multistep_is_torchs_own_epoch_by_epoch(milestones: tuple[int, ...]) -> None:
    factors = list_factors(4, 9, name="multistep", warmup_epochs=0, final_lr_share=0, milestones=milestones, factor=0.2)
    expected = list_rates_of_torch(lambda o: lr_scheduler.MultiStepLR(o, sorted(milestones), 0.2), 9)
    assert factors == pytest.approx([rate for rate in expected for _ in range(4)])


def test_exponential_is_torchs_own_at_the_start_of_each_epoch_and_even_between() -> None:
    factors = list_factors(8, 6, name="exponential", warmup_epochs=0, final_lr_share=0, factor=0.7)
    expected = list_rates_of_torch(lambda o: lr_scheduler.ExponentialLR(o, 0.7), 6)
    assert factors[::8] == pytest.approx(expected)
    assert [b / a for a, b in itertools.pairwise(factors)] == pytest.approx([0.7 ** (1 / 8)] * 47)


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_cosine_restarts_are_torchs_own(growth: int) -> None:
    factors = list_factors(
        10, 9, name="cosine_restarts", warmup_epochs=0, final_lr_share=0.05, cycle_epochs=1.5, cycle_growth=growth
    )
    expected = list_rates_of_torch(
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=15, T_mult=growth, eta_min=0.05), 90
    )
    assert factors == pytest.approx(expected)


def test_cosine_restarts_warm_up_to_a_lower_peak_in_each_cycle() -> None:
    factors = list_factors(
        10, 6, name="cosine_restarts", warmup_epochs=0.4, final_lr_share=0.1, cycle_epochs=2, cycle_decay=0.5
    )
    expected = []
    for peak in (1.0, 0.5, 0.25):
        expected += [peak * (i + 1) / 5 for i in range(4)]
        expected += [0.1 + (peak - 0.1) * (1 + math.cos(math.pi * i / 16)) / 2 for i in range(16)]
    assert factors == pytest.approx(expected)


@pytest.mark.parametrize("rise_share", [0.1, 0.3, 0.75])
@pytest.mark.parametrize("final_lr_share", [0.01, 0.2])
def test_one_cycle_is_torchs_own(rise_share: float, final_lr_share: float) -> None:
    factors = list_factors(name="one_cycle", rise_share=rise_share, final_lr_share=final_lr_share)
    shares = {"div_factor": 1 / final_lr_share, "final_div_factor": 1.0}
    expected = list_rates_of_torch(
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, 50, pct_start=rise_share, cycle_momentum=False, **shares), 50
    )
    assert factors == pytest.approx(expected)


@pytest.mark.parametrize(("cycle_decay", "mode"), [(1.0, "triangular"), (0.5, "triangular2")])
def test_cyclic_is_torchs_own(cycle_decay: float, mode: Any) -> None:
    factors = list_factors(
        10, 9, name="cyclic", final_lr_share=0, cycle_epochs=2, cycle_decay=cycle_decay, warmup_epochs=3
    )
    expected = list_rates_of_torch(
        lambda o: lr_scheduler.CyclicLR(o, 0.0, 1.0, step_size_up=10, mode=mode, cycle_momentum=False), 90
    )
    assert factors == pytest.approx(expected, abs=1e-9)


def test_cyclic_has_peaks_of_falling_height_above_the_lowest_factor() -> None:
    factors = list_factors(10, 6, name="cyclic", final_lr_share=0.3, cycle_epochs=2, cycle_decay=0.5)
    assert [factors[step] for step in (0, 10, 20, 30, 40)] == pytest.approx([0.3, 1.0, 0.3, 0.5, 0.3])
    assert max(factors[40:]) == pytest.approx(0.3)  # a quarter would be below it


SCORES = [0.1, 0.3, 0.2, 0.3, 0.3, 0.29, 0.31, math.nan, 0.2, 0.2, 0.2, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("final_lr_share", [0.0, 0.2])
def test_plateau_is_torchs_own(mode: Literal["min", "max"], patience: int, final_lr_share: float) -> None:
    schedule = make(
        10, 20, mode, name="plateau", warmup_epochs=0, factor=0.5, patience_epochs=patience,
        final_lr_share=final_lr_share,
    )  # fmt: skip
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.5, patience=patience, threshold=0.0, min_lr=final_lr_share, eps=0.0
    )
    factors, expected = [], []
    for epoch, score in enumerate(SCORES):
        schedule.observe(score)
        scheduler.step(score)
        factors.append(schedule(10 * (epoch + 1)))
        expected.append(optimizer.param_groups[0]["lr"])
    assert factors == pytest.approx(expected)
    assert len(set(factors)) > 2  # it did fall


@pytest.mark.parametrize("n_before", [0, 4, 9])
def test_plateau_goes_on_from_its_state_as_if_never_interrupted(n_before: int) -> None:
    config = {"name": "plateau", "patience_epochs": 1, "final_lr_share": 0.0}
    whole, first = make(**config), make(**config)
    for score in SCORES[:n_before]:
        whole.observe(score)
        first.observe(score)
    second = make(**config)
    second.load_state_dict(first.state_dict())
    for score in SCORES[n_before:]:
        whole.observe(score)
        second.observe(score)
        assert whole(40) == second(40)
    assert whole(40) < 0.5


def test_the_state_is_plain_enough_for_a_checkpoint_without_pickled_objects(tmp_path: Any) -> None:
    schedule = make(name="plateau")
    schedule.observe(0.5)
    torch.save(schedule.state_dict(), tmp_path / "state")
    assert torch.load(tmp_path / "state", weights_only=True) == schedule.state_dict()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plateau"])
def test_scores_change_no_other_schedule(name: str) -> None:
    schedule = make(name=name)
    before = [schedule(step) for step in range(50)]
    for _ in range(20):
        schedule.observe(0.0)
    assert [schedule(step) for step in range(50)] == before
    assert schedule.state_dict() == {}


@pytest.mark.parametrize("name", WARMED_UP_ONCE)
@pytest.mark.parametrize(("warmup_epochs", "n_steps"), [(1.0, 10), (2.0, 20), (0.5, 5), (0.26, 3)])
def test_warm_up_rises_evenly_from_zero_to_the_peak(name: str, warmup_epochs: float, n_steps: int) -> None:
    factors = list_factors(name=name, warmup_epochs=warmup_epochs)
    rise = [0.0, *factors[: n_steps + 1]]
    assert factors[n_steps] == 1.0
    assert [b - a for a, b in itertools.pairwise(rise)] == pytest.approx([1 / (n_steps + 1)] * (n_steps + 1))


def test_a_fall_within_the_warm_up_lowers_what_it_rises_to() -> None:
    factors = list_factors(4, 4, name="multistep", milestones=(1,), factor=0.5, warmup_epochs=2)
    assert factors == pytest.approx([(i + 1) / 9 * (0.5 if i >= 4 else 1.0) for i in range(8)] + [0.5] * 8)


@pytest.mark.parametrize("name", WARMED_UP_ONCE)
def test_a_warm_up_longer_than_training_is_cut_off_on_its_way_up(name: str) -> None:
    assert list_factors(10, 2, name=name, warmup_epochs=4) == pytest.approx([(i + 1) / 41 for i in range(20)])


def test_none_stays_at_the_peak() -> None:
    assert list_factors(name="none", warmup_epochs=1.0)[10:] == [1.0] * 40


@pytest.mark.parametrize("final_lr_share", [0.0, 0.01, 0.5, 1.0])
def test_cosine_falls_to_its_final_share(final_lr_share: float) -> None:
    schedule = make(name="cosine", warmup_epochs=1.0, final_lr_share=final_lr_share)
    falling = [schedule(step) for step in range(10, 51)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == pytest.approx(final_lr_share, abs=1e-12)
    assert falling[20] == pytest.approx((1 + final_lr_share) / 2)  # half way


@pytest.mark.parametrize("name", ["step", "multistep", "exponential", "cosine", "cosine_restarts", "one_cycle"])
def test_no_factor_falls_below_the_final_share(name: str) -> None:
    factors = list_factors(
        5, 20, name=name, warmup_epochs=0, factor=0.1, step_epochs=2, milestones=(1, 3, 5), final_lr_share=0.3
    )
    assert min(factors) == pytest.approx(0.3, abs=0.01)
    assert min(factors) >= 0.3


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "cosine_restarts", "cyclic"])
def test_beyond_the_end_nothing_rises_again(name: str) -> None:
    schedule = make(10, 4, name=name, warmup_epochs=0, final_lr_share=0.25, cycle_epochs=2)
    assert schedule(40) == schedule(41) == schedule(1000) == pytest.approx(0.25)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("steps_per_epoch", "n_epochs"), [(1, 1), (1, 2), (10, 1), (10, 2), (1, 30), (3, 7)])
def test_every_factor_is_a_share_of_the_peak(name: str, steps_per_epoch: int, n_epochs: int) -> None:
    for warmup_epochs in (0.0, 1.0, 5.0):
        for cycle_epochs in (0.01, 1.0, 10.0):
            for rise_share in (0.01, 0.3, 0.99):
                factors = list_factors(
                    steps_per_epoch, n_epochs, name=name, warmup_epochs=warmup_epochs, cycle_epochs=cycle_epochs,
                    cycle_growth=1.3, cycle_decay=0.7, rise_share=rise_share,
                )  # fmt: skip
                assert all(0 < factor <= 1 and math.isfinite(factor) for factor in factors)


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_depends_on_the_step_alone(name: str) -> None:
    schedule = make(name=name, cycle_epochs=2)
    forwards = [schedule(step) for step in range(50)]
    assert [schedule(step) for step in reversed(range(50))] == forwards[::-1]


def test_inside_torchs_lambda_scheduler_every_group_keeps_its_own_peak() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 0.1)]
    optimizer = torch.optim.SGD(groups)
    schedule = make(name="cosine")
    scheduler = lr_scheduler.LambdaLR(optimizer, schedule)
    for step in range(50):
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
            [schedule(step), 0.1 * schedule(step)]
        )
        optimizer.step()
        scheduler.step()
