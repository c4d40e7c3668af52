"""Where MLflow is told of runs, known without importing MLflow."""

from typing import Any

_PATTERNS = ["mlflow*", "mlflow*/**", "**/mlflow*"]  # as kedro-mlflow registers them, once it is imported


def read_tracking_uri(config_loader: Any) -> str:
    """Read the address from ``mlflow.yml``; it may hold a password, so it is never shown.

    Args:
        config_loader: Of the Kedro context.
    """
    getattr(config_loader, "config_patterns", {}).setdefault("mlflow", _PATTERNS)
    return str(config_loader["mlflow"]["server"]["mlflow_tracking_uri"] or "")


def is_local(tracking_uri: str) -> bool:
    """Say whether an address is a file or a folder of this machine."""
    return tracking_uri.startswith(("sqlite:", "file:")) or "://" not in tracking_uri
