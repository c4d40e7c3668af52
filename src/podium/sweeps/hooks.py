"""What a sweep has to know of the run that it stands in, and to do around it."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from podium.epochs import StopTrainingError
from podium.errors import raise_if_any
from podium.locks import RunLock, release_all
from podium.pipelines.training.config import TrainingConfig
from podium.sweeps.config import find_sweep

TRAINING = "training.train_folds"

# Digests of the split and the images that the trial of this process is scored on; empty where there is none.
_expected: dict[str, str] = {}


def expect_data(digests: Mapping[str, str]) -> None:
    """Let the trial of this process train on this split and these images alone.

    A sweep gives its competition back while it trains, so a run by hand may write new ones meanwhile.
    """
    _expected.clear()
    _expected.update(digests)


class SweepHooks:
    """Tell a sweep's node where it runs, let others run beside its trials, and clear up after trials ended early."""

    def __init__(self) -> None:
        self._origin: dict[str, Any] = {}
        self._member_lock: RunLock | None = None
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
    def before_node_run(self, node: Any, catalog: DataCatalog, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Give the competition back once all is prepared: trials keep what depends on their recipe to themselves.

        Only what a member leaves behind has one place, so that a member is trained by one process at a time: a trial
        waits, as for one whose worker was lost and that is being ended; a run by hand says who is at work.

        Returns:
            Of a trial that may have waited, the folds that are finished by now.

        Raises:
            InputError: A trial trains the member that a run by hand would train; or a trial would train on another
                split, or other images, than its sweep.
        """
        if node.name == "sweep.work_off":
            release_all()
        if node.name != TRAINING:
            return None
        is_trial = "trial_member" in inputs
        member = inputs["trial_member" if is_trial else "member"]
        folder = _find_folder(inputs["params:training"])
        self._member_lock = RunLock(folder / ".locks" / member["name"], member["name"])
        if not is_trial:
            self._member_lock.acquire()
            return None
        _require_expected(member)
        self._member_lock.wait()
        return {"finished_folds": catalog.load("finished_folds")}

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        """Let others train the member again."""
        if node.name == TRAINING:
            self._release_member()

    def _release_member(self) -> None:
        if self._member_lock is not None:
            self._member_lock.release()

    @hook_impl
    def on_pipeline_error(self, error: Exception, catalog: DataCatalog) -> None:
        """Remove what a training that was ended early left behind: nobody will go on with it."""
        self._release_member()
        if isinstance(error, StopTrainingError):
            member = _find_folder(catalog.load("params:training")) / catalog.load("trial_member")["name"]
            for fold in sorted(member.glob("fold_*")):
                if not fold.joinpath("weights.safetensors").exists():
                    shutil.rmtree(fold, ignore_errors=True)
            with suppress(OSError):  # another fold may be finished
                member.rmdir()


def _require_expected(member: Mapping[str, Any]) -> None:
    """Refuse data that changed since the sweep began: scores of the two cannot be compared."""
    raise_if_any(
        "The split or the images changed since this sweep began; start it again, and it begins anew on these:",
        [f"{key}: {member[key]}, not {value}" for key, value in _expected.items() if member[key] != value],
    )


def _find_folder(training: Any) -> Path:
    return TrainingConfig.model_validate(training).checkpoint_dir
