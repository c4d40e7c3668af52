"""Open MLflow and Kedro-Viz side by side, on this machine only, and end both together.

Both listen on loopback: neither asks for a password, so nobody else on the network should reach them. A port that is
taken is passed over for the next free one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

HOST = "127.0.0.1"
MLFLOW_STORE = "sqlite:///mlflow.db"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
N_PORTS_TRIED = 50
LOG_TAIL_LINES = 60
SILENT = {"DO_NOT_TRACK": "true", "KEDRO_DISABLE_TELEMETRY": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


class PageError(Exception):
    """A page that could not be opened."""


@dataclass
class Page:
    """A server that is being started or runs.

    Attributes:
        title: What the user calls it.
        address: Where a browser finds it.
        port: Its port on loopback.
        process: The server; it leads a process group of its own, with all that it starts.
        log: What it prints.
    """

    title: str
    address: str
    port: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]


def find_free_port(first: int, taken: Sequence[int] = ()) -> int:
    """Return the first port from ``first`` on that nobody listens on and that is not in ``taken``.

    Raises:
        PageError: Fifty ports in a row are in use.
    """
    for port in range(first, first + N_PORTS_TRIED):
        if port not in taken and is_free(port):
            return port
    raise PageError(f"All ports from {first} to {first + N_PORTS_TRIED - 1} are in use.")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on ``port`` of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port just left is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether somebody listens on ``port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def open_page(title: str, command: Sequence[str], port: int) -> Page:
    """Start one server, its output kept aside, in a process group of its own so that it can be ended as a whole."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the page)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **SILENT},
        start_new_session=True,
    )
    return Page(title, f"http://{HOST}:{port}", port, process, log)


def wait_until_open(page: Page, timeout_s: float = START_TIMEOUT_S) -> None:
    """Return as soon as ``page`` answers.

    Raises:
        PageError: Its server ended, or does not answer in time; the message ends with what it printed last.
    """
    deadline = time.monotonic() + timeout_s
    while not answers(page.port):
        if page.process.poll() is not None:
            raise PageError(f"{page.title} ended with status {page.process.returncode}:\n{read_tail(page)}")
        if time.monotonic() > deadline:
            raise PageError(f"{page.title} does not answer after {timeout_s:.0f} s:\n{read_tail(page)}")
        time.sleep(0.2)


def read_tail(page: Page) -> str:
    """Return the last lines that a server printed."""
    page.log.seek(0)
    return "\n".join(page.log.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def close_pages(pages: Sequence[Page], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End all servers with everything they started: politely, and by force those that stay."""
    for page in pages:
        signal_group(page, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    for page in pages:
        with contextlib.suppress(subprocess.TimeoutExpired):
            page.process.wait(max(0.0, deadline - time.monotonic()))
        signal_group(page, signal.SIGKILL)  # the server itself when it stays, and whatever outlived it
        page.process.wait()
        page.log.close()


def signal_group(page: Page, number: signal.Signals) -> None:
    """Send a signal to a server and all that it started; those already gone are no error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(page.process.pid, number)


def watch(pages: Sequence[Page]) -> None:
    """Return only by an exception: the user's Ctrl-C, or a server that ends by itself.

    Raises:
        PageError: A server ended.
    """
    while True:
        for page in pages:
            if page.process.poll() is not None:
                raise PageError(f"{page.title} ended with status {page.process.returncode}:\n{read_tail(page)}")
        time.sleep(0.5)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Treat a polite request to end like Ctrl-C."""
    raise KeyboardInterrupt


def list_commands(mlflow_port: int, viz_port: int, *of_viz: str) -> dict[str, list[str]]:
    """Name both servers' command lines by what the user calls them.

    Args:
        mlflow_port, viz_port: Of loopback.
        of_viz: Further arguments of Kedro-Viz.
    """
    mlflow = ["mlflow", "ui", "--backend-store-uri", MLFLOW_STORE, "--host", HOST, "--port", str(mlflow_port)]
    viz = ["kedro", "viz", "run", "--host", HOST, "--port", str(viz_port), "--no-browser", *of_viz]
    return {"MLflow": [sys.executable, "-m", *mlflow], "Kedro-Viz": [sys.executable, "-m", *viz]}


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line until Ctrl-C; the exit status is 1 when a server fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlflow-port", type=int, default=5000, help="first port to try for MLflow (default: 5000)")
    parser.add_argument("--viz-port", type=int, default=4141, help="first port to try for Kedro-Viz (default: 4141)")
    parser.add_argument("--env", help="environment whose tables and plots Kedro-Viz shows, as in kedro run")
    parser.add_argument("--params", help="parameters for that, such as competition=NAME")
    options = parser.parse_args(arguments)
    of_viz = [f"--{name}={value}" for name in ("env", "params") if (value := getattr(options, name))]
    os.chdir(Path(__file__).resolve().parent.parent)
    signal.signal(signal.SIGTERM, interrupt)
    pages: list[Page] = []
    try:
        mlflow_port = find_free_port(options.mlflow_port)
        ports = (mlflow_port, find_free_port(options.viz_port, taken=[mlflow_port]))
        for (title, command), port in zip(list_commands(*ports, *of_viz).items(), ports, strict=True):
            pages.append(open_page(title, command, port))
        for page in pages:
            wait_until_open(page)
            print(f"{page.title:10} {page.address}", flush=True)
        print("Ctrl-C ends both.", flush=True)
        watch(pages)
    except KeyboardInterrupt:
        print("\nEnding both.", flush=True)
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C would leave a server behind
        close_pages(pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
