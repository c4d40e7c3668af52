"""Every kind of store keeps what it is given, and says so only after a look."""

import base64
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.backup.store import DamagedObjectError, FolderStore, S3Store, SftpStore, Store, open_store
from services.object_store import ObjectStore
from services.sftp_server import SftpServer

CONTENT = "한글 content ".encode() * 200_000  # more than one block of any protocol
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "팀 1"


@pytest.fixture(params=["folder", "s3", "sftp"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Store]:
    """Open the same folder of one kind of store as often as wanted."""
    if request.param == "folder":
        return lambda: open_store(str(tmp_path), NAME, {})
    if request.param == "s3":
        objects: ObjectStore = request.getfixturevalue("object_store")
        for name, value in objects.environment.items():
            monkeypatch.setenv(name, value)
        bucket = objects.make_bucket(f"store-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20]}")
        return lambda: open_store(f"{bucket}/folder", NAME, {})
    server: SftpServer = request.getfixturevalue("sftp_server")
    meet(server, tmp_path, monkeypatch)
    url = server.make_url(tmp_path / "remote")
    return lambda: open_store(url, NAME, {"key_filename": str(server.key_file)})


def meet(server: SftpServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the process a home in which the server is known."""
    (folder / ".ssh").mkdir()
    (folder / ".ssh/known_hosts").write_text(server.known_hosts)
    monkeypatch.setenv("HOME", str(folder))


def test_every_protocol_has_its_store_and_keeps_what_it_is_given(opened: Callable[[], Store]) -> None:
    store = opened()
    assert type(store) in (FolderStore, S3Store, SftpStore)
    assert store.list_objects() == {}
    assert store.list_names("manifests") == []
    assert store.get("owner.json") is None
    store.put_object(SHA256, io.BytesIO(CONTENT), len(CONTENT))
    empty = hashlib.sha256(b"").hexdigest()
    store.put_object(empty, io.BytesIO(b""), 0)
    store.put("owner.json", b"old")
    store.put("owner.json", b"new")
    store.put("manifests/a.json.gz", b"x")
    again = opened()
    assert again.list_objects() == {SHA256: len(CONTENT), empty: 0}
    with again.open_object(SHA256) as file:
        assert file.read() == CONTENT
    assert again.get("owner.json") == b"new"
    assert again.list_names("manifests") == ["a.json.gz"]
    again.remove_objects([empty, "ab" * 32])
    again.remove(["manifests/a.json.gz"])
    assert store.list_objects() == {SHA256: len(CONTENT)}
    assert store.list_names("manifests") == []
    with pytest.raises(FileNotFoundError), again.open_object(empty) as file:
        file.read()


@pytest.mark.parametrize("opened", ["folder", "sftp"], indirect=True)
def test_content_that_is_not_what_its_name_says_is_noticed(opened: Callable[[], Store]) -> None:
    with pytest.raises(DamagedObjectError):
        opened().put_object("ab" * 32, io.BytesIO(CONTENT), len(CONTENT))


class Bucket:
    """Stands in for s3fs: a store that answers with what it likes, and holds what it likes."""

    def __init__(self, answer: dict[str, str], held: bytes):
        self.answer, self.held = answer, held
        self.sent: dict[str, Any] = {}

    def call_s3(self, method: str, **arguments: Any) -> dict[str, str]:
        self.sent = {"method": method, **arguments}
        return self.answer

    def open(self, path: str, mode: str) -> io.BytesIO:
        return io.BytesIO(self.held)


def test_s3_is_told_the_checksum_and_one_that_keeps_silent_is_read_back() -> None:
    bucket = Bucket({}, CONTENT)
    S3Store(bucket, "bucket/a/b").put_object(SHA256, io.BytesIO(CONTENT), len(CONTENT))  # type: ignore[arg-type]
    assert (bucket.sent["Bucket"], bucket.sent["Key"]) == ("bucket", f"a/b/objects/{SHA256[:2]}/{SHA256}")
    assert base64.b64decode(bucket.sent["ChecksumSHA256"]).hex() == SHA256
    torn = Bucket({"ChecksumSHA256": "another"}, CONTENT[:-1])
    with pytest.raises(DamagedObjectError):
        S3Store(torn, "bucket/a").put_object(SHA256, io.BytesIO(CONTENT), len(CONTENT))  # type: ignore[arg-type]
    trusted = Bucket({"ChecksumSHA256": bucket.sent["ChecksumSHA256"]}, b"")
    S3Store(trusted, "bucket/a").put_object(SHA256, io.BytesIO(CONTENT), len(CONTENT))  # type: ignore[arg-type]


def test_folder_that_is_not_mounted_is_never_made_on_this_machines_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is it mounted"):
        open_store(str(tmp_path / "nas"), NAME, {})
    assert list(tmp_path.iterdir()) == []


def test_host_that_nobody_met_or_that_has_another_key_is_refused(
    sftp_server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import paramiko

    meet(sftp_server, tmp_path, monkeypatch)
    url, options = sftp_server.make_url(tmp_path), {"key_filename": str(sftp_server.key_file)}
    known = tmp_path / ".ssh/known_hosts"
    known.write_text("")
    with pytest.raises(paramiko.SSHException, match="is not known"):
        open_store(url, NAME, options)
    other = paramiko.RSAKey.generate(1024)
    known.write_text(f"[127.0.0.1]:{sftp_server.port} {other.get_name()} {other.get_base64()}\n")
    with pytest.raises(paramiko.SSHException):
        open_store(url, NAME, options)
    known.unlink()
    with pytest.raises(paramiko.SSHException, match="is not known"):
        open_store(url, NAME, options)
