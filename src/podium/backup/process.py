"""The process that mirrors, as the run sees it.

A process and not a thread: a thread of the lowest priority would hold the interpreter's lock while it waits for a core,
and training would wait with it; and a process that forks its workers must not hold connections to a store.
"""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from podium.backup import messages
from podium.backup.config import BackupConfig
from podium.child_processes import make_environment
from podium.errors import InputError

logger = logging.getLogger(__name__)

GRACE_S = 30.0
"""What the process gets beyond the time that it was given to finish, before it is stopped."""


class BackupProcess:
    """Mirrors a workspace beside the run that writes it.

    Attributes:
        pid: Of the process; None when it does not run.
    """

    def __init__(self, config: BackupConfig, options: Mapping[str, Any]):
        """Say what to mirror.

        Args:
            config: Parameters; ``url`` is not None.
            options: Of fsspec's file system, credentials among them. They reach the process through a pipe: a command
                line can be read by everybody on the machine.
        """
        self._config = config
        self._settings = json.dumps({"config": config.model_dump(mode="json"), "options": dict(options)})
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._has_spoken = threading.Event()
        self._refusal: str | None = None
        self._is_refused = False
        self._end: dict[str, Any] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start it, and do not wait; nothing is mirrored before :meth:`require_start`."""
        # A group of its own, so that Ctrl-C does not reach it; not a session of its own, whose share of the processor
        # would not depend on its priority.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "podium.backup"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, encoding="utf-8", process_group=0, env=make_environment(),
        )  # fmt: skip
        self._say(self._settings)
        self._reader = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._reader.start()

    def require_start(self, timeout_s: float) -> None:
        """Wait until the store was reached, but not for long, and let the mirroring begin.

        A store that cannot be reached stops no run.

        Raises:
            InputError: Another machine writes this backup.
        """
        if not self._has_spoken.wait(timeout_s):
            logger.warning("backup: the store did not answer yet; the run goes on, and so do the tries")
        if self._refusal is not None:
            self._is_refused = True
            raise InputError("This workspace cannot be backed up as asked:", [self._refusal])
        self._say(messages.GO)

    def finish(self) -> bool:
        """Let it send what is left, tell how it ended, and return whether everything is backed up."""
        if self._is_refused:
            return False
        if self._refusal is not None:
            logger.warning("nothing more was backed up: %s", self._refusal)
            return False
        if self.pid is None:  # killed, for want of memory perhaps; what is left can be sent all the same
            self.start()
        logger.info("waiting for the backup of what is not sent yet, %.0f min at most", self._config.finish_s / 60)
        self._say(messages.FINISH)
        assert self._process is not None
        assert self._reader is not None
        self._reader.join(self._config.finish_s + GRACE_S)
        why = "not all is backed up: the process that sends ended early"
        if self._reader.is_alive():
            why = "not all is backed up within backup.finish_s"
            self._process.kill()
        self._process.wait()
        end = self._end or {"text": f"{why}; the next run sends the rest", "is_complete": False}
        logger.log(logging.INFO if end["is_complete"] else logging.WARNING, "%s", end["text"])
        return bool(end["is_complete"])

    def leave_alone(self) -> None:
        """Let it go on without this run, which was interrupted."""
        if self.pid is not None and self._end is None and self._refusal is None:
            logger.info(
                "the backup goes on without this run, in process %d, for %.0f min at most", self.pid,
                self._config.finish_s / 60,
            )  # fmt: skip

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            return  # it is gone, which its reader notices

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            message = json.loads(line)
            match message["kind"]:
                case messages.READY:
                    logger.info("%s", message["text"])
                case messages.REFUSED:
                    self._refusal = message["text"]
                    if self._has_spoken.is_set():
                        logger.warning("backup: %s", message["text"])
                case messages.LOG:
                    logger.log(logging.getLevelNamesMapping()[message["level"]], "%s", message["text"])
                case messages.FINISHED:
                    self._end = message
            self._has_spoken.set()
        self._has_spoken.set()
