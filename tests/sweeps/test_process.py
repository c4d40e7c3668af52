"""A trial as a process of its own: what it is told and tells, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from podium.sweeps import process as process_module
from podium.sweeps.process import TrialCommand, run_trial
from processes import is_alive, wait_until

HEAD = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
request = json.loads(sys.stdin.readline())
def say(**message):
    print(json.dumps(message), flush=True)
def ask(fold, epoch):
    say(fold=fold, row={"epoch": epoch})
    return json.loads(sys.stdin.readline())["end"]
Path("pid").write_text(str(os.getpid()))
"""


def run(folder: Path, body: str, judge: Any = lambda fold, row: False, lost: Any = None, **request: Any) -> Any:
    command = (sys.executable, "-c", HEAD + body)
    how = TrialCommand(folder, folder / "로그", {"PODIUM_PARENT_RUN": "run 1"}, command)
    return run_trial(how, "열쇠", request, judge, lost or threading.Event())


def test_trial_hears_its_request_and_its_scores_are_heard(tmp_path: Path) -> None:
    body = "say(state='finished', scores={**request, 'parent': os.environ['PODIUM_PARENT_RUN'], 'in': os.getcwd()})"
    outcome = run(tmp_path, body, 이름="값")
    assert outcome.state == "finished"
    assert outcome.scores == {"이름": "값", "parent": "run 1", "in": str(tmp_path)}


def test_each_epoch_is_asked_about_and_the_answer_ends_it(tmp_path: Path) -> None:
    asked = []

    def judge(fold: int, row: dict[str, float]) -> bool:
        asked.append((fold, row["epoch"]))
        return row["epoch"] == 2

    body = "epoch = 0\nwhile not ask(1, epoch):\n    epoch += 1\nsay(state='pruned')"
    assert run(tmp_path, body, judge).state == "pruned"
    assert asked == [(1, 0), (1, 1), (1, 2)]


def test_error_that_a_trial_tells_is_kept_without_passwords(tmp_path: Path) -> None:
    outcome = run(tmp_path, "say(state='failed', error='postgresql://me:very-secret@host/db is away')")
    assert (outcome.state, outcome.error) == ("failed", "postgresql://me:***@host/db is away")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL, perhaps for want of memory"),
        ("sys.stderr.write('CUDA is gone\\n'); os._exit(3)", "exit status 3; CUDA is gone"),
        ("raise RuntimeError('깨짐')", "RuntimeError: 깨짐"),
        ("sys.stderr.write('x' * 560 + ' postgresql://me:very-secret@host/db'); os._exit(3)", "x postgresql://me:"),
    ],
)
def test_trial_that_dies_without_a_word_is_told_with_its_last_lines(tmp_path: Path, body: str, told: str) -> None:
    outcome = run(tmp_path, body)
    assert outcome.state == "failed"
    assert told in outcome.error
    assert "very" not in outcome.error
    assert (tmp_path / "로그" / "열쇠.log").exists()


def test_lost_trial_is_stopped_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "STOP_S", 0.5)
    lost = threading.Event()
    body = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path("child").write_text(str(child.pid))
time.sleep(60)
"""
    threading.Thread(
        target=lambda: (
            wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != ""),
            lost.set(),
        )
    ).start()
    assert run(tmp_path, body, lost=lost).state == "stopped"
    pids = [int((tmp_path / name).read_text()) for name in ("pid", "child")]
    wait_until(lambda: not any(map(is_alive, pids)), 5)


def test_trial_that_is_stopped_may_save_what_it_likes_first(tmp_path: Path) -> None:
    body = """
def leave(number, frame):
    Path("saved").touch()
    sys.exit(1)
signal.signal(signal.SIGTERM, leave)
ask(0, 0)
time.sleep(60)
"""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, body, judge=lambda fold, row: (_ for _ in ()).throw(KeyboardInterrupt))
    assert (tmp_path / "saved").exists()
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_trial_dies_with_its_worker_however_that_dies(tmp_path: Path) -> None:
    trial = """
import os, sys, time
from pathlib import Path
from podium.sweeps.trial import Channel
channel = Channel(sys.stdin, sys.stdout)
Path("pid").write_text(str(os.getpid()))
time.sleep(60)
"""
    worker = f"""
import sys, threading
from pathlib import Path
from podium.sweeps.process import TrialCommand, run_trial
how = TrialCommand(Path(sys.argv[1]), Path(sys.argv[1]), {{}}, (sys.executable, "-c", {trial!r}))
run_trial(how, "a", {{}}, lambda fold, row: False, threading.Event())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", worker, str(tmp_path)], env=environment) as process:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        pid = int((tmp_path / "pid").read_text())
        assert is_alive(pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        began = time.monotonic()
        wait_until(lambda: not is_alive(pid), 10)
        assert time.monotonic() - began < 5
