"""A run's process ends at once, with all that others wait for done."""

import subprocess
import sys

import pytest

from podium.leaving import is_kedro_command

LEAVING = """
import atexit, threading, time
from podium.leaving import leave_now

class Slow:
    def __del__(self):
        print("cleared up")

def wait():
    time.sleep(0.3)
    print("thread ended")

kept = Slow()
atexit.register(print, "first registered")
atexit.register(print, "last registered")
threading.Thread(target=wait).start()
threading.Thread(target=time.sleep, args=[60], daemon=True).start()
leave_now(3)
"""


def test_threads_end_and_exit_functions_run_and_streams_are_flushed() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines() == ["thread ended", "last registered", "first registered"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("/환경/bin/kedro", True),
        ("C:/Scripts/kedro.exe", True),
        ("python -m kedro", True),
        ("/lib/python3.11/site-packages/pytest/__main__.py", False),
        ("-c", False),
        ("", False),
    ],
)
def test_only_a_kedro_command_ends_its_process(monkeypatch: pytest.MonkeyPatch, program: str, expected: bool) -> None:
    monkeypatch.setattr(sys, "argv", [program, "run"])
    assert is_kedro_command() is expected
