"""What a machine of ``--env server`` was not told is said at the start of a run: it would otherwise show too late."""

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from podium.tracking_place import is_local, read_tracking_uri

logger = logging.getLogger(__name__)

ENVIRONMENT = "server"


class ServerHooks:
    """Warn of each place that is missing, a line each."""

    def __init__(self) -> None:
        self._context: KedroContext | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        self._context = context

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self) -> None:
        if self._context is None or self._context.env != ENVIRONMENT:
            return
        loader = self._context.config_loader
        data_root, uri = str(loader["globals"]["data_root"]), read_tracking_uri(loader)
        for line in list_missing(data_root, uri, loader["parameters"], os.environ):
            logger.warning(line)


def list_missing(
    data_root: str, tracking_uri: str, parameters: Mapping[str, Any], environment: Mapping[str, str]
) -> Iterator[str]:
    """Say for each place that nobody named what follows from that.

    Args:
        data_root: Of globals.yml.
        tracking_uri: Of mlflow.yml.
        parameters: ``backup.url`` and ``sweep_storage`` count, where there are such.
        environment: Variables, which come before parameters.
    """
    if data_root == "data":
        yield "PODIUM_DATA_ROOT is not set: data lie in the project's folder, not on the big disk"
    if is_local(tracking_uri):
        yield "MLFLOW_TRACKING_URI is not set: runs are told to a file of this machine, not to the team's server"
    if not (environment.get("PODIUM_BACKUP_URL") or (parameters.get("backup") or {}).get("url")):
        yield "PODIUM_BACKUP_URL is not set: nothing is copied off this machine, and what it loses is lost"
    storage = environment.get("PODIUM_SWEEP_STORAGE") or str(parameters.get("sweep_storage") or "sqlite:")
    if storage.startswith("sqlite:"):
        yield "PODIUM_SWEEP_STORAGE is not set: sweeps run on this machine alone"
