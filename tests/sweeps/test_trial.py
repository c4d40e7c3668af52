"""The trial's end of a trial: what it says of each way to end."""

import io
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from conftest import ROOT
from podium.epochs import tell_epoch
from podium.errors import InputError
from podium.sweeps import trial as trial_module
from podium.sweeps.trial import Channel, describe_failure, train


def hold(monkeypatch: pytest.MonkeyPatch, *answers: bool) -> tuple[Channel, io.StringIO, Any]:
    """Make a channel whose worker gives these answers and then stays silent."""
    reading, writing = os.pipe()
    heard, worker = os.fdopen(reading, "r"), os.fdopen(writing, "w")
    worker.write(
        "\n".join([json.dumps({"params": {"recipe": "a"}}), *(json.dumps({"end": end}) for end in answers), ""])
    )
    worker.flush()
    said = io.StringIO()
    monkeypatch.setattr("podium.epochs.log_epoch", lambda fold, row: None)
    return Channel(heard, said, at_end=lambda: None), said, worker


def listen(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_scores_are_said_after_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    channel, said, _worker = hold(monkeypatch, False, False)

    def run(params: dict[str, Any]) -> dict[str, Any]:
        for epoch in range(2):
            tell_epoch(0, {"epoch": epoch, "val_loss": 0.5})
        return {"of": params["recipe"]}

    monkeypatch.setattr(trial_module, "run_pipeline", run)
    train(channel)
    rows = [{"fold": 0, "row": {"epoch": float(epoch), "val_loss": 0.5}} for epoch in range(2)]
    assert listen(said) == [*rows, {"state": "finished", "scores": {"of": "a"}}]


def test_training_that_the_worker_wants_to_end_is_ended_at_that_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    channel, said, _worker = hold(monkeypatch, False, True)

    def run(params: dict[str, Any]) -> dict[str, Any]:
        for epoch in range(9):
            tell_epoch(0, {"epoch": epoch})
        return {}

    monkeypatch.setattr(trial_module, "run_pipeline", run)
    train(channel)
    assert [message.get("row", {}).get("epoch") for message in listen(said)] == [0.0, 1.0, None]
    assert listen(said)[-1] == {"state": "pruned"}


def test_error_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    channel, said, _worker = hold(monkeypatch)

    def run(params: dict[str, Any]) -> dict[str, Any]:
        raise InputError("Wrong:", ["a: 틀림", "b: 없음"])

    monkeypatch.setattr(trial_module, "run_pipeline", run)
    train(channel)
    assert listen(said) == [{"state": "failed", "error": "Wrong: - a: 틀림 - b: 없음"}]
    assert describe_failure(MemoryError("of the GPU")) == "MemoryError: of the GPU"
    assert "very" not in describe_failure(OSError("x" * 560 + " postgresql://me:very-secret@host/db"))


FORKS = """
import multiprocessing, time
from podium.sweeps.trial import Channel, take_streams
channel = Channel(*take_streams())
time.sleep(0.3)  # until its thread waits for the next line
child = multiprocessing.get_context("fork").Process(target=print, args=("for the log",))
child.start()
child.join(20)
channel.say(exit_status=child.exitcode)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_process_that_a_trial_forks_runs_while_the_trial_waits_for_its_worker() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write("{}\n")
        process.stdin.flush()
        try:
            assert json.loads(process.stdout.readline()) == {"exit_status": 0}
            assert process.stderr.read() == "for the log\n"
        finally:
            process.kill()
