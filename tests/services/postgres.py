"""A PostgreSQL server of the test session's own, from the programs that Debian installs."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

ADMIN = "podium"
NOBODY_ELSE = 0o700


@dataclass(frozen=True)
class Postgres:
    """A server on loopback that asks for a password.

    Attributes:
        port: It listens there, on 127.0.0.1 alone.
        password: Of the one user, ``podium``.
    """

    port: int
    password: str

    def url(self, database: str) -> str:
        """Make an empty database, in place of any earlier one of that name, and return its SQLAlchemy address.

        Args:
            database: A plain lower-case name, as it stands in SQL.
        """
        import psycopg

        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{database}"')
        return f"postgresql+psycopg://{ADMIN}:{self.password}@127.0.0.1:{self.port}/{database}"

    def add_user(self, name: str, password: str, database: str) -> str:
        """Make a user who owns a new, empty database, and return its SQLAlchemy address, as a person would write it."""
        import psycopg
        from psycopg.sql import SQL, Identifier, Literal

        self.url(database)
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password)))
            connection.execute(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(database), Identifier(name)))
        return f"postgresql://{name}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def remove_user(self, name: str, database: str) -> None:
        """Remove a user with the database."""
        import psycopg
        from psycopg.sql import SQL, Identifier

        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(database)))
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))

    def describe(self, database: str) -> str:
        """Return what psycopg needs to read a database."""
        return f"host=127.0.0.1 port={self.port} user={ADMIN} password={self.password} dbname={database}"

    @property
    def _conninfo(self) -> str:
        return self.describe("postgres")


def find_programs() -> Path | None:
    """Return the folder of the newest installed server's programs; None where there is none."""
    found = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdecimal()
    ]  # Debian keeps them off the path
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@contextmanager
def serve_postgres(programs: Path) -> Iterator[Postgres]:
    """Start a server in a folder of its own, and stop and remove it at the end.

    PostgreSQL refuses to run as root; there it runs as the user ``postgres``, whom its Debian package makes.
    """
    folder = Path(tempfile.mkdtemp(prefix="podium-postgres-"))
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    folder.chmod(NOBODY_ELSE)
    password, data = secrets.token_hex(12), folder / "data"
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    if as_user:
        shutil.chown(secret, "postgres", "postgres")
    port = find_free_port()
    try:
        _call(
            [*as_user, programs / "initdb", "-D", data, "-U", ADMIN, "-A", "scram-sha-256", f"--pwfile={secret}",
             "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], folder,
        )  # fmt: skip
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -c unix_socket_directories={folder}"
        control = [*as_user, programs / "pg_ctl", "-D", data, "-w", "-t", "60"]
        _call([*control, "-l", folder / "log", "-o", options, "start"], folder)
        try:
            yield Postgres(port, password)
        finally:
            _call([*control, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _call(command: list[str | Path], folder: Path) -> None:
    """Run a program of PostgreSQL's; its output goes to a file, since the server that it starts keeps it open."""
    output = folder / "output"
    with open(output, "wb") as file:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False, timeout=90
        )
    if done.returncode:
        logs = [
            path.read_text(encoding="utf-8", errors="replace") for path in (output, folder / "log") if path.exists()
        ]
        raise RuntimeError(f"{command} ended with {done.returncode}:\n" + "\n".join(logs))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of this session's (of each of pytest-xdist's workers); skips where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        message = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with serve_postgres(programs) as server:
        yield server
