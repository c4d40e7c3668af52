"""Firefox as it is installed, driven by the protocol that it brings along: a few commands over a local socket.

Playwright drives a Firefox of its own making, or one that is newer than Debian's. Marionette is in every Firefox; its
commands are those of WebDriver (https://www.w3.org/TR/webdriver2/), each a JSON list behind its length in bytes.
"""

import base64
import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

Found = TypeVar("Found")

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""Under this key WebDriver names an element (section 12.2 of the standard)."""

START_S, STEP_S = 60.0, 20.0

ENTER, ESCAPE, HOME = "\ue007", "\ue00c", "\ue011"
"""Keys as WebDriver writes them (section 17.4.2 of the standard)."""

SETTINGS = {
    "marionette.port": 0,  # any free one; Firefox writes it into the profile
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.download.always_ask_before_handling_new_types": False,
    "browser.download.manager.addToRecentDocs": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.proxy.type": 1,  # nothing outside of this machine is reached
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "intl.accept_languages": "en",
}


class Firefox:
    """One window without a screen, with a profile and downloads of its own below ``folder``."""

    def __init__(self, executable: str, folder: Path):
        self.downloads, self._profile = folder / "downloads", folder / "profile"
        for path in (self.downloads, self._profile):
            path.mkdir(parents=True)
        settings = {**SETTINGS, "browser.download.dir": str(self.downloads)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (self._profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        command = [executable, "--headless", "--no-remote", "--marionette", "--profile", str(self._profile)]
        self._log = (folder / "firefox.log").open("wb")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        self._n_sent = 0

    def __enter__(self) -> Self:
        try:
            port = wait_for(self._find_port, START_S)
            self._socket = socket.create_connection(("127.0.0.1", port), timeout=START_S)
            self._receive()  # the greeting
            self.send("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": False}})
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.send("Marionette:Quit", flags=["eForceQuit"])
            self._process.wait(STEP_S)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            pass
        self._end()

    def send(self, command: str, **parameters: Any) -> Any:
        """Send a command and return its result.

        Raises:
            RuntimeError: Firefox refuses it.
        """
        self._n_sent += 1
        message = json.dumps([0, self._n_sent, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        if error is not None:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self.send("WebDriver:Navigate", url=address)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page, and return what it returns."""
        return self.send("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def click(self, selector: str) -> None:
        """Click on the first element that fits; on an option, this chooses it."""
        self.send("WebDriver:ElementClick", id=self._find(selector))

    def type(self, selector: str, keys: str) -> None:
        """Type into the first element that fits."""
        self.send("WebDriver:ElementSendKeys", id=self._find(selector), text=keys)

    def read(self, selector: str) -> str:
        """Return the text that the first element that fits shows."""
        return str(self.send("WebDriver:GetElementText", id=self._find(selector)))

    def photograph(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.send("WebDriver:TakeScreenshot", full=False)))

    def _find(self, selector: str) -> str:
        found = self.send("WebDriver:FindElement", using="css selector", value=selector)
        return str(found[ELEMENT])

    def _find_port(self) -> int | None:
        if self._process.poll() is not None:
            raise RuntimeError(f"Firefox ended with {self._process.returncode}")
        file = self._profile / "MarionetteActivePort"
        text = file.read_text(encoding="ascii") if file.exists() else ""
        return int(text) if text.strip() else None

    def _receive(self) -> Any:
        """Read one message: its length in bytes, a colon, and so much JSON."""
        length = b""
        while not length.endswith(b":"):
            length += self._read_bytes(1)
        return json.loads(self._read_bytes(int(length[:-1])))

    def _read_bytes(self, n_bytes: int) -> bytes:
        content = bytearray()
        while len(content) < n_bytes:
            part = self._socket.recv(n_bytes - len(content))
            if not part:
                raise ConnectionError("Firefox closed the connection")
            content += part
        return bytes(content)

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if hasattr(self, "_socket"):
            self._socket.close()
        self._log.close()


def wait_for(find: Callable[[], Found | None], limit_s: float = STEP_S) -> Found:
    """Ask until there is an answer other than None or False.

    Raises:
        TimeoutError: There is none in time.
    """
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = find()
        if found is not None and found is not False:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"nothing in {limit_s} s")
