"""``python -m podium.backup``: the process that mirrors; :mod:`podium.backup.process` starts it and talks to it."""

import json
import os
import signal
import sys
import threading
import time
from typing import TextIO

from podium.atomic_files import write_files_atomically
from podium.backup.background import Background
from podium.backup.config import BackupConfig
from podium.backup.messages import FINISH, LOG, Teller
from podium.backup.store import open_store
from podium.secrets import hide_password

PARENT_PAUSE_S = 0.5


def main() -> None:
    """Read settings from the first line of standard input, and mirror until the second line, or the run's end."""
    parent = os.getppid()
    # What ends a run from its terminal must not end the backup of what it has done so far.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    teller = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # whatever a library prints is no message
    settings = json.loads(sys.stdin.readline())
    write_files_atomically()
    finish = threading.Event()
    threading.Thread(target=_wait_for_word, args=(sys.stdin, finish), daemon=True).start()
    threading.Thread(target=_wait_for_end_of, args=(parent, finish), daemon=True).start()
    config = BackupConfig.model_validate(settings["config"])
    try:
        Background(
            config, lambda: open_store(config.url or "", config.name, settings["options"]), teller, finish
        ).run()  # fmt: skip
    except Exception as error:
        teller.tell(LOG, f"backup: ended by {type(error).__name__}: {hide_password(str(error))}", level="ERROR")
    os._exit(0)  # threads of a store that hangs are not waited for


def _wait_for_word(stream: TextIO, finish: threading.Event) -> None:
    """Wait until the run says that it ends, or is gone."""
    for line in stream:
        if line.strip() == FINISH:
            break
    finish.set()


def _wait_for_end_of(parent: int, finish: threading.Event) -> None:
    """Wait until the run is gone: its own workers may hold its end of the pipe open for longer."""
    while os.getppid() == parent:
        time.sleep(PARENT_PAUSE_S)
    finish.set()


if __name__ == "__main__":
    main()
