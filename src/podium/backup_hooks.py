"""What backups add to a run: a process that mirrors while it goes on, and the last lines of a restore."""

import atexit
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog

from podium.backup.access import choose_options, list_access_errors
from podium.backup.config import BackupConfig
from podium.backup.process import BackupProcess
from podium.backup.workspace import Workspace
from podium.errors import raise_if_any

logger = logging.getLogger(__name__)

RESTORE = "restore"
START_S = 30.0
"""How long the first node waits for the store's answer, most of which passes while the run starts anyway."""


def is_restoring(run_params: Mapping[str, Any]) -> bool:
    """Say whether a run brings a backup back; it is neither backed up nor tracked, as it writes where both would."""
    return RESTORE in (run_params.get("pipeline_names") or [])


class BackupHooks:
    """Mirror what a run writes, from its start to its end, if ``backup.url`` says where to."""

    def __init__(self) -> None:
        self._config = BackupConfig()
        self._options: dict[str, Any] = {}
        self._competition: tuple[str, Path] | None = None
        self._process: BackupProcess | None = None
        self._is_waiting = False

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse what cannot work, before anything is read or written.

        Raises:
            InputError: Every case.
        """
        self._config = BackupConfig.model_validate(context.config_loader["parameters"].get("backup", {}))
        if self._config.url is None:
            return
        try:
            credentials = context.config_loader["credentials"]
        except MissingConfigException:
            credentials = {}
        raise_if_any("Backups cannot be used as asked:", list_access_errors(self._config, credentials))
        self._options = choose_options(self._config, credentials)
        self._competition = _find_competition(context.config_loader["parameters"])

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        self._process = None
        if is_restoring(run_params):
            catalog.save("backup_options", self._options)
        elif self._config.url is not None:
            self._process, self._is_waiting = BackupProcess(self._config, self._options), True
            self._process.start()
            self._warn_of_what_is_left_out()
            atexit.register(self._process.leave_alone)  # hooks hear nothing of Ctrl-C

    def _warn_of_what_is_left_out(self) -> None:
        if self._competition is not None and not Workspace.of(self._config).covers(self._competition[1]):
            logger.warning(
                "the organisers' files of '%s' are not backed up: %s lies outside of what is mirrored",
                *self._competition,
            )

    @hook_impl
    def before_node_run(self) -> None:
        """Wait at the first node alone: the store answers while everything else starts."""
        if self._process is not None and self._is_waiting:
            self._is_waiting = False
            self._process.require_start(START_S)

    @hook_impl(trylast=True)
    def after_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        if self._process is not None:
            self._process.finish()
        if is_restoring(run_params):
            for line in catalog.load("restored")["what_to_do"]:
                logger.info(line)

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        if self._process is not None:
            self._process.finish()


def _find_competition(parameters: Mapping[str, Any]) -> tuple[str, Path] | None:
    """Return the chosen competition and its folder."""
    name = parameters.get("competition")
    root = parameters.get("competitions", {}).get(name, {}).get("root")
    return None if root is None else (str(name), Path(root))
