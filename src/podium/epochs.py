"""Who hears of an epoch's end: MLflow's curves, and whoever listens and may end the training."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from podium.tracking import log_epoch

Listener = Callable[[int, dict[str, Any]], None]
"""Takes a fold and a row of its history; what it raises ends the training."""

_listeners: list[Listener] = []


class StopTrainingError(Exception):
    """A listener wants no more epochs."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener of every epoch that this process trains meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell_epoch(fold: int, row: dict[str, Any]) -> None:
    """Tell of an epoch that has just ended; of a resumed training, of its earlier ones first."""
    log_epoch(fold, row)
    for listener in tuple(_listeners):
        listener(fold, row)
