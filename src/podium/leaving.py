"""The end of a run's process."""

import atexit
import os
import sys
import threading
from pathlib import Path
from typing import NoReturn


def is_kedro_command() -> bool:
    """Say whether this process was started as ``kedro`` or ``python -m kedro``, and so ends when the command does."""
    return Path(sys.argv[0]).stem in ("kedro", "python -m kedro")  # the second is what Kedro itself puts there


def leave_now(status: int) -> NoReturn:
    """End this process, without the interpreter's clearing up of a million objects, which takes seconds after torch.

    What others wait for is done: threads come to their end, what was registered for the exit runs, streams are flushed.
    The system takes the memory back by itself.

    Args:
        status: Exit status.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status)
