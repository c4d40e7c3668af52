"""An SFTP server on loopback, by paramiko's own server side, for one test session."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

USER = "kim"


@dataclass(frozen=True)
class SftpServer:
    """A running server, which shows the whole disk to one user with one key.

    Attributes:
        port: On 127.0.0.1.
        key_file: The user's private key.
        known_hosts: A line for ``~/.ssh/known_hosts``.
    """

    port: int
    key_file: Path
    known_hosts: str

    def make_url(self, folder: Path) -> str:
        """Return the URL of a folder."""
        return f"sftp://{USER}@127.0.0.1:{self.port}{folder}"


class _Gate(paramiko.ServerInterface):
    """Lets in one user with one key."""

    def __init__(self, key: paramiko.PKey):
        self._key = key

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_right = (username, key) == (USER, self._key)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _OpenFile(paramiko.SFTPHandle):
    """A file of the disk."""

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Disk(paramiko.SFTPServerInterface):
    """Passes every request on to the disk."""

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        handle = _OpenFile(flags)
        handle.readfile = handle.writefile = os.fdopen(descriptor, "wb" if flags & os.O_WRONLY else "rb")
        return handle

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            return [
                paramiko.SFTPAttributes.from_stat(os.stat(os.path.join(path, name)), name) for name in os.listdir(path)
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return self._do(os.mkdir, path)

    def remove(self, path: str) -> int:
        return self._do(os.remove, path)

    def _do(self, change, path: str) -> int:  # type: ignore[no-untyped-def]
        try:
            change(path)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK


@contextmanager
def serve_sftp(folder: Path) -> Iterator[SftpServer]:
    """Run a server on a free port of loopback.

    Args:
        folder: For the user's key.
    """
    host_key, user_key = paramiko.RSAKey.generate(2048), paramiko.RSAKey.generate(2048)
    key_file = folder / "id_rsa"
    user_key.write_private_key_file(str(key_file))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        transports: list[paramiko.Transport] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(host_key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Disk)
                transport.start_server(server=_Gate(user_key))

        threading.Thread(target=accept, daemon=True).start()
        yield SftpServer(port, key_file, f"[127.0.0.1]:{port} {host_key.get_name()} {host_key.get_base64()}\n")
        listening.shutdown(socket.SHUT_RDWR)
        for transport in transports:
            transport.close()


@pytest.fixture(scope="session")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    """An SFTP server for the whole session."""
    with serve_sftp(tmp_path_factory.mktemp("sftp")) as server:
        yield server
