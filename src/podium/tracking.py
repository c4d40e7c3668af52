"""What a node tells MLflow while it runs; nothing, when no run is active."""

from typing import Any


def log_epoch(fold: int, row: dict[str, Any]) -> None:
    """Add one epoch's numbers to the curves of its fold."""
    import mlflow  # heavy, and needed by training alone

    if mlflow.active_run() is None:
        return
    values = {f"fold_{fold}/{name}": float(value) for name, value in row.items() if name not in ("fold", "epoch")}
    mlflow.log_metrics(values, step=int(row["epoch"]))
