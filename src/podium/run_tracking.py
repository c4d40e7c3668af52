"""What MLflow learns from a run: what the catalog asks for."""

import atexit
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import mlflow
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from pydantic import BaseModel

from podium.tracking import survive_tracking

with warnings.catch_warnings(record=True):
    # MLflow warns of a class of the plugin's, at every start and past any filter; no user can do anything about it.
    from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook


class RunTracking(MlflowHook):
    """Kedro-mlflow's hook, which logs what the catalog's ``metadata: {mlflow: …}`` asks for.

    - ``params``: every leaf of the recipe, instead of the plugin's one string a parameter group
    - ``tags``: the values of a flat mapping
    - ``digests``: the digests in the attributes of a table
    - ``metrics``: every number of a nested mapping
    - ``artifact``: the file, or files, just saved
    """

    def __init__(self) -> None:
        super().__init__()
        self._catalog: DataCatalog | None = None
        self._pipeline_name = ""

    def _log_param(self, name: str, value: Any) -> None:
        """Leave out the parameter groups of nodes: the resolved recipe is logged by leaves instead."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: DataCatalog) -> None:
        super().before_pipeline_run(run_params=run_params, pipeline=pipeline, catalog=catalog)
        self._catalog = catalog
        self._pipeline_name = ", ".join(run_params.get("pipeline_names") or ["whole chain"])
        # A run that is still active at exit was interrupted by Ctrl-C, of which hooks hear nothing. This comes before
        # MLflow's own, which would call it finished.
        atexit.register(_end_runs, "KILLED")

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: DataCatalog) -> None:
        super().after_pipeline_run(run_params=run_params, pipeline=pipeline, catalog=catalog)
        _end_runs("FINISHED")

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if self._catalog is not None and mlflow.active_run() is not None:
            survive_tracking(self._track)(dataset_name, self._catalog[dataset_name], data)

    def _track(self, name: str, dataset: Any, data: Any) -> None:
        """Log ``data``, just saved as ``name``, in the way that its catalog entry asks for."""
        match (getattr(dataset, "metadata", None) or {}).get("mlflow"):
            case "params":
                mlflow.set_tag("mlflow.runName", f"{data.name} ({self._pipeline_name})")
                mlflow.log_params({f"recipe.{leaf}": value for leaf, value in _flatten(_to_plain(data))})
            case "tags":
                mlflow.set_tags({f"{name}.{key}": str(value) for key, value in data.items()})
            case "digests":
                mlflow.set_tags({f"{name}.{key}": value for key, value in data.attrs.items()})
            case "metrics":
                numbers = [(leaf, value) for leaf, value in _flatten(data) if isinstance(value, int | float)]
                mlflow.log_metrics({f"{name}/{leaf}": float(value) for leaf, value in numbers})
            case "artifact":
                for path, folder in _list_files(dataset, name, data):
                    mlflow.log_artifact(path, folder)


def _end_runs(status: str) -> None:
    """End what is active; the plugin starts the same run anew for every node, and each start wants its end."""
    while mlflow.active_run() is not None:
        mlflow.end_run(status)


def _to_plain(data: Any) -> Any:
    return data.model_dump(mode="json") if isinstance(data, BaseModel) else data


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its dotted name."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _list_files(dataset: Any, name: str, data: Any) -> Iterator[tuple[str, str | None]]:
    """Yield the file of a plain dataset, or each file of a partitioned one with a folder named after its partition."""
    if hasattr(dataset, "_partition_to_path"):
        for partition in sorted(data):
            yield dataset._partition_to_path(partition), f"{name}/{partition}"
    elif dataset.exists():
        path = dataset._get_load_path() if hasattr(dataset, "_get_load_path") else dataset._filepath
        yield str(path), None
