"""The team's MLflow server, as docs/how-to/share-results.md starts it: PostgreSQL, S3, names and passwords."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from services.object_store import ObjectStore
from services.postgres import ADMIN, Postgres, find_free_port

ROOT = Path(__file__).parents[2]
BUCKET = "mlflow"
STARTS_WITHIN_S = 120

# What the page types, but for the port.
COMMAND = ["mlflow", "server", "--app-name", "basic-auth"]
PLACE = ["--host", "127.0.0.1", "--port", "{port}"]


@dataclass(frozen=True)
class TrackingServer:
    """A running server that asks for a password.

    Attributes:
        url: Its address.
        pid: Of its first process.
        port: Of loopback.
        admin: Name and password.
        bucket: Where artifacts lie.
    """

    url: str
    pid: int
    port: int
    admin: tuple[str, str]
    bucket: str = BUCKET

    def make_environment(self, user: str, password: str) -> dict[str, str]:
        """Return what a run needs in its environment to be let in."""
        return {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password,
        }

    def add_user(self, name: str, password: str | None = None) -> dict[str, str]:
        """Add a member of the team, as the admin does; return the environment of that member's runs."""
        password = password or secrets.token_hex(12)
        answer = requests.post(
            f"{self.url}/api/2.0/mlflow/users/create", json={"username": name, "password": password},
            auth=self.admin, timeout=60,
        )  # fmt: skip
        answer.raise_for_status()
        return self.make_environment(name, password)


def read_example() -> dict[str, str]:
    """Read the variables of ``server/env.example``."""
    lines = (ROOT / "server" / "env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def fill_in(postgres: Postgres, store: ObjectStore) -> dict[str, str]:
    """Fill in the example for these services."""
    own = {
        "PGPORT": str(postgres.port),
        "PGUSER": ADMIN,
        "PGPASSWORD": postgres.password,
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.token_hex(12),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(12),
        "MLFLOW_WORKERS": "1",  # each takes seconds to start
    }
    return {**read_example(), **own, **store.environment}


@contextmanager
def serve_tracking(environment: Mapping[str, str], log: Path) -> Iterator[TrackingServer]:
    """Start the server with the example's variables filled in, and end it with all its processes."""
    port = find_free_port()
    command = [sys.executable, "-m", *COMMAND, *(part.format(port=port) for part in PLACE)]
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(process, url, log)
        yield TrackingServer(url, process.pid, port, ("admin", environment["MLFLOW_AUTH_ADMIN_PASSWORD"]))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/health", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise RuntimeError(f"the tracking server did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


@pytest.fixture(scope="session")
def tracking_server(
    postgres: Postgres, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrackingServer]:
    """A server for the whole session (of each of pytest-xdist's workers)."""
    pytest.importorskip("flask_wtf", reason="mlflow[auth], of the extra 'test', is not installed")
    for database in ("mlflow", "mlflow_auth"):
        postgres.url(database)
    environment = fill_in(postgres, object_store)
    subprocess.run([sys.executable, ROOT / "server" / "make_bucket.py"], env={**os.environ, **environment}, check=True)
    log = tmp_path_factory.mktemp("tracking") / "server.log"
    with serve_tracking(environment, log) as server:
        yield server
