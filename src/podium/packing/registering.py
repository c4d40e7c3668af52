"""Putting a packed folder into MLflow's registry."""

from pathlib import Path

MODEL_NAME = "model"
"""The folder of a run's artifacts that holds what it packed."""


def register_folder(folder: Path, run_id: str, name: str, alias: str | None, tags: dict[str, str]) -> str:
    """Upload a packed folder as an artifact of a run, and make it the newest version of a registered model.

    Args:
        folder: As :func:`podium.packing.saving.save_packed` wrote it.
        run_id: Of the run that packed it.
        name: Of the registered model; made when it is new.
        alias: Moves to the new version, once all of it is there; None moves none.
        tags: Of the version.

    Returns:
        The version, counted from 1.
    """
    import mlflow
    from mlflow import MlflowClient

    client = MlflowClient()
    client.log_artifacts(run_id, str(folder), MODEL_NAME)
    version = mlflow.register_model(f"runs:/{run_id}/{MODEL_NAME}", name, tags=tags)
    if alias is not None:
        client.set_registered_model_alias(name, alias, version.version)
    return str(version.version)
