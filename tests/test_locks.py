"""One run of a competition at a time, and no lock that outlives its run."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podium import locks
from podium.errors import InputError
from podium.locks import RunLock, hold_file, release_all
from small_disk import SmallDisk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks of this kind are POSIX")

HOLDING = """
import os, sys, time
from pathlib import Path
from podium.locks import RunLock, release_all
lock = RunLock(Path(sys.argv[1]), "얼굴")
lock.acquire()
worker = os.fork() if "worker" in sys.argv else -1
if worker == 0:
    time.sleep(60)
    os._exit(0)
print(worker, flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "데이터" / "얼굴" / "run.lock"


@contextmanager
def hold(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Hold the lock in another process, which releases it when a line is written to it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", HOLDING, str(path), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def release_there(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "released\n"


def test_second_process_is_refused_with_the_number_of_the_first(path: Path) -> None:
    with hold(path) as (process, _), pytest.raises(InputError, match="Another run of '얼굴' is active") as error:
        RunLock(path, "얼굴").acquire()
    (case,) = error.value.cases
    assert case.startswith(f"process {process.pid} writes the same tables; wait for its end")


def test_refused_process_leaves_the_number_of_the_owner_and_its_lock(path: Path) -> None:
    with hold(path) as (process, _):
        for _ in range(2):
            with pytest.raises(InputError):
                RunLock(path, "얼굴").acquire()
        assert path.read_text() == str(process.pid)


def test_released_lock_is_free_while_its_process_lives_on(path: Path) -> None:
    lock = RunLock(path, "얼굴")
    with hold(path) as (process, _):
        release_there(process)
        lock.acquire()
        assert process.poll() is None
        assert path.read_text() == str(os.getpid())
    lock.release()


def test_lock_of_a_killed_process_is_free_though_its_worker_lives_on(path: Path) -> None:
    lock = RunLock(path, "얼굴")
    with hold(path, "worker") as (process, worker):
        try:
            process.send_signal(signal.SIGKILL)
            process.wait()
            os.kill(worker, 0)  # still there
            lock.acquire()
        finally:
            os.kill(worker, signal.SIGKILL)
    lock.release()


def test_same_process_takes_it_again_after_release(path: Path) -> None:
    lock = RunLock(path, "얼굴")
    for _ in range(2):
        lock.acquire()
        lock.release()
    other = RunLock(path, "얼굴")
    other.acquire()
    other.release()


def test_release_without_a_lock_does_nothing(path: Path) -> None:
    RunLock(path, "얼굴").release()
    assert not path.exists()


def test_competitions_do_not_wait_for_each_other(path: Path, tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "데이터" / "꽃" / "run.lock", "꽃")
    with hold(path):
        lock.acquire()
    lock.release()


def test_who_waits_gets_the_lock_when_it_is_free_and_says_once_whom_he_waits_for(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = RunLock(path, "얼굴")
    with hold(path) as (process, _):
        threading.Timer(1.2, release_there, [process]).start()
        with caplog.at_level("INFO", logger="podium.locks"):
            lock.wait()
    assert path.read_text() == str(os.getpid())
    (told,) = caplog.messages
    assert told.startswith("waiting: Another run of '얼굴' is active:") and str(process.pid) in told
    lock.release()


def test_all_locks_of_a_process_are_given_back_at_once(path: Path, tmp_path: Path) -> None:
    for name in "ab":
        RunLock(tmp_path / name, name).acquire()
    release_all()
    for name in "ab":
        with hold(tmp_path / name):
            pass


def test_file_is_held_by_one_process_at_a_time_and_the_other_waits(tmp_path: Path) -> None:
    path, log = tmp_path / "mlflow.db-lock", tmp_path / "log"
    code = (
        "import sys, time; from pathlib import Path; from podium.locks import hold_file\n"
        "with hold_file(Path(sys.argv[1]), 'x'), open(sys.argv[2], 'a') as log:\n"
        "    for word in ('in', 'out'):\n"
        "        log.write(word + ' '); log.flush(); time.sleep(0.1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    asking = [subprocess.Popen([sys.executable, "-c", code, str(path), str(log)], env=environment) for _ in range(3)]
    assert [process.wait() for process in asking] == [0, 0, 0]
    assert log.read_text().split() == ["in", "out"] * 3


def test_lock_holds_on_a_full_disk(small_disk: SmallDisk) -> None:
    path = small_disk.mount(256) / "얼굴" / "run.lock"
    lock = RunLock(path, "얼굴")
    lock.acquire()
    lock.release()
    small_disk.fill()
    lock.acquire()
    with pytest.raises(BlockingIOError):  # as another process would find it
        ask_elsewhere(path)
    lock.release()
    ask_elsewhere(path)


def ask_elsewhere(path: Path) -> None:
    """Ask for the lock in another process."""
    asking = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    asked = subprocess.run([sys.executable, "-c", asking, str(path)], capture_output=True, check=False)
    if asked.returncode:
        assert b"BlockingIOError" in asked.stderr
        raise BlockingIOError


def test_disk_without_locks_is_told_and_holds_nobody_back(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    monkeypatch.setattr(locks.fcntl, "lockf", refuse)
    with hold_file(path, "표"):
        RunLock(path, "꽃").acquire()
    release_all()
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["표", "꽃"]


def test_disk_that_fails_is_no_disk_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(locks.fcntl, "flock", fail)
    monkeypatch.setattr(locks.fcntl, "lockf", fail)
    with pytest.raises(OSError, match="broken"), hold_file(path, "표"):
        pass
    with pytest.raises(OSError, match="broken"):
        RunLock(path, "꽃").acquire()
