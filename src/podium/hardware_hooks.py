"""A machine that cannot train as asked is refused when a run starts, not after hours of looking at images."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from podium.pipelines.training.config import TrainingConfig

TRAINING_NODES = {"training.train_folds", "tuning.trace_lr", "tuning.try_batch_sizes", "sweep.work_off"}
"""Nodes that end without the device that ``training`` names; what only draws heat maps goes on without."""


class HardwareHooks:
    """Look for the device before the first node of a run that trains."""

    def __init__(self) -> None:
        self._context: KedroContext | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Any) -> None:
        """Refuse what the machine has not.

        Raises:
            InputError: See :func:`~podium.pipelines.training.hardware.choose_hardware`.
        """
        if self._context is None or not any(node.name in TRAINING_NODES for node in pipeline.nodes):
            return
        from podium.pipelines.training.hardware import choose_hardware

        choose_hardware(TrainingConfig.model_validate(self._context.config_loader["parameters"]["training"]))
