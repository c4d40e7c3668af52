"""What tests of several processes ask and wait for."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that ended and, as in some containers, is collected by nobody does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(is_so: Callable[[], object], for_s: float = 120.0) -> None:
    """Wait for something, and fail when it does not come."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < for_s, f"it never came to that within {for_s} s"
        time.sleep(0.01)
