"""The team's server lets nobody in without a password, and nobody else's machine reaches it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from conftest import ROOT
from podium.errors import InputError
from podium.run_tracking import RunTracking
from services.object_store import ObjectStore
from services.postgres import Postgres
from services.tracking_server import TrackingServer

pytestmark = pytest.mark.slow

LISTENS, LOOPBACK = "0A", {"0100007F", "00000000000000000000000001000000"}
PATHS = ["api/2.0/mlflow/experiments/search?max_results=1", "api/2.0/mlflow-artifacts/artifacts?path=0", ""]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("credentials", [None, ("admin", "password1234"), ("nobody", "")])
def test_server_answers_nobody_without_the_right_password(
    tracking_server: TrackingServer, path: str, credentials: tuple[str, str] | None
) -> None:
    url = f"{tracking_server.url}/{path}"
    assert requests.get(url, auth=credentials, timeout=60).status_code == 401
    assert requests.get(url, auth=tracking_server.admin, timeout=60).ok


def test_run_without_a_password_ends_before_its_first_node_and_says_what_to_set(
    tracking_server: TrackingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    tracking = RunTracking()
    tracking._config.server.mlflow_tracking_uri = tracking_server.url
    with pytest.raises(InputError, match="does not let this run in") as error:
        tracking._begin({}, [])
    assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in error.value.cases[0]


def test_admin_adds_members_who_may_not_add_each_other(tracking_server: TrackingServer) -> None:
    admin = tracking_server.make_environment(*tracking_server.admin)
    done = subprocess.run(
        [sys.executable, ROOT / "server" / "add_user.py", "lee"], input="a-new-word-12\n", text=True,
        env={**os.environ, **admin}, start_new_session=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    member = ("lee", "a-new-word-12")
    assert requests.get(f"{tracking_server.url}/{PATHS[0]}", auth=member, timeout=60).ok
    url = f"{tracking_server.url}/api/2.0/mlflow/users/create"
    answer = requests.post(url, json={"username": "park", "password": "another-word-12"}, auth=member, timeout=60)
    assert answer.status_code == 403


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="Linux tells there who listens")
def test_all_parts_listen_on_loopback_alone(
    tracking_server: TrackingServer, postgres: Postgres, object_store: ObjectStore
) -> None:
    own = {tracking_server.port, postgres.port, int(object_store.endpoint_url.rpartition(":")[2])}
    addresses: dict[int, set[str]] = {}
    inodes = list_sockets(tracking_server.pid)
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(file).read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == LISTENS and (int(port, 16) in own or fields[9] in inodes):
                addresses.setdefault(int(port, 16), set()).add(address)
    assert own <= set(addresses)
    assert {address for found in addresses.values() for address in found} <= LOOPBACK


def list_sockets(session: int) -> set[str]:
    """List the inodes of all sockets of a session's processes."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                found |= {os.readlink(handle)[8:-1] for handle in (process / "fd").iterdir()}
        except OSError:  # it ended meanwhile
            continue
    return found
