"""What the process that mirrors tells the run, a line of JSON each."""

import json
from typing import Any, TextIO

READY, REFUSED, LOG, FINISHED = "ready", "refused", "log", "finished"
GO, FINISH = "go", "finish"
"""What the run tells the process, after its settings in the first line."""


class Teller:
    """Writes messages; a reader that is gone is no reason to stop."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def tell(self, kind: str, text: str = "", **more: Any) -> None:
        """Write one message."""
        try:
            self._stream.write(json.dumps({"kind": kind, "text": text, **more}) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return


def format_bytes(n_bytes: float) -> str:
    """Write a size for people: ``1.2 GB``."""
    for unit in ("bytes", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} GB"
