"""What is asked of MLflow: a client, an experiment, tags and files."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException

from podium.locks import hold_file
from podium.moved_tracking import follow_files

if TYPE_CHECKING:
    from kedro_mlflow.config.kedro_mlflow_config import ExperimentOptions

logger = logging.getLogger(__name__)

MAX_TAG_CHARACTERS = 5000
MAX_PARAM_CHARACTERS = 6000
"""What every store of MLflow takes."""


def connect(uri: str) -> MlflowClient:
    """Make a client of a server or a database.

    A new database gets its tables now. Two processes that do so at once in one SQLite file leave it broken, so one
    waits for the other. A database that was moved with its files finds them again.
    """
    path = uri.removeprefix("sqlite:///")
    if path == uri:
        return MlflowClient(uri)
    with hold_file(Path(f"{path}-lock"), path):
        for left in follow_files(Path(path)):
            logger.info("files of earlier runs are looked for beside %s, no longer in %s", path, left)
        return MlflowClient(uri)


def find_experiment(client: MlflowClient, options: "ExperimentOptions") -> str:
    """Return the id of an experiment by name; it is made, or brought back, when it has to be."""
    found = client.get_experiment_by_name(options.name)
    if found is None:
        made_with = options.create_experiment_kwargs
        try:
            return str(client.create_experiment(options.name, made_with.artifact_location, made_with.tags))
        except MlflowException:
            found = client.get_experiment_by_name(options.name)  # another run made it meanwhile
            if found is None:
                raise
    if found.lifecycle_stage == "deleted" and options.restore_if_deleted:
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def log_tags(client: MlflowClient, run_id: str, name: str, values: dict[str, str]) -> None:
    """Set tags, each named ``<name>.<key>``, in one request."""
    client.log_batch(run_id, tags=make_tags({f"{name}.{key}": value for key, value in values.items()}))


def make_tags(values: dict[str, str]) -> list[RunTag]:
    """Make tags of texts, cut to what every store takes."""
    return [RunTag(key, value) for key, value in cut_tags(values).items()]


def cut_tags(values: dict[str, str]) -> dict[str, str]:
    """Cut texts to what every store of MLflow takes."""
    return {key: str(value)[:MAX_TAG_CHARACTERS] for key, value in values.items()}


def log_artifact(path: str, folder: str | None, client: MlflowClient, run_id: str) -> None:
    """Send a file into a folder of the run's artifacts; None is their top."""
    client.log_artifact(run_id, path, folder)
