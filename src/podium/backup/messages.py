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
