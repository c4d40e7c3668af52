"""A backup's folder in a store: objects named by their content, manifests, and whose it is."""

import base64
import hashlib
import posixpath
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from fsspec import AbstractFileSystem
from fsspec.core import split_protocol, url_to_fs

CHUNK = 1 << 20
MAX_SINGLE_UPLOAD = 5 * 10**9
"""Bytes; S3 takes no more in one piece."""


class DamagedObjectError(OSError):
    """What a store holds is not what was sent, or not what its name says."""


class Store:
    """A folder of a file system that fsspec knows.

    - ``objects/<first two digits>/<sha256>``: a file's content; equal content is there once
    - ``manifests/``: see :mod:`podium.backup.manifest`
    - ``owner.json``: see :mod:`podium.backup.ownership`

    Attributes:
        n_at_once: So many objects may be sent or fetched at the same time, each in a thread.
    """

    n_at_once = 4

    def __init__(self, files: AbstractFileSystem, root: str):
        self._files = files
        self._root = root.rstrip("/")
        self._made: set[str] = set()

    def list_objects(self) -> dict[str, int]:
        """Return the size in bytes of every object that is there, by the SHA-256 that is its name."""
        return {path.rpartition("/")[2]: int(info["size"]) for path, info in self._find("objects").items()}

    def list_names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted; none where there is no folder."""
        return sorted(path.rpartition("/")[2] for path in self._find(folder))

    def put_object(self, sha256: str, file: BinaryIO, n_bytes: int) -> None:
        """Send a file, and make sure that it arrived.

        Args:
            sha256: Of its content.
            file: Open at its beginning.
            n_bytes: Its size.

        Raises:
            DamagedObjectError: Something else arrived.
        """
        path = self._locate_object(sha256)
        self._make_parent(path)
        self._send(file, path)
        with self.open_object(sha256) as sent:
            if hash_file(sent) != sha256:
                raise DamagedObjectError(f"{path}: another content arrived than was sent")

    def open_object(self, sha256: str) -> AbstractContextManager[BinaryIO]:
        """Open an object for reading."""
        opened: AbstractContextManager[BinaryIO] = self._files.open(self._locate_object(sha256), "rb")
        return opened

    def remove_objects(self, sha256s: Iterable[str]) -> None:
        """Remove objects; those that are gone already do not matter."""
        self._remove([self._locate_object(sha256) for sha256 in sorted(sha256s)])

    def put(self, path: str, data: bytes) -> None:
        """Write a small file, whole, and make sure that it arrived.

        Raises:
            DamagedObjectError: Something else arrived.
        """
        full = f"{self._root}/{path}"
        self._make_parent(full)
        self._files.pipe_file(full, data)
        if self.get(path) != data:
            raise DamagedObjectError(f"{full}: another content arrived than was sent")

    def get(self, path: str) -> bytes | None:
        """Read a small file; None when there is none."""
        try:
            data: bytes = self._files.cat_file(f"{self._root}/{path}")
        except FileNotFoundError:
            return None
        return data

    def remove(self, paths: Iterable[str]) -> None:
        """Remove small files."""
        self._remove([f"{self._root}/{path}" for path in paths])

    def _find(self, folder: str) -> Mapping[str, dict[str, Any]]:
        self._files.invalidate_cache()
        found: Mapping[str, dict[str, Any]] = self._files.find(f"{self._root}/{folder}", detail=True)
        return found

    def _locate_object(self, sha256: str) -> str:
        return f"{self._root}/objects/{sha256[:2]}/{sha256}"

    def _make_parent(self, path: str) -> None:
        parent = posixpath.dirname(path)
        if parent not in self._made:
            self._files.makedirs(parent, exist_ok=True)
            self._made.add(parent)

    def _send(self, file: BinaryIO, path: str) -> None:
        with self._files.open(path, "wb") as target:
            shutil.copyfileobj(file, target, CHUNK)

    def _remove(self, paths: list[str]) -> None:
        for path in paths:
            try:
                self._files.rm_file(path)
            except FileNotFoundError:
                continue


class FolderStore(Store):
    """A mounted folder, which has to be there: one that is not mounted would be made on this machine's own disk."""

    def __init__(self, files: AbstractFileSystem, root: str):
        super().__init__(files, root)
        parent = posixpath.dirname(self._root)
        if not files.isdir(parent):
            raise FileNotFoundError(f"{parent}: there is no such folder; is it mounted?")


class S3Store(Store):
    """A bucket; it checks itself what arrives, against the SHA-256 that comes along."""

    def put_object(self, sha256: str, file: BinaryIO, n_bytes: int) -> None:
        if n_bytes > MAX_SINGLE_UPLOAD:
            super().put_object(sha256, file, n_bytes)
            return
        path = self._locate_object(sha256)
        bucket, _, key = path.partition("/")
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        answer = self._files.call_s3(
            "put_object", Bucket=bucket, Key=key, Body=file, ContentLength=n_bytes, ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
        )  # fmt: skip
        if answer.get("ChecksumSHA256") == checksum:
            return
        with self.open_object(sha256) as sent:  # a store that speaks S3 but knows nothing of checksums
            if hash_file(sent) != sha256:
                raise DamagedObjectError(f"{path}: another content arrived than was sent")

    def _make_parent(self, path: str) -> None:
        """Do nothing: a bucket has no folders."""

    def _remove(self, paths: list[str]) -> None:
        if paths:
            self._files.rm(paths)


class SftpStore(Store):
    """A folder of a machine that SSH reaches; one request at a time, without a wait for each block's receipt."""

    n_at_once = 1

    def _send(self, file: BinaryIO, path: str) -> None:
        self._files.ftp.putfo(file, path)

    def open_object(self, sha256: str) -> AbstractContextManager[BinaryIO]:
        file = self._files.ftp.open(self._locate_object(sha256), "rb")
        file.prefetch(max_concurrent_requests=64)  # of 32 kB: no whole file lies in memory
        opened: AbstractContextManager[BinaryIO] = file
        return opened


STORES: dict[str, type[Store]] = {
    "file": FolderStore, "local": FolderStore, "s3": S3Store, "s3a": S3Store, "sftp": SftpStore, "ssh": SftpStore,
}  # fmt: skip
SSH = ("sftp", "ssh")


def open_store(url: str, name: str, options: Mapping[str, Any]) -> Store:
    """Open the folder of a workspace.

    Args:
        url: See :class:`podium.backup.config.BackupConfig`.
        name: Of the workspace.
        options: Of fsspec's file system, credentials among them.

    Raises:
        FileNotFoundError: It is a folder of this machine that is not there.
    """
    protocol = split_protocol(url)[0] or "file"
    options = {**options, "skip_instance_cache": True}  # a connection that broke is not taken again
    if protocol in SSH:
        from podium.backup.host_keys import KnownHostsOnly

        options.setdefault("host_key_policy", KnownHostsOnly())
        options.setdefault("timeout", 30)
    files, root = url_to_fs(url, **options)
    return STORES.get(protocol, Store)(files, f"{root.rstrip('/')}/{name}")


def hash_file(file: BinaryIO) -> str:
    """Return the SHA-256 of an open file from where it stands, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    while block := file.read(CHUNK):
        digest.update(block)
    return digest.hexdigest()
