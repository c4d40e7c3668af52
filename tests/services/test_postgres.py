"""The server that tests of databases stand on."""

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from services.postgres import Postgres


def test_database_is_fresh_each_time_it_is_asked_for(postgres: Postgres) -> None:
    for _ in range(2):
        engine = create_engine(postgres.url("fresh"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (a text)"))
            connection.execute(text("INSERT INTO t VALUES ('고양이')"))
            assert connection.execute(text("SELECT a FROM t")).scalars().all() == ["고양이"]
        engine.dispose()


def test_server_refuses_a_wrong_password_and_listens_on_loopback_alone(postgres: Postgres) -> None:
    url = postgres.url("guarded")
    with pytest.raises(OperationalError, match="password authentication failed"):
        create_engine(url.replace(postgres.password, "wrong")).connect()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute("SHOW listen_addresses").fetchone()
    assert row == ("127.0.0.1",)
