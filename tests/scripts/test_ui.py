"""Both pages open on loopback only, and end together with all that they started."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ui
from processes import is_alive, wait_until

# A server that starts a child, tells its number, and may refuse to go when asked.
SERVER = """
import signal, socket, subprocess, sys, time
port, stubborn, numbers = int(sys.argv[1]), sys.argv[2] == "stubborn", sys.argv[3]
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(numbers, "w").write(str(child.pid))
listener = socket.create_server(("127.0.0.1", port))
print("listening", flush=True)
time.sleep(60)
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody else's server, on a port of its own."""
    with socket.create_server((ui.HOST, 0)) as taken:
        yield taken


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def find_unused_port() -> int:
    """Let the system choose, so that tests at the same time do not meet."""
    with socket.create_server((ui.HOST, 0)) as probe:
        return port_of(probe)


def open_server(tmp_path: Path, port: int, mood: str = "polite") -> ui.Page:
    command = [sys.executable, "-c", SERVER, str(port), mood, str(tmp_path / f"child of {port}")]
    return ui.open_page("Server", command, port)


def test_taken_port_is_passed_over(listener: socket.socket) -> None:
    taken = port_of(listener)
    assert ui.find_free_port(taken) > taken
    assert not ui.is_free(taken)


def test_both_pages_get_different_ports(listener: socket.socket) -> None:
    first = ui.find_free_port(port_of(listener))
    assert ui.find_free_port(first, taken=[first]) > first


def test_no_free_port_is_said(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "N_PORTS_TRIED", 1)
    with pytest.raises(ui.PageError, match=str(port_of(listener))):
        ui.find_free_port(port_of(listener))


def test_commands_listen_on_loopback_on_their_own_ports() -> None:
    commands = ui.list_commands(5001, 4142)
    for title, port in (("MLflow", "5001"), ("Kedro-Viz", "4142")):
        command = commands[title]
        assert command[command.index("--host") + 1] == "127.0.0.1"
        assert command[command.index("--port") + 1] == port


def test_servers_are_told_to_keep_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    names = ["DO_NOT_TRACK", "KEDRO_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY"]
    page = ui.open_page("x", [sys.executable, "-c", f"import os; print([os.environ[n] for n in {names}])"], 1)
    page.process.wait(20)
    assert ui.read_tail(page) == "['true', 'true', 'true']"


@pytest.mark.parametrize("mood", ["polite", "stubborn"])
def test_closing_ends_a_server_and_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mood: str) -> None:
    page = open_server(tmp_path, find_unused_port(), mood)
    ui.wait_until_open(page, 90)
    child = int((tmp_path / f"child of {page.port}").read_text())
    assert is_alive(child)
    ui.close_pages([page], timeout_s=0.5)
    assert page.process.returncode == (-signal.SIGKILL if mood == "stubborn" else -signal.SIGTERM)
    wait_until(lambda: not is_alive(child), 60)


def test_server_that_cannot_start_shows_what_it_said() -> None:
    page = ui.open_page("Server", [sys.executable, "-c", "raise SystemExit('그래프가 없습니다')"], 1)
    with pytest.raises(ui.PageError, match="Server ended with status 1:\n그래프가 없습니다"):
        ui.wait_until_open(page, 90)
    ui.close_pages([page])


def test_server_that_never_answers_is_given_up() -> None:
    page = ui.open_page("Server", [sys.executable, "-c", "import time; time.sleep(60)"], find_unused_port())
    with pytest.raises(ui.PageError, match="does not answer"):
        ui.wait_until_open(page, 0.5)
    ui.close_pages([page])
    assert page.process.returncode == -signal.SIGTERM


def test_server_that_ends_by_itself_ends_the_watch(tmp_path: Path) -> None:
    page = ui.open_page("Server", [sys.executable, "-c", "print('out of memory')"], 1)
    with pytest.raises(ui.PageError, match="out of memory"):
        ui.watch([page])
    ui.close_pages([page])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_both_servers(tmp_path: Path, number: signal.Signals) -> None:
    first, second = find_unused_port(), find_unused_port()
    code = f"""
import sys; sys.path.insert(0, {str(Path(ui.__file__).parent)!r})
import ui
server = lambda port: [sys.executable, "-c", {SERVER!r}, str(port), "polite", {str(tmp_path)!r} + f"/child of {{port}}"]
ui.list_commands = lambda *ports: {{"MLflow": server(ports[0]), "Kedro-Viz": server(ports[1])}}
sys.exit(ui.main(["--mlflow-port", "{first}", "--viz-port", "{second}"]))
"""
    main = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert main.stdout is not None
    lines = [main.stdout.readline().split() for _ in range(2)]
    assert lines == [["MLflow", f"http://127.0.0.1:{first}"], ["Kedro-Viz", f"http://127.0.0.1:{second}"]]
    assert main.stdout.readline() == "Ctrl-C ends both.\n"
    os.kill(main.pid, number)
    assert main.wait(20) == 0
    assert not ui.answers(first)
    assert not ui.answers(second)
    for port in (first, second):
        assert not is_alive(int((tmp_path / f"child of {port}").read_text()))


def test_environment_and_parameters_are_those_of_the_graph_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def stop(*arguments: object) -> dict[str, list[str]]:
        asked.append(arguments[2:])
        raise ui.PageError("enough")

    with monkeypatch.context() as patch:
        patch.setattr(ui, "list_commands", stop)
        patch.setattr(ui.signal, "signal", lambda *arguments: None)
        assert ui.main(["--env", "server", "--params", "competition=꽃"]) == 1
    commands = ui.list_commands(1, 2, *asked[0])  # type: ignore[arg-type]
    assert commands["Kedro-Viz"][-2:] == ["--env=server", "--params=competition=꽃"]
    assert commands["MLflow"] == ui.list_commands(1, 2)["MLflow"]
