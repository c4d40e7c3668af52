"""What is told to MLflow while a run goes on; a tracking server that is away never ends a training."""

import functools
import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)


def log_epoch(fold: int, row: dict[str, Any]) -> None:
    """Add one epoch's numbers to the curves of its fold; nothing, when no run is active."""
    import mlflow  # heavy, and needed by training alone

    if mlflow.active_run() is None:
        return
    values = {f"fold_{fold}/{name}": float(value) for name, value in row.items() if name not in ("fold", "epoch")}
    survive_tracking(mlflow.log_metrics)(values, step=int(row["epoch"]))


def survive_tracking(function: Callable[..., Any]) -> Callable[..., None]:
    """Turn whatever goes wrong with tracking into a warning: results lie in the catalog's own files too."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:  # clients of a server, a database and a disk share no base class
            logger.warning("tracking failed, and the run goes on: %s", " ".join(str(error).split())[:300])

    return wrapped


def find_run_id(seconds: float = 10.0) -> str | None:
    """Return the id of the run that is told of this process; None when there is none.

    Args:
        seconds: To wait for an answer at most.
    """
    import mlflow

    run = mlflow.active_run()
    return None if run is None else str(run.info.run_id)
