"""A store that cannot be reached is tried again and told of, and never the end of anything."""

import io
import json
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from backup.files import write
from podium.backup import background
from podium.backup.background import Background, Failures, Orders
from podium.backup.config import BackupConfig
from podium.backup.messages import Teller
from podium.backup.ownership import Owner, take_over
from podium.backup.store import Store, open_store
from podium.locks import RunLock


class Told(Teller):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def tell(self, kind: str, text: str = "", **more: Any) -> None:
        self.messages.append({"kind": kind, "text": text, **more})

    def of(self, kind: str) -> list[str]:
        return [message["text"] for message in self.messages if message["kind"] == kind]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(autouse=True)
def no_leftover_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.locks._held", {})


def run(config: BackupConfig, told: Told, open_: Any = None, has_worked: bool = True) -> None:
    """Mirror for a run that ends just now."""
    orders = Orders()
    orders.finish.set()
    if has_worked:
        orders.go.set()
    Background(config, open_ or (lambda: open_store(str(config.url), config.name, {})), told, orders).run()


def test_end_is_told_with_numbers_and_the_address(config: BackupConfig, told: Told) -> None:
    write(config.data_dir / "06_models/a", "x" * 1500)
    run(config, told)
    assert told.of("ready") == [f"backing up to {config.url}/podium"]
    assert told.of("finished") == [f"backed up 1 files, 1.5 kB to {config.url}/podium (1 of them sent now, 1.5 kB)"]
    assert told.messages[-1]["is_complete"] is True


def test_run_that_ends_before_it_works_leaves_the_backup_as_it_is(
    config: BackupConfig, told: Told, store: Store
) -> None:
    write(config.project_dir / "mlflow.db", "half set up")
    run(config, told, has_worked=False)
    assert store.list_names("manifests") == []
    assert told.of("finished") == []


def test_store_that_comes_back_gets_everything(
    config: BackupConfig, told: Told, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config.data_dir / "06_models/a", "a")
    rests: list[float] = []
    monkeypatch.setattr(Background, "_rest", lambda self, seconds: rests.append(seconds))
    n_calls = 0

    def open_sometimes() -> Store:
        nonlocal n_calls
        n_calls += 1
        if n_calls <= 6:
            raise ConnectionError("no route to sftp://kim:geheim@nas")
        return store

    run(config, told, open_sometimes)
    assert rests == [2, 4, 8, 16, 20, 20]
    warning, again = (text for text in told.of("log") if "git" not in text)
    assert "trying again; the run goes on (ConnectionError: no route to sftp://kim:***@nas)" in warning
    assert "is written again" in again
    assert told.messages[-1]["is_complete"] is True


def test_store_that_never_comes_is_told_at_the_deadline(config: BackupConfig, told: Told) -> None:
    def fail() -> Store:
        raise ConnectionError("gone")

    run(config.model_copy(update={"finish_s": 0.2}), told, fail)
    assert told.messages[-1] == {
        "kind": "finished",
        "text": f"nothing was backed up: {config.url}/podium was not reached",
        "is_complete": False,
    }


def test_store_that_goes_in_the_middle_is_told_with_what_is_missing(
    config: BackupConfig, told: Told, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config.data_dir / "06_models/a/1", "a" * 10)
    monkeypatch.setattr(background, "LAST_REST_S", 0.01)
    put = store.put

    def change_then_put(path: str, data: bytes) -> None:
        if path.startswith("manifests"):
            write(config.data_dir / "06_models/b/1", f"{data!r}")  # a workspace that never rests
        put(path, data)

    monkeypatch.setattr(store, "put", change_then_put)
    monkeypatch.setattr("podium.backup.snapshot.N_TRIES", 1)
    run(config.model_copy(update={"finish_s": 0.5}), told, lambda: store)
    assert told.messages[-1]["kind"] == "finished"


def test_backup_of_another_workspace_is_refused_with_its_machine(
    config: BackupConfig, told: Told, store: Store
) -> None:
    take_over(store, Owner("another", "gpu2"))
    run(config, told)
    (text,) = told.of("refused")
    assert "on gpu2" in text
    assert "kedro run --pipeline restore" in text
    assert store.list_names("manifests") == []


def test_second_run_of_a_workspace_leaves_the_backup_to_the_first(
    config: BackupConfig, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_held(lock: RunLock) -> None:
        raise background.InputError("Another run", ["process 17 writes the same tables; wait for its end"])

    monkeypatch.setattr(RunLock, "acquire", is_held)
    run(config, told)
    assert told.of("finished") == ["process 17 of another run backs up the rest"]


def test_missing_repository_is_told_once_and_no_reason_to_stop(config: BackupConfig, told: Told) -> None:
    write(config.data_dir / "06_models/a", "a")
    run(config, told)
    (text,) = told.of("log")
    assert "the state of git is left out" in text


def test_rest_follows_the_time_of_a_look_and_not_of_what_was_sent(
    config: BackupConfig, told: Told, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    orders = Orders()
    orders.go.set()

    def rest(self: Background, seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 2:
            orders.finish.set()

    put = store.put_object

    def put_slowly(sha256: str, file: BinaryIO, n_bytes: int) -> None:
        time.sleep(0.5)
        put(sha256, file, n_bytes)

    monkeypatch.setattr(store, "put_object", put_slowly)
    monkeypatch.setattr(Background, "_rest", rest)
    write(config.data_dir / "06_models/a", "a")
    Background(config.model_copy(update={"interval_s": 10.0}), lambda: store, told, orders).run()
    assert rests[:2] == [10.0, 10.0]
    monkeypatch.setattr(background, "REST_SHARE", 1e9)
    rests.clear()
    orders.finish.clear()
    Background(config, lambda: store, told, orders).run()
    assert min(rests[:2]) > 10.0


def test_pauses_grow_and_warnings_come_now_and_then(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(background.time, "monotonic", lambda: now)
    failures, pauses = Failures(told, "s3://bucket/podium"), []
    while now < 3600:
        pauses.append(failures.count(OSError("gone"), is_last=False))
        now += pauses[-1]
    assert pauses[:9] == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert max(pauses) == 300
    assert 4 <= len(told.of("log")) <= 6


def test_reader_that_is_gone_stops_nothing() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Teller(Closed()).tell("log", "text")


def test_messages_are_lines_of_json() -> None:
    stream = io.StringIO()
    Teller(stream).tell("log", "두\n줄", level="INFO")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {"kind": "log", "text": "두\n줄", "level": "INFO"}


def test_git_and_the_lock_stay_out_of_what_others_see(config: BackupConfig, told: Told, tmp_path: Path) -> None:
    run(config, told)
    assert (config.data_dir / "backup/mirror.lock").exists()
    assert not list((tmp_path / "remote").rglob("*.lock"))
