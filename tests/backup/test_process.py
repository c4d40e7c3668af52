"""The process beside a run: it hears what it must, tells what it did, and outlives the run for as long as it needs."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backup.files import read_newest, write
from podium.backup.config import BackupConfig
from podium.backup.ownership import Owner, take_over
from podium.backup.process import BackupProcess
from podium.backup.store import Store
from podium.errors import InputError
from processes import is_alive, wait_until
from services.object_store import ACCESS_KEY, SECRET_KEY, ObjectStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="backups need POSIX")


def test_what_is_written_meanwhile_is_mirrored_without_a_word_and_the_rest_at_the_end(
    config: BackupConfig, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = write(config.data_dir / "06_models/꽃/last.ckpt", "epoch 1")
    process = BackupProcess(config, {})
    process.start()
    wait_until(lambda: "backing up to" in caplog.text)
    time.sleep(0.5)
    assert store.list_names("manifests") == [], "the run does not work yet"
    process.require_start(30.0)
    wait_until(lambda: read_newest(store).n_bytes == 7)
    write(path, "epoch 10")
    wait_until(lambda: read_newest(store).n_bytes == 8)
    write(path, "epoch 100")
    assert process.finish()
    assert read_newest(store).n_bytes == 9
    assert process.pid is None
    assert caplog.messages[0] == f"backing up to {config.url}/podium"
    assert caplog.messages[-1].startswith(f"backed up 1 files, 9 bytes to {config.url}/podium (3 of them sent now")


def test_credentials_reach_the_store_and_neither_the_command_line_nor_the_environment(
    config: BackupConfig, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in object_store.environment:
        monkeypatch.delenv(name, raising=False)
    write(config.data_dir / "06_models/a", "a")
    bucket = object_store.make_bucket("process-credentials")
    options = {"key": ACCESS_KEY, "secret": SECRET_KEY, "endpoint_url": object_store.endpoint_url}
    process = BackupProcess(config.model_copy(update={"url": f"{bucket}/팀"}), options)
    process.start()
    shown = b"".join(Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert process.finish()
    assert SECRET_KEY.encode() not in shown
    assert SECRET_KEY not in caplog.text
    keys = [
        item["Key"] for item in object_store.make_client().list_objects_v2(Bucket="process-credentials")["Contents"]
    ]
    assert {key.split("/")[2] for key in keys} == {"manifests", "objects", "owner.json"}


def test_backup_of_another_workspace_stops_the_run(config: BackupConfig, store: Store) -> None:
    take_over(store, Owner("another", "gpu2"))
    process = BackupProcess(config, {})
    process.start()
    with pytest.raises(InputError, match="gpu2"):
        process.require_start(30.0)
    assert not process.finish()


def test_store_that_does_not_answer_stops_nothing_and_is_told_at_the_end(
    config: BackupConfig, caplog: pytest.LogCaptureFixture
) -> None:
    away = config.model_copy(update={"url": f"{config.url}/not mounted", "finish_s": 0.3})
    process = BackupProcess(away, {})
    process.start()
    process.require_start(30.0)
    assert not process.finish()
    assert "is it mounted" in caplog.text
    assert caplog.messages[-1].startswith("nothing was backed up")


def test_process_that_was_killed_is_started_again_for_the_rest(config: BackupConfig, store: Store) -> None:
    process = BackupProcess(config, {})
    process.start()
    process.require_start(30.0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: process.pid is None)
    write(config.data_dir / "06_models/a", "a")
    assert process.finish()
    assert set(read_newest(store).files) == {"data/06_models/a"}


RUN_AND_WAIT = """
import sys, time
from podium.backup.config import BackupConfig
from podium.backup.process import BackupProcess
process = BackupProcess(BackupConfig.model_validate_json(sys.argv[1]), {})
process.start()
process.require_start(30.0)
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_run_that_is_killed_or_interrupted_leaves_a_process_that_sends_the_rest_and_ends(
    config: BackupConfig, store: Store, number: signal.Signals
) -> None:
    resting = config.model_copy(update={"interval_s": 1000.0})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", RUN_AND_WAIT, resting.model_dump_json()], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        wait_until(lambda: store.list_names("manifests"))
        write(config.data_dir / "06_models/a", "written last")
        time.sleep(0.1)
        run.send_signal(number)
    wait_until(lambda: set(read_newest(store).files) == {"data/06_models/a"})
    wait_until(lambda: not is_alive(pid))
