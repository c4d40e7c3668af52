"""What MLflow learns from a run: what the catalog asks for, where the code stood, and what was set differently."""

import atexit
import logging
import math
import os
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from mlflow import MlflowClient
from mlflow.entities import Param
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from podium.differences import Difference, list_differences, walk_leaves
from podium.errors import InputError, raise_if_any
from podium.git_state import find_commit, read_diff
from podium.machine import describe_machine
from podium.secrets import hide_password
from podium.tracking import (
    Action,
    TrackedRun,
    TrackingConfig,
    describe_error,
    limit_requests,
    log_metrics,
    refuses_credentials,
    set_current_run,
)
from podium.tracking_calls import (
    MAX_PARAM_CHARACTERS,
    connect,
    cut_tags,
    find_experiment,
    log_artifact,
    log_tags,
    make_tags,
)
from podium.tracking_place import PARENT_VARIABLE, read_settings
from podium.vision.recipe import Recipe

with warnings.catch_warnings(record=True):
    # MLflow warns of a class of the plugin's, at every start and past any filter; no user can do anything about it.
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

logger = logging.getLogger(__name__)

MB = 1_000_000

MAX_TOLD = 20
"""Differences that the log lists; the tag has more."""

_SERVER_ANSWERS_S = 10.0
_DATABASE_IS_MADE_S = 60.0  # the first run on a machine lays out all of MLflow's tables


class RunTracking:
    """Tells MLflow what the catalog's ``metadata: {mlflow: …}`` asks for, by ``mlflow.yml`` as Kedro-mlflow reads it.

    - ``params``: every leaf of the recipe, and the recipe as a file
    - ``tags``: the values of a flat mapping
    - ``digests``: the digests in the attributes of a table
    - ``metrics``: every number of a nested mapping
    - ``artifact``: the file, or files, just saved, but for those beyond ``tracking.largest_mb``
    - ``weights``: the same of any size, unless ``tracking.weights`` is false
    """

    def __init__(self) -> None:
        self._catalog: DataCatalog | None = None
        self._context: KedroContext | None = None
        self._config = KedroMlflowConfig()
        self._pipeline_name = ""
        self._run: TrackedRun | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context
        loader: Any = context.config_loader
        self._config = KedroMlflowConfig.model_validate(read_settings(loader))
        _export_credentials(loader, self._config.server.credentials)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: DataCatalog) -> None:
        assert self._context is not None
        self._catalog = catalog
        names = run_params.get("pipeline_names") or ["whole chain"]
        self._pipeline_name = ", ".join(names)
        differences = _compare_with_base(self._context)
        _tell_differences("parameters differ from conf/base", differences)
        self._begin(run_params, differences)
        # A run that still goes on at exit was interrupted by Ctrl-C, of which hooks hear nothing.
        atexit.register(self._end, "KILLED")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if self._run is None or self._catalog is None:
            return
        for action in self._describe(dataset_name, self._catalog[dataset_name], data):
            self._run.tell(action)

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._end("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._end("FAILED")

    def _begin(self, run_params: dict[str, Any], differences: list[Difference]) -> None:
        """Begin the run; without a server that answers, the pipeline goes on and all is told later.

        Raises:
            InputError: The server wants other credentials, or cannot read these: found out now, not after a night of
                training.
        """
        _require_plain_credentials()
        limit_requests()
        uri = self._config.server.mlflow_tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(self._config.server.mlflow_registry_uri)
        tags = {**resolve_tags(), **_describe_command(run_params), **_describe_place(differences)}
        options, run_name = self._config.tracking.experiment, self._config.tracking.run.name or self._pipeline_name

        def begin() -> tuple[MlflowClient, str]:
            client = connect(uri)
            experiment_id = find_experiment(client, options)
            run = client.create_run(experiment_id, tags=cut_tags(tags), run_name=run_name)
            return client, str(run.info.run_id)

        run = TrackedRun(begin)
        run.wait_for_answer(_SERVER_ANSWERS_S if uri.startswith("http") else _DATABASE_IS_MADE_S)
        if run.refusal is not None and refuses_credentials(run.refusal):
            raise InputError(
                "The tracking server does not let this run in:",
                [
                    f"{hide_password(uri)}: {describe_error(run.refusal)}; set MLFLOW_TRACKING_USERNAME and "
                    "MLFLOW_TRACKING_PASSWORD in the environment, or mlflow.yml's server.credentials"
                ],
            )
        if run.refusal is not None:
            logger.warning("this run is not tracked: %s", describe_error(run.refusal))
            return
        if run.run_id is None:
            logger.warning("the tracking server %s does not answer; it is told when it does", hide_password(uri))
        self._run = run
        set_current_run(run)
        folder = Path.cwd()
        run.tell(lambda client, run_id: log_tags(client, run_id, "machine", describe_machine()))
        run.tell(lambda client, run_id: _log_diff(client, run_id, folder))

    def _end(self, status: str) -> None:
        if self._run is not None:
            self._run.end(status)
            set_current_run(None)
            self._run = None

    def _describe(self, name: str, dataset: Any, data: Any) -> Iterator[Action]:
        """Say how ``data``, just saved as ``name``, is told, in the way that its catalog entry asks for."""
        match (getattr(dataset, "metadata", None) or {}).get("mlflow"):
            case "params":
                yield from self._describe_recipe(data)
            case "tags":
                tags = {key: str(value) for key, value in data.items()}
                yield lambda client, run_id: log_tags(client, run_id, name, tags)
            case "digests":
                digests = dict(data.attrs)
                yield lambda client, run_id: log_tags(client, run_id, name, digests)
            case "metrics":
                numbers = {f"{name}/{leaf}": float(x) for leaf, x in walk_leaves(data) if isinstance(x, int | float)}
                yield lambda client, run_id: log_metrics(client, run_id, numbers, 0, time.time_ns() // 1_000_000)
            case "artifact":
                yield from _describe_files(dataset, name, data, self._read_options().largest_mb)
            case "weights" if self._read_options().weights:
                yield from _describe_files(dataset, name, data, math.inf)

    def _read_options(self) -> TrackingConfig:
        assert self._context is not None
        return TrackingConfig.model_validate(self._context.config_loader["parameters"].get("tracking", {}))

    def _describe_recipe(self, recipe: Recipe) -> Iterator[Action]:
        plain = recipe.model_dump(mode="json")
        differences = list_differences(plain, Recipe(name=recipe.name).model_dump(mode="json"))
        _tell_differences(f"recipe {recipe.name} differs from the defaults of recipes", differences)
        params = [Param(f"recipe.{leaf}", str(value)[:MAX_PARAM_CHARACTERS]) for leaf, value in walk_leaves(plain)]
        tags = {MLFLOW_RUN_NAME: f"{recipe.name} ({self._pipeline_name})", "differences.recipe": _write(differences)}
        yield lambda client, run_id: client.log_batch(run_id, params=params, tags=make_tags(tags))
        yield lambda client, run_id: client.log_dict(run_id, plain, "recipe.yml")


def _export_credentials(loader: Any, name: str | None) -> None:
    """Put the credentials that ``mlflow.yml`` names where MLflow looks for them: into this process' environment."""
    if name is not None:
        os.environ.update({key: str(value) for key, value in loader["credentials"].get(name, {}).items()})


def _require_plain_credentials() -> None:
    """Refuse a name or password in letters that MLflow's server cannot read.

    It decodes them as ASCII where artifacts are sent (3.17), and so would take the curves and refuse every file.
    """
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    raise_if_any(
        "MLflow's server reads names and passwords in plain letters alone:",
        [f"{name}: has others; let the admin make a user in a to z" for name in names
         if not os.environ.get(name, "").isascii()],
    )  # fmt: skip


def _compare_with_base(context: KedroContext) -> list[Difference]:
    """List what the environment, ``conf/local`` and ``--params`` change of ``conf/base``.

    Paths are made of the competition and of the folder of data, so both are the same on either side: another folder is
    one difference, not one of each path in it. Sorted, since files of settings are read in an order that changes.
    """
    from podium import settings

    options: dict[str, Any] = dict(settings.CONFIG_LOADER_ARGS)
    parameters = context.config_loader["parameters"]
    base = OmegaConfigLoader(
        str(context.config_loader.conf_source),
        env=options["base_env"],
        runtime_params={"competition": parameters["competition"]},
        **options,
    )
    ours, theirs = ({"data_root": loader["globals"]["data_root"]} for loader in (context.config_loader, base))
    base["globals"] = {**base["globals"], **ours}
    differences = list_differences(parameters, base["parameters"])
    return list_differences(ours, theirs) + sorted(differences, key=lambda difference: difference.leaf)


def _tell_differences(heading: str, differences: list[Difference]) -> None:
    if not differences:
        return
    logger.info("%s in %d place(s):", heading, len(differences))
    for difference in differences[:MAX_TOLD]:
        logger.info("  %s", difference)
    if len(differences) > MAX_TOLD:
        logger.info("  and %d more", len(differences) - MAX_TOLD)


def _write(differences: list[Difference]) -> str:
    return "\n".join(map(str, differences)) or "none"


def _describe_command(run_params: dict[str, Any]) -> dict[str, str]:
    """Say what was typed; values of parameters are told as differences, without passwords."""
    told = ("env", "pipeline_names", "node_names", "from_nodes", "to_nodes", "tags", "load_versions")
    return {f"kedro.{key}": str(run_params[key]) for key in told if run_params.get(key)}


def _describe_place(differences: list[Difference]) -> dict[str, str]:
    """Say where the code stood, what was set differently, and whose child the run is."""
    tags = {"differences.parameters": _write(differences)}
    if (commit := find_commit(Path.cwd())) is not None:
        tags[MLFLOW_GIT_COMMIT] = commit
    if parent := os.environ.get(PARENT_VARIABLE):
        tags[MLFLOW_PARENT_RUN_ID] = parent
    return tags


def _log_diff(client: MlflowClient, run_id: str, folder: Path) -> None:
    if diff := read_diff(folder):
        client.log_text(run_id, diff, "uncommitted.diff")


def _describe_files(dataset: Any, name: str, data: Any, largest_mb: float) -> Iterator[Action]:
    for path, folder in _list_files(dataset, name, data):
        n_mb = Path(path).stat().st_size / MB
        if n_mb > largest_mb:
            logger.info("%s is not copied to MLflow: %.0f MB, tracking.largest_mb is %g", path, n_mb, largest_mb)
        else:
            yield partial(log_artifact, path, folder)


def _list_files(dataset: Any, name: str, data: Any) -> Iterator[tuple[str, str | None]]:
    """Yield the file of a plain dataset, or each file of a partitioned one with a folder named after its partition."""
    if hasattr(dataset, "_partition_to_path"):
        for partition in sorted(data):
            yield dataset._partition_to_path(partition), f"{name}/{partition}"
    elif dataset.exists():
        path = dataset._get_load_path() if hasattr(dataset, "_get_load_path") else dataset._filepath
        yield str(path), None
