"""What a sweep has to know of the run that it stands in, and to do around it."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from podium.epochs import StopTrainingError
from podium.locks import RunLock, release_all
from podium.pipelines.training.config import TrainingConfig
from podium.sweeps.config import find_sweep


class SweepHooks:
    """Tell a sweep's node where it runs, let others run beside its trials, and clear up after trials ended early."""

    def __init__(self) -> None:
        self._origin: dict[str, Any] = {}
        self._context: KedroContext | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context
        self._origin = {
            "project": Path(context.project_path).as_posix(),
            "env": context.env,
            "params": dict(context.config_loader.runtime_params or {}),
        }

    @hook_impl
    def after_catalog_created(self, catalog: DataCatalog) -> None:
        if "run_origin" in catalog:
            catalog.save("run_origin", self._origin)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Any) -> None:
        """Ask which sweep before any image is looked at.

        Raises:
            InputError: None is named, or there is none of that name.
        """
        if self._context is not None and any(node.name == "sweep.plan_sweep" for node in pipeline.nodes):
            parameters = self._context.config_loader["parameters"]
            find_sweep(parameters.get("sweep", ""), parameters.get("sweeps", {}))

    @hook_impl
    def before_node_run(self, node: Any, inputs: dict[str, Any]) -> None:
        """Give the competition back once all is prepared: trials keep what depends on their recipe to themselves.

        Only what a member leaves behind has one place, so that a member is trained by one trial at a time.
        """
        if node.name == "sweep.work_off":
            release_all()
        if node.name == "training.train_folds" and "trial_member" in inputs:
            member = inputs["trial_member"]["name"]
            RunLock(_find_folder(inputs["params:training"]) / ".locks" / member, member).acquire()

    @hook_impl
    def on_pipeline_error(self, error: Exception, catalog: DataCatalog) -> None:
        """Remove what a training that was ended early left behind: nobody will go on with it."""
        if isinstance(error, StopTrainingError):
            member = _find_folder(catalog.load("params:training")) / catalog.load("trial_member")["name"]
            for fold in sorted(member.glob("fold_*")):
                if not fold.joinpath("weights.safetensors").exists():
                    shutil.rmtree(fold, ignore_errors=True)
            with suppress(OSError):  # another fold may be finished
                member.rmdir()


def _find_folder(training: Any) -> Path:
    return TrainingConfig.model_validate(training).checkpoint_dir
