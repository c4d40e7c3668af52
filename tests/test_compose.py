"""The containers do what the tested commands do, listen on loopback alone, and hold no secret; no engine is needed."""

import re
import shlex
from typing import Any

import pytest
import yaml

from conftest import ROOT
from services.tracking_server import COMMAND, PLACE, read_example

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PAGE = (ROOT / "docs" / "how-to" / "share-results.md").read_text(encoding="utf-8")
SECRETS = {"PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    service = SERVICES[name]
    if "image" in service:
        images = [service["image"]]
    else:
        images = re.findall(r"^FROM (\S+)", (ROOT / service["build"]["dockerfile"]).read_text(), re.MULTILINE)
    assert images and all(re.fullmatch(r"[\w/.-]+:\d+(\.\d+)+[\w.-]*", image) for image in images), images


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_port_is_one_of_loopback(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))
    assert SERVICES[name].get("network_mode") is None


def test_every_secret_is_asked_for_and_none_is_written_down() -> None:
    example = read_example()
    assert {name for name, value in example.items() if not value} == SECRETS
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name in SECRETS:
        uses = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert uses and all(use.startswith(":?") for use in uses), name
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|KEY", name) or value.startswith("${"), name


def test_variables_are_those_of_the_example() -> None:
    example, known = read_example(), set()
    for service in SERVICES.values():
        known |= set(re.findall(r"\$\{(\w+)", " ".join(map(str, service.get("environment", {}).values()))))
    assert known <= set(example)
    inside = {"PGHOST", "PGPORT", "MLFLOW_S3_ENDPOINT_URL"}  # names of services instead of loopback
    assert set(SERVICES["mlflow"]["environment"]) == set(example)
    assert set(example) - known == inside


def test_server_is_started_by_the_command_that_the_tests_and_the_page_use_but_for_its_place() -> None:
    command = SERVICES["mlflow"]["command"]
    assert command[: len(COMMAND)] == COMMAND
    assert command[len(COMMAND) :] == ["--host", "0.0.0.0", "--port", "5000"]
    typed = [shlex.split(line) for line in PAGE.splitlines() if line.startswith("mlflow server")]
    assert typed == [[*COMMAND, *(part.format(port=5000) for part in PLACE)]]
    assert f"python {SERVICES['bucket']['command'][1]}" in PAGE


def test_whatever_stays_up_is_watched_and_keeps_its_files_in_volumes_with_names() -> None:
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) == (service["restart"] == "unless-stopped"), name
    mounted = {part.split(":")[0] for service in SERVICES.values() for part in service.get("volumes", [])}
    assert {part for part in mounted if not part.startswith("./")} == set(COMPOSE["volumes"])
    for part in mounted - set(COMPOSE["volumes"]):
        assert (ROOT / part).is_file(), part


def test_what_is_waited_for_exists() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_image_holds_the_servers_settings_and_nothing_of_the_data() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert "*" in ignored
    copied = re.findall(r"^COPY (\S+)", (ROOT / "server" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert copied == ["constraints.txt", "server"]
    assert {f"!{name}" for name in copied} <= set(ignored)
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert "mlflow" in pinned
