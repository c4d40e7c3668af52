"""What happens around a run: parameters are checked before it, results are tracked during it and told after it."""

import logging
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from podium.atomic_files import write_files_atomically
from podium.locks import RunLock
from podium.parameters import check_parameters
from podium.reporting import describe_results

logger = logging.getLogger(__name__)

RUN_BESIDE = {"trial", "sweep_results"}
"""Pipelines that keep what depends on a recipe apart, so that several of them run at once."""


UNTRACKED = ({"prune"}, {"restore"})
"""Pipelines of which nothing is worth tracking: one runs where the disk is full, one where the database is restored."""


class ParameterHooks:
    """Refuse wrong parameters, and a second run of the same competition, before anything is read or written."""

    def __init__(self) -> None:
        self._lock: RunLock | None = None

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        write_files_atomically()
        parameters = context.config_loader["parameters"]
        context.config_loader["parameters"] = parameters  # for all who ask: to read them takes a third of a second
        runtime = context.config_loader.runtime_params or {}
        competition = runtime.get("competition", context.config_loader["globals"]["competition"])
        check_parameters(parameters, str(competition))
        folder = (
            context.project_path / context.config_loader["globals"]["data_root"] / "02_intermediate" / str(competition)
        )
        self._lock = RunLock(folder / "run.lock", str(competition))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        names = set(run_params.get("pipeline_names") or [])
        if self._lock is None or (names and names <= RUN_BESIDE):
            return
        if names == {"sweep"}:  # its workers start together, and prepare one after another
            self._lock.wait()
        else:
            self._lock.acquire()

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        if self._lock is not None:
            self._lock.release()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        if self._lock is not None:
            self._lock.release()


class TrackingHooks:
    """Bring in what tells MLflow, when a run starts and not before: MLflow alone takes two seconds to import.

    Every other command of Kedro, and the refusal of a parameter, go without. The name is the one under which
    Kedro-mlflow offers its own hooks, so that Kedro takes these in their place and does not load those.
    """

    __name__ = "mlflow_hook"

    def __init__(self) -> None:
        self._context: KedroContext | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: DataCatalog) -> None:
        if {node.namespace for node in getattr(pipeline, "nodes", ())} in UNTRACKED:
            return
        from podium.run_tracking import RunTracking

        assert self._context is not None
        if self._context.config_loader["parameters"]["training"].get("node_rank"):
            return  # of machines that train together the first one tells MLflow, so that there is one run
        tracking = RunTracking()
        tracking.after_context_created(self._context)
        tracking.before_pipeline_run(run_params, pipeline, catalog)
        self._context._hook_manager.register(tracking)


class ResultHooks:
    """Tell what came out of a run, in its last lines."""

    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Any, catalog: DataCatalog) -> None:
        for line in describe_results(catalog, pipeline.all_outputs()):
            logger.info(line)
