"""How a worker keeps the trial that it has taken, and learns that it has lost it."""

import logging
import threading
import time

from podium.sweeps.queue import Claim, Queue

logger = logging.getLogger(__name__)


class Lease(threading.Thread):
    """Says every few seconds that this worker lives, as long as it has a trial.

    Whoever cannot say so for long enough has lost the trial, and is told so before others may take it: no trial is
    trained twice at a time. That is said by an alarm, since a database behind a broken line may answer after minutes.
    In passing, trials of dead workers are queued again.

    Attributes:
        lost: Set when the trial is no longer this worker's own.
    """

    def __init__(self, queue: Queue, claim: Claim):
        super().__init__(name=f"lease of {claim.entry.key}", daemon=True)
        self.lost = threading.Event()
        self._queue, self._claim, self._ended = queue, claim, threading.Event()
        self._alarm: threading.Timer | None = None

    def __enter__(self) -> "Lease":
        self._set_alarm(time.monotonic())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Renew until the trial ends or is lost."""
        pause_s = self._queue.heartbeat_s
        while not self._ended.wait(pause_s) and not self.lost.is_set():
            asked = time.monotonic()
            try:
                if not self._queue.renew(self._claim):
                    self.lost.set()
                    break
                self._set_alarm(asked)
                pause_s = self._queue.heartbeat_s
                self._queue.recover()
            except Exception as error:  # whatever it is: a lease that cannot be renewed runs out
                logger.warning("the queue does not answer: %s", type(error).__name__)
                pause_s = min(2, self._queue.heartbeat_s)
        self._stop_alarm()

    def _set_alarm(self, renewed: float) -> None:
        """Let the trial be lost a heartbeat before the time is over that began when it was renewed last."""
        self._stop_alarm()
        left_s = self._queue.grace_s - self._queue.heartbeat_s - (time.monotonic() - renewed)
        self._alarm = threading.Timer(max(left_s, 0.0), self.lost.set)
        self._alarm.daemon = True
        self._alarm.start()

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
