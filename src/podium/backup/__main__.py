"""``python -m podium.backup``: the process that mirrors; :mod:`podium.backup.process` starts it and talks to it."""

import json
import os
import signal
import sys
import threading
import time
from typing import TextIO

from podium.atomic_files import write_files_atomically
from podium.backup.background import Background, Orders
from podium.backup.config import BackupConfig
from podium.backup.messages import FINISH, GO, LOG, Teller
from podium.backup.store import open_store
from podium.secrets import hide_password

PARENT_PAUSE_S = 0.5


def main() -> None:
    """Read settings from the first line of standard input, then orders, and mirror until the run ends."""
    parent = os.getppid()
    # What ends a run from its terminal must not end the backup of what it has done so far.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    teller = Teller(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # whatever a library prints is no message
    settings = json.loads(sys.stdin.readline())
    write_files_atomically()
    orders = Orders()
    threading.Thread(target=_take_orders, args=(sys.stdin, orders), daemon=True).start()
    threading.Thread(target=_wait_for_end_of, args=(parent, orders), daemon=True).start()
    config = BackupConfig.model_validate(settings["config"])
    try:
        Background(
            config, lambda: open_store(config.url or "", config.name, settings["options"]), teller, orders
        ).run()  # fmt: skip
    except Exception as error:
        teller.tell(LOG, f"backup: ended by {type(error).__name__}: {hide_password(str(error))}", level="ERROR")
    os._exit(0)  # threads of a store that hangs are not waited for


def _take_orders(stream: TextIO, orders: Orders) -> None:
    """Pass on what the run says, until it ends or is gone."""
    for line in stream:
        if line.strip() == GO:
            orders.go.set()
        elif line.strip() == FINISH:
            orders.go.set()
            break
    orders.finish.set()


def _wait_for_end_of(parent: int, orders: Orders) -> None:
    """Wait until the run is gone: its own workers may hold its end of the pipe open for longer."""
    while os.getppid() == parent:
        time.sleep(PARENT_PAUSE_S)
    orders.finish.set()


if __name__ == "__main__":
    main()
