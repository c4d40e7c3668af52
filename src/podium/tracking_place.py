"""Where MLflow is told of runs, and as whose child, known without importing MLflow."""

from typing import Any

PARENT_VARIABLE = "PODIUM_PARENT_RUN"
"""Names the run that the runs of a process are children of, as trials are of their sweep."""

_PATTERNS = ["mlflow*", "mlflow*/**", "**/mlflow*"]  # as kedro-mlflow registers them, once it is imported


def read_settings(config_loader: Any) -> dict[str, Any]:
    """Read ``mlflow.yml``, through a loader that may not have heard of it.

    Args:
        config_loader: Of the Kedro context.
    """
    getattr(config_loader, "config_patterns", {}).setdefault("mlflow", _PATTERNS)
    settings: dict[str, Any] = config_loader["mlflow"]
    return settings


def read_tracking_uri(config_loader: Any) -> str:
    """Read the address from ``mlflow.yml``; it may hold a password, so it is never shown.

    Args:
        config_loader: Of the Kedro context.
    """
    return str(read_settings(config_loader)["server"]["mlflow_tracking_uri"] or "")


def is_local(tracking_uri: str) -> bool:
    """Say whether an address is a file or a folder of this machine."""
    return tracking_uri.startswith(("sqlite:", "file:")) or "://" not in tracking_uri
