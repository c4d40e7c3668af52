"""The trial's end of a trial: trains one recipe as the pipeline ``trial`` in this process, and asks after each epoch.

    python -m podium.sweeps.trial

reads one line from standard input, ``{"project": …, "env": …, "params": …, "digests": …}``, and writes lines to
standard output: ``{"fold": …, "row": …}`` after each epoch, answered by ``{"end": true or false}``, and
``{"state": …}`` at its end. It is started by :mod:`podium.sweeps.process` and dies with it: when its standard input
ends, so does it.
"""

import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

from podium.epochs import StopTrainingError, listening


def die() -> NoReturn:
    """End this process and all that it started, at once."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():  # the group is this trial's own
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


class Channel:
    """What a trial says and hears. When nobody speaks any more, the worker is dead, and nobody takes the result.

    Attributes:
        request: The first line that was heard.
    """

    def __init__(self, heard: IO[str], said: IO[str], at_end: Callable[[], None] = die):
        self._said, self._answers, self._at_end = said, queue.SimpleQueue[str](), at_end
        self.request: dict[str, Any] = json.loads(heard.readline())
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def _listen(self, heard: IO[str]) -> None:
        for line in heard:
            self._answers.put(line)
        self._at_end()

    def say(self, **message: Any) -> None:
        """Write a line."""
        self._said.write(json.dumps(message) + "\n")
        self._said.flush()

    def ask(self, fold: int, row: dict[str, Any]) -> None:
        """Tell of an epoch.

        Raises:
            StopTrainingError: The worker wants no more of them.
        """
        self.say(fold=fold, row={name: float(value) for name, value in row.items()})
        if json.loads(self._answers.get())["end"]:
            raise StopTrainingError(f"ended early after epoch {int(row['epoch'])}")


def train(channel: Channel) -> None:
    """Train what was asked for, and say how it ended."""
    try:
        with listening(channel.ask):
            scores = run_pipeline(**channel.request)
    except StopTrainingError:
        channel.say(state="pruned")
    except Exception as error:  # whatever ends a trial is told, and the sweep goes on
        traceback.print_exc()
        channel.say(state="failed", error=describe_failure(error))
    else:
        channel.say(state="finished", scores=scores)


def run_pipeline(project: str, env: str | None, params: dict[str, Any], digests: dict[str, str]) -> dict[str, Any]:
    """Run the pipeline ``trial`` and return its scores.

    Args:
        project: Its folder.
        env: Of Kedro.
        params: As ``--params``.
        digests: split_digest and content_digest of what the trial has to be scored on.
    """
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    from podium.sweeps.hooks import expect_data

    bootstrap_project(Path(project))
    expect_data(digests)
    session = KedroSession.create(project_path=project, env=env, runtime_params=params)
    with session:
        outputs = session.run(pipeline_names=["trial"])
    scores: dict[str, Any] = outputs["trial_scores"].load()
    return scores


def describe_failure(error: BaseException) -> str:
    """Say in one line what went wrong, without passwords."""
    from podium.cli import describe_error
    from podium.secrets import hide_password

    said = describe_error(error) or f"{type(error).__name__}: {error}"
    return hide_password(" ".join(said.split()))[:600]


def take_streams() -> tuple[IO[str], IO[str]]:
    """Keep standard input and output for the worker, and everything else that is written for the log.

    Processes that augment are forked, and each begins by closing ``sys.stdin``. Were that what a thread of this process
    waits at, they would wait for the thread's lock, of which they have a copy that nobody gives back.
    """
    heard = os.fdopen(os.dup(0), encoding="utf-8")
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  (for as long as the process lives)
    return heard, said


def main() -> NoReturn:
    """Be a trial."""
    from podium.leaving import leave_now

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    heard, said = take_streams()
    try:
        train(Channel(heard, said))
    except KeyboardInterrupt:
        leave_now(130)
    leave_now(0)


if __name__ == "__main__":
    main()
