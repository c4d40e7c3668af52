"""Where a queue is kept, and who may do something there alone."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from podium.errors import InputError
from podium.sweeps.storage import Database, find_storage, insist
from services.postgres import Postgres


def test_file_of_sqlite_begins_at_the_project(tmp_path: Path) -> None:
    assert find_storage("sqlite:///데이터/sweeps.db", tmp_path, {}) == f"sqlite:///{tmp_path}/데이터/sweeps.db"
    assert find_storage("sqlite:////big/sweeps.db", tmp_path, {}) == "sqlite:////big/sweeps.db"


def test_address_of_the_environment_comes_first_and_may_hold_a_password(tmp_path: Path) -> None:
    said = {"PODIUM_SWEEP_STORAGE": "postgresql://team:secret-word@db/sweeps"}
    assert find_storage("sqlite:///a.db", tmp_path, said) == "postgresql+psycopg://team:secret-word@db/sweeps"
    assert find_storage("sqlite:///a.db", tmp_path, {"PODIUM_SWEEP_STORAGE": ""}).startswith("sqlite:///")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://team:secret-word@db/sweeps", "holds a password; put the address into the variable"),
        ("mysql://team@db/sweeps", "write sqlite:///<file> or postgresql"),
        ("sqlite:///:memory:", "write sqlite:///<file>"),
        ("sqlite:///", "write sqlite:///<file>"),
    ],
)
def test_address_that_cannot_serve_is_told_without_its_password(url: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        find_storage(url, tmp_path, {})
    assert told in str(error.value)
    assert "secret-word" not in str(error.value)


@pytest.mark.parametrize("password", ["secret@word", "secret word", "a@secret word/1 x"])
def test_address_with_an_unquoted_password_is_refused_and_nothing_of_it_is_shown(password: str, tmp_path: Path) -> None:
    said = {"PODIUM_SWEEP_STORAGE": f"postgresql://team:{password}@db:5432/sweeps"}
    with pytest.raises(InputError) as error:
        find_storage("sqlite:///a.db", tmp_path, said)
    assert "PODIUM_SWEEP_STORAGE: user or password hold" in str(error.value) and "write %40 for @" in str(error.value)
    assert "secret" not in str(error.value) and "word/1" not in str(error.value)


@pytest.mark.parametrize("password", ["p@ss/w:rd 1+비밀", "50%", "a?b#c&d"])
def test_quoted_password_opens_the_queue(password: str, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.add_user("team", password, "quoted")
    try:
        database = Database(find_storage("", tmp_path, {"PODIUM_SWEEP_STORAGE": url}))
        with database.alone("x"):
            database.open(60, 120).remove_session()
    finally:
        postgres.remove_user("team", "quoted")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/a.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url("lock")


def test_one_at_a_time_is_alone(url: str) -> None:
    inside, most = 0, []

    def enter() -> None:
        nonlocal inside
        for _ in range(5):
            with Database(url).alone("x"):
                inside += 1
                most.append(inside)
                time.sleep(0.005)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 15


def test_lock_is_free_after_an_error(url: str) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), Database(url).alone("x"):
            raise ZeroDivisionError


def test_database_that_is_away_for_a_while_is_waited_for() -> None:
    answers = iter([sqlite3.OperationalError("away"), InputError("away", []), "here"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert insist(ask, for_s=5, pause_s=0.01) == "here"


def test_other_errors_are_raised_at_once_and_a_long_absence_at_last() -> None:
    with pytest.raises(ZeroDivisionError):
        insist(lambda: 1 / 0, for_s=5)

    def away() -> None:
        raise sqlite3.OperationalError("away")

    with pytest.raises(sqlite3.OperationalError):
        insist(away, for_s=0.05, pause_s=0.02)
