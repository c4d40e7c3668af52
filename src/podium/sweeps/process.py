"""The worker's end of a trial: a process of its own, so that its memory, its crashes and its end stay with it.

The two talk in lines of JSON through the trial's standard input and output; what it logs goes to a file. The trial
knows nothing of the queue: it asks after each epoch whether to go on.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from podium.child_processes import make_environment
from podium.secrets import hide_password
from podium.sweeps.worker import JudgeEpoch, Outcome

STOP_S, FINISH_S = 20.0, 120.0
"""So long a trial has to end by itself: when it is stopped, and when it has said how it ended but is still tracked."""

_POLL_S = 0.2
_MAX_ERROR_LETTERS = 600
_TAIL_BYTES = 4000


@dataclass(frozen=True)
class TrialCommand:
    """How trials are started.

    Attributes:
        folder: They run in.
        log_folder: Takes a file of each trial's output.
        environment: Variables beside those of this process.
        command: What starts one.
    """

    folder: Path
    log_folder: Path
    environment: dict[str, str]
    command: Sequence[str] = (sys.executable, "-m", "podium.sweeps.trial")


def run_trial(
    how: TrialCommand, key: str, request: dict[str, Any], judge: JudgeEpoch, lost: threading.Event
) -> Outcome:
    """Run one trial to its end.

    Args:
        how: To start it.
        key: Names its file of output.
        request: What :mod:`podium.sweeps.trial` is asked to do.
        judge: Asked after each epoch.
        lost: Ends the trial when it is set.

    Raises:
        KeyboardInterrupt: The trial has been stopped first.
    """
    how.log_folder.mkdir(parents=True, exist_ok=True)
    log = how.log_folder / f"{key}.log"
    with log.open("ab") as output:
        began = output.tell()
        process = subprocess.Popen(
            list(how.command),
            cwd=how.folder,
            env=make_environment(**how.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the worker, which stops the trial in its own time
        )
        outcome, patience_s = None, STOP_S
        try:
            outcome = _converse(process, request, judge, lost)
            patience_s = STOP_S if outcome is None or outcome.state == "stopped" else FINISH_S
        finally:
            if patience_s == STOP_S:
                process.terminate()
            _clear(process, patience_s)
    return outcome or Outcome("failed", error=_describe_end(process.returncode, log, began))


def _converse(
    process: "subprocess.Popen[str]", request: dict[str, Any], judge: JudgeEpoch, lost: threading.Event
) -> Outcome | None:
    """Answer a trial until it says how it ended; None when it dies without a word."""
    assert process.stdin is not None
    assert process.stdout is not None
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    if not _say(process.stdin, request):
        return None
    while True:
        if lost.is_set():
            return Outcome("stopped")
        is_over = process.poll() is not None
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            if is_over:
                return None
            continue
        message = json.loads(line)
        if "row" in message:
            if not _say(process.stdin, {"end": judge(message["fold"], message["row"])}):
                return None
        else:
            return Outcome(message["state"], message.get("scores", {}), hide_password(message.get("error", "")))


def _read_lines(stream: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    for line in stream:
        lines.put(line)


def _say(stream: IO[str], message: dict[str, Any]) -> bool:
    """Write a line; False when nobody reads any more."""
    try:
        stream.write(json.dumps(message) + "\n")
        stream.flush()
    except BrokenPipeError:
        return False
    return True


def _clear(process: "subprocess.Popen[str]", patience_s: float) -> None:
    """Wait for a trial's end, and kill what is left of it after that, all that it started included."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def _describe_end(status: int, log: Path, began: int) -> str:
    """Say how a trial died, with the last lines of its output."""
    how = f"exit status {status}"
    if status < 0:
        name = signal.Signals(-status).name
        how = f"killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    with log.open("rb") as file:
        file.seek(max(began, log.stat().st_size - _TAIL_BYTES))
        tail = file.read().decode("utf-8", errors="replace")
    said = " | ".join(line.strip() for line in tail.splitlines()[-5:] if line.strip())
    return hide_password(f"{how}; {said}")[:_MAX_ERROR_LETTERS]  # a password that was cut would not be known as one
