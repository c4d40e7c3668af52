"""Who listens to a training hears of its epochs, and may end it."""

from typing import Any

import pytest

from podium import epochs
from podium.epochs import StopTrainingError, listening, tell_epoch


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    told: list[Any] = []
    monkeypatch.setattr(epochs, "log_epoch", lambda fold, row: told.append((fold, row)))
    return told


def test_listener_hears_epochs_while_it_listens_and_curves_hear_all(curves: list[Any]) -> None:
    heard: list[Any] = []
    tell_epoch(0, {"epoch": 0})
    with listening(lambda fold, row: heard.append((fold, row["epoch"]))):
        tell_epoch(0, {"epoch": 1})
        tell_epoch(1, {"epoch": 0})
    tell_epoch(1, {"epoch": 1})
    assert heard == [(0, 1), (1, 0)]
    assert [row["epoch"] for _, row in curves] == [0, 1, 0, 1]


def test_what_a_listener_raises_comes_out_after_the_curve_has_the_epoch(curves: list[Any]) -> None:
    def stop(fold: int, row: dict[str, Any]) -> None:
        raise StopTrainingError("enough")

    with pytest.raises(StopTrainingError), listening(stop):
        tell_epoch(0, {"epoch": 0})
    assert len(curves) == 1
    tell_epoch(0, {"epoch": 1})  # nobody listens any more
