"""How a worker keeps the trial that it has taken, and learns that it has lost it."""

import logging
import threading
import time

from podium.sweeps.queue import Claim, Queue

logger = logging.getLogger(__name__)


class Lease(threading.Thread):
    """Says every few seconds that this worker lives, as long as it has a trial.

    Whoever cannot say so for long enough has lost the trial, and is told so before others may take it: no trial is
    trained twice at a time. In passing, trials of dead workers are queued again.

    Attributes:
        lost: Set when the trial is no longer this worker's own.
    """

    def __init__(self, queue: Queue, claim: Claim):
        super().__init__(name=f"lease of {claim.entry.key}", daemon=True)
        self.lost = threading.Event()
        self._queue, self._claim, self._ended = queue, claim, threading.Event()

    def __enter__(self) -> "Lease":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Renew until the trial ends or is lost."""
        renewed, pause_s = time.monotonic(), self._queue.heartbeat_s
        while not self._ended.wait(pause_s):
            asked = time.monotonic()
            try:
                if not self._queue.renew(self._claim):
                    self.lost.set()
                    return
                renewed, pause_s = asked, self._queue.heartbeat_s
                self._queue.recover()
            except Exception as error:  # whatever it is: a lease that cannot be renewed runs out
                logger.warning("the queue does not answer: %s", type(error).__name__)
                pause_s = min(2, self._queue.heartbeat_s)
            if time.monotonic() - renewed > self._queue.grace_s - self._queue.heartbeat_s:
                self.lost.set()
                return
